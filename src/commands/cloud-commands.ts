// The operator's look at what the cloud told this box.
import { z } from 'zod'
import { COMMANDS_MAX } from '../core/bounds.ts'
import type { CommandView } from '../core/cloud-command.ts'
import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { maybe, micros, shapeOf } from './shapes/shape.ts'
import { document, lines, table } from './text.ts'
import { formatTime } from './times.ts'

const LIMIT = 20

const answer = z.strictObject({
  result: z.enum(['done', 'refused', 'failed', 'unknown']),
  code: maybe(z.string()),
  reason: maybe(z.string()),
  detail: maybe(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))),
})

const view = shapeOf<CommandView>()(
  z.strictObject({
    id: z.string(),
    kind: z.string(),
    uplink: z.string(),
    state: z.enum(['waiting', 'begun', 'done']),
    received: micros,
    expires: micros.nullable(),
    ended: micros.nullable(),
    answer: answer.nullable(),
  }),
)

const list = operation({
  name: 'commands',
  access: 'viewer',
  summary: 'what the cloud told this box to do, and its answers; the youngest first',
  input: z.strictObject({ limit: z.int().min(1).max(COMMANDS_MAX).default(LIMIT) }),
  output: z.array(view),
  run: async ({ limit }, { agent }) => [...(await agent.commands(limit))],
})

export const cloudCommands: Command = {
  name: 'commands',
  role: 'view',
  summary: list.summary,
  arguments: [],
  options: { limit: { value: 'N', summary: `at most so many, ${LIMIT} where it is missing` } },
  operation: list,
  async run(context) {
    const seen = await context.agent.commands(limitOf(context))
    if (context.json) await document(context, seen)
    else await lines(context.out, seen.length > 0 ? page(seen) : ['the cloud has told this box nothing'])
    return DONE
  },
}

function limitOf({ options }: CommandContext): number {
  const limit = Number(options['limit'] ?? LIMIT)
  if (Number.isInteger(limit) && limit >= 1 && limit <= COMMANDS_MAX) return limit
  throw new BadInput([{ where: '--limit', text: `must be a whole number from 1 to ${COMMANDS_MAX}` }])
}

function page(seen: readonly CommandView[]): string[] {
  const columns = [
    { title: 'RECEIVED' },
    { title: 'KIND' },
    { title: 'ID', widthMax: 20 },
    { title: 'STATE' },
    { title: 'WHY', widthMax: 34 },
  ] as const
  const rows = seen.map(({ received, kind, id, state, answer: it }) => [
    formatTime(received).slice(0, 16),
    kind,
    id,
    it?.result ?? state,
    it?.code ?? '',
  ])
  return table(columns, rows)
}
