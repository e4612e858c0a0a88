import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { uplinkTable } from './status-page.ts'
import { document, lines } from './text.ts'

export const uplinks: Command = {
  name: 'uplinks',
  role: 'view',
  summary: 'the uplinks: state, lag, rate, what blocks them',
  arguments: [],
  options: {},
  async run(context) {
    const seen = await context.agent.status()
    if (context.json) await document(context, seen.uplinks)
    else await lines(context.out, uplinkTable(seen.uplinks, context.out.width))
    return DONE
  },
}
