import { z } from 'zod'
import type { LogDay } from '../core/operator.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { bytesText } from './log.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { logDay } from './shapes/log.ts'
import { document, lines, shortCount, table } from './text.ts'
import { formatTime } from './times.ts'

const days = operation({
  name: 'log days',
  access: 'viewer',
  summary: 'what the log holds of each day and class, and what was given up of it',
  input: nothing,
  output: z.array(logDay),
  run: async (_, { agent }) => [...(await agent.logDays())],
})

export const logDays: Command = {
  name: 'log days',
  role: 'view',
  summary: days.summary,
  arguments: [],
  options: {},
  operation: days,
  async run(context) {
    const seen = await context.agent.logDays()
    if (context.json) await document(context, seen)
    else await lines(context.out, seen.length > 0 ? page(seen) : ['the log is empty'])
    return DONE
  },
}

function page(seen: readonly LogDay[]): string[] {
  const columns = [
    { title: 'DAY' },
    { title: 'CLASS', widthMax: 16 },
    { title: 'READINGS', align: 'right' },
    { title: 'BYTES', align: 'right' },
    { title: 'GIVEN UP' },
  ] as const
  return table(
    columns,
    seen.map((it) => [formatTime(it.day).slice(0, 10), it.class, shortCount(it.readings), bytesText(it.bytes), givenUp(it)]),
  )
}

function givenUp(it: LogDay): string {
  return Object.entries(it.givenUp)
    .map(([action, count]) => `${action} ${shortCount(count)}`)
    .join(', ')
}
