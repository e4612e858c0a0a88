import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { updateNow } from './shapes/update.ts'
import { showUpdate } from './update-page.ts'

const back = operation({
  name: 'update rollback',
  access: 'technician',
  summary: 'boots the other slot, with the version that was there before',
  input: z.strictObject({}),
  output: updateNow,
  audited: [],
  run: (_, { updater, by }) => updater.rollBack(by),
})

export const updateRollback: Command = {
  name: 'update rollback',
  role: 'local',
  summary: back.summary,
  arguments: [],
  options: {},
  operation: back,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    return showUpdate(context, await updater.rollBack('cli'))
  },
}
