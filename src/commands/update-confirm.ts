import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { updateNow } from './shapes/update.ts'
import { showUpdate } from './update-page.ts'

const confirm = operation({
  name: 'update confirm',
  access: 'technician',
  summary: 'installs now what waits for a window or for somebody to agree',
  input: z.strictObject({}),
  output: updateNow,
  audited: [],
  run: (_, { updater, by }) => updater.confirm(by),
})

export const updateConfirm: Command = {
  name: 'update confirm',
  role: 'local',
  summary: confirm.summary,
  arguments: [],
  options: {},
  operation: confirm,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    return showUpdate(context, await updater.confirm('cli'))
  },
}
