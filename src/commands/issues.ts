import { z } from 'zod'
import type { SeenIssue } from '../core/status.ts'
import { formatDuration } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { seenIssue } from './shapes/status.ts'
import { document, lines, remedyLines, wrap } from './text.ts'
import { formatTime, nowMicros } from './times.ts'

const history = operation({
  name: 'issues',
  access: 'viewer',
  summary: 'which issues there are and were, from when to when; the youngest first',
  input: nothing,
  output: z.array(seenIssue),
  run: async (_, { agent }) => [...(await agent.issues())],
})

export const issues: Command = {
  name: 'issues',
  role: 'view',
  summary: 'issues since when they are there; with --ended those that are over',
  arguments: [],
  options: { ended: { summary: 'those that are over, with their begin and their end' } },
  operation: history,
  async run(context) {
    const wantsEnded = context.options['ended'] === true
    const found = (await context.agent.issues()).filter((it) => (it.ended !== null) === wantsEnded)
    if (context.json) await document(context, found)
    else await lines(context.out, page(found, wantsEnded, context))
    return DONE
  },
}

function page(found: readonly SeenIssue[], isEnded: boolean, { out }: CommandContext): string[] {
  if (found.length === 0) return [isEnded ? 'no issue has ended yet' : 'no issues']
  const now = nowMicros()
  return found.flatMap((it) => [
    ...wrap(`${it.code} ${it.severity} ${spanOf(it)}`, out.width),
    ...wrap(`${lastedText(it, now)}: ${it.text}`, out.width, '    '),
    ...(isEnded ? [] : remedyLines(it.remedy, out.width)),
  ])
}

const spanOf = ({ begun, ended }: SeenIssue) =>
  ended === null ? `since ${second(begun)}` : `${second(begun)} to ${second(ended)}`

function lastedText({ begun, ended, times }: SeenIssue, now: number): string {
  const lasted = formatDuration(Math.max(0, ((ended ?? now) - begun) / 1000))
  return times > 1 ? `${lasted}, ${times} times` : lasted
}

const second = (micros: number) => `${formatTime(micros).slice(0, 19)}Z`
