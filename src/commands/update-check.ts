import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { updateNow } from './shapes/update.ts'
import { showUpdate } from './update-page.ts'

const check = operation({
  name: 'update check',
  access: 'technician',
  summary: 'asks the update server now',
  input: z.strictObject({}),
  output: updateNow,
  run: (_, { updater }) => updater.check(),
})

export const updateCheck: Command = {
  name: 'update check',
  role: 'local',
  summary: check.summary,
  arguments: [],
  options: {},
  operation: check,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    return showUpdate(context, await updater.check())
  },
}
