import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { sourceTable } from './status-page.ts'
import { document, lines } from './text.ts'
import { nowMicros } from './times.ts'
import { z } from 'zod'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { sourceReport } from './shapes/status.ts'

const list = operation({
  name: 'sources',
  access: 'viewer',
  summary: 'the sources: state, rate, last reading, what is wrong',
  input: nothing,
  output: z.array(sourceReport),
  run: async (_, { agent }) => [...(await agent.status()).sources],
})

export const sources: Command = {
  name: 'sources',
  role: 'view',
  summary: list.summary,
  arguments: [],
  options: {},
  operation: list,
  async run(context) {
    const seen = await context.agent.status()
    if (context.json) await document(context, seen.sources)
    else await lines(context.out, sourceTable(seen.sources, nowMicros(), context.out.width))
    return DONE
  },
}
