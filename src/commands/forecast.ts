import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { forecastPage } from './forecast-page.ts'
import { document, lines, painter } from './text.ts'
import { operation } from './operation.ts'
import { forecastAnswer, forecastInput } from './shapes/log.ts'

const foretell = operation({
  name: 'forecast',
  access: 'viewer',
  summary: 'what an outage would leave, and when each step bites',
  input: forecastInput,
  output: forecastAnswer,
  run: ({ offlineMs, whatIf }, { agent }) => agent.forecast(offlineMs, whatIf),
})

const OFFLINE_DEFAULT = '30d'
const OFFLINE_DAYS_MAX = 3_660
const DAY_MS = 86_400_000

export const forecast: Command = {
  name: 'forecast',
  role: 'view',
  summary: foretell.summary,
  arguments: [],
  options: { offline: { value: 'DURATION', summary: `how long nothing is delivered, ${OFFLINE_DEFAULT} where it is missing` } },
  async run(context) {
    const made = await context.agent.forecast(offlineMs(context))
    if (context.json) await document(context, made)
    else await lines(context.out, forecastPage(made, painter(context.out, context.env), context.out.width))
    return DONE
  },
  operation: foretell,
}

function offlineMs({ options }: CommandContext): number {
  const text = typeof options.offline === 'string' ? options.offline : OFFLINE_DEFAULT
  const ms = Math.round(parseDurationMs(text) ?? 0)
  if (ms >= 1 && ms <= OFFLINE_DAYS_MAX * DAY_MS) return ms
  const allowed = ms < 1 ? `is not ${DURATION_ALLOWED}` : `is longer than ${OFFLINE_DAYS_MAX}d`
  throw new BadInput([{ where: '--offline', text: `"${text}" ${allowed}` }])
}
