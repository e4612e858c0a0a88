import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { sourceTable } from './status-page.ts'
import { document, lines } from './text.ts'
import { nowMicros } from './times.ts'

export const sources: Command = {
  name: 'sources',
  role: 'view',
  summary: 'the sources: state, rate, last reading, what is wrong',
  arguments: [],
  options: {},
  async run(context) {
    const seen = await context.agent.status()
    if (context.json) await document(context, seen.sources)
    else await lines(context.out, sourceTable(seen.sources, nowMicros(), context.out.width))
    return DONE
  },
}
