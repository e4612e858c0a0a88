import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { document, lines } from './text.ts'

export const exportKey: Command = {
  name: 'export key',
  role: 'view',
  summary: 'the key that this box signs its exports with',
  arguments: [],
  options: {},
  async run(context) {
    const found = await context.agent.exportKey()
    if (context.json) await document(context, found)
    // As import --box-key takes it.
    else await lines(context.out, [`${found.device}=${found.key}`])
    return DONE
  },
}
