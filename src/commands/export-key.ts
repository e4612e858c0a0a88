import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { document, lines } from './text.ts'
import { operation } from './operation.ts'
import * as shapes from './shapes/common.ts'

const key = operation({
  name: 'export key',
  access: 'viewer',
  summary: 'the key that this box signs its exports with',
  input: shapes.nothing,
  output: shapes.exportKey,
  run: (_, { agent }) => agent.exportKey(),
})

export const exportKey: Command = {
  name: 'export key',
  role: 'view',
  summary: key.summary,
  arguments: [],
  options: {},
  operation: key,
  async run(context) {
    const found = await context.agent.exportKey()
    if (context.json) await document(context, found)
    // As import --box-key takes it.
    else await lines(context.out, [`${found.device}=${found.key}`])
    return DONE
  },
}
