// What a record says: its own words, checked. What is wrong is an answer, never an error: whoever sent it is told.
import { z } from 'zod'
import { COMMAND_TEXT_CHARS_MAX, CONFIRM_MS_MAX, CONFIRM_MS_MIN } from '../core/bounds.ts'
import type { CommandAnswer, CommandKind } from '../core/cloud-command.ts'
import { COMMAND_KINDS } from '../core/cloud-command.ts'

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/
const ID = /^[^\p{Cc}]{1,128}$/u

const tag = z.string().min(1).max(255)
const value = z.union([z.number(), z.boolean(), z.string().max(100_000)])
/** Microseconds since 1970 UTC, or ISO 8601 with its zone. */
const time = z.union([
  z.int().min(0),
  z.iso
    .datetime({ offset: true, error: 'must be ISO 8601 with its zone, or µs since 1970' })
    .transform((it) => Date.parse(it) * 1000),
])

export const PUSH = z.strictObject({
  tag,
  value,
  class: z.string().max(256).optional(),
  unit: z.string().min(1).max(32).optional(),
})
export const REPLAY = z
  .strictObject({
    tags: z.array(z.string().min(1).max(4_096)).min(1).max(256),
    from: time,
    to: time,
    topic: z.string().regex(TOPIC),
  })
  .refine((it) => it.from < it.to, { error: 'from must be before to' })
export const SETTINGS = z.strictObject({
  text: z.string().min(1),
  base: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  confirmWithinMs: z.int().min(CONFIRM_MS_MIN).max(CONFIRM_MS_MAX).optional(),
})
export const WRITE = z.strictObject({ tag, value, source: z.string().min(1).max(256).optional() })

const BODIES: Readonly<Record<CommandKind, z.ZodType>> = { push: PUSH, replay: REPLAY, settings: SETTINGS, write: WRITE }

export interface Parsed {
  readonly id: string
  readonly kind: string
  readonly expires: number | null
  /** What its kind has of it; with `refused` it is not meant to be done. */
  readonly body: unknown
  readonly refused?: CommandAnswer
}

/** `place`: the name of a record that has no id of its own. */
export function parseCommand(text: string | undefined, place: string, allowed: readonly CommandKind[]): Parsed {
  const nobody = { id: place, kind: '?', expires: null, body: null }
  if (text === undefined)
    return { ...nobody, refused: refused({ code: 'command-too-large', reason: 'it is longer than a command may be' }) }
  const record = recordOf(text)
  if (!record) return { ...nobody, refused: refused({ code: 'command-invalid', reason: 'it is no JSON object' }) }
  const { id, kind, expires, ...body } = record
  const said = {
    id: typeof id === 'string' && ID.test(id) ? id : place,
    kind: typeof kind === 'string' ? kind.slice(0, 64) : '?',
    expires: time.safeParse(expires).data ?? null,
    body,
  }
  if (said.id !== id) return { ...said, refused: invalid('id: must be a text of 1 to 128 characters') }
  return { ...said, ...bodyOf(said, allowed) }
}

/** As its kind takes it, times in microseconds; or why not. */
function bodyOf(
  { kind, expires, body }: Omit<Parsed, 'refused'>,
  allowed: readonly CommandKind[],
): Pick<Parsed, 'body' | 'refused'> {
  const no = (refused: CommandAnswer) => ({ body, refused })
  const known = COMMAND_KINDS.find((it) => it === kind)
  if (!known) return no(refused({ code: 'command-unknown', reason: `this version knows no command ${kind}` }))
  if (!allowed.includes(known))
    return no(refused({ code: 'command-not-allowed', reason: `the settings of this box do not allow ${kind}` }))
  if (expires === null) return no(invalid('expires: must be there, in µs since 1970 or ISO 8601 with its zone'))
  const checked = BODIES[known].safeParse(body)
  if (checked.success) return { body: checked.data }
  const [issue] = checked.error.issues
  return no(invalid(`${issue?.path.join('.') || 'the command'}: ${issue?.message}`))
}

function invalid(reason: string): CommandAnswer {
  return refused({ code: 'command-invalid', reason })
}

function recordOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A reason may name keys of any length. */
function refused({ code, reason }: Required<Pick<CommandAnswer, 'code' | 'reason'>>): CommandAnswer {
  return { result: 'refused', code, reason: reason.slice(0, COMMAND_TEXT_CHARS_MAX) }
}
