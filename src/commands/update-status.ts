import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { updateNow } from './shapes/update.ts'
import { showUpdate } from './update-page.ts'

const show = operation({
  name: 'update status',
  access: 'viewer',
  summary: 'what runs, what the slots hold, how far an update is',
  input: z.strictObject({}),
  output: updateNow,
  run: (_, { updater }) => updater.status(),
})

export const updateStatus: Command = {
  name: 'update status',
  role: 'local',
  summary: show.summary,
  arguments: [],
  options: {},
  operation: show,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    return showUpdate(context, await updater.status())
  },
}
