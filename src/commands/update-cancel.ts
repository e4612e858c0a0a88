import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { updateNow } from './shapes/update.ts'
import { showUpdate } from './update-page.ts'

const cancel = operation({
  name: 'update cancel',
  access: 'technician',
  summary: 'takes an update back that is not being installed yet',
  input: z.strictObject({}),
  output: updateNow,
  audited: [],
  run: (_, { updater, by }) => updater.cancel(by),
})

export const updateCancel: Command = {
  name: 'update cancel',
  role: 'local',
  summary: cancel.summary,
  arguments: [],
  options: {},
  operation: cancel,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    return showUpdate(context, await updater.cancel('cli'))
  },
}
