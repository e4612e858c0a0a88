// Following on while the agent is away: it is asked again at the last position that it gave. Whoever has begun waits for it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentApi } from '../core/agent-api.ts'
import { Unreachable } from '../core/errors.ts'
import type { FollowedReading, FollowRequest, FollowRow } from '../core/follow.ts'
import { parseTime } from './times.ts'
import type { FollowInput } from './shapes/follow.ts'

const AGAIN_MS = 1_000
const AWAY: ReadonlySet<string> = new Set(['agent-unreachable', 'agent-restarting'])

/** Throws BadInput where `from` is nothing that it could be. */
export function followRequest({ from = 'now', form, ...input }: FollowInput, where: string, now: number): FollowRequest {
  const forms = form === undefined ? {} : { form: [form].flat() }
  return { ...input, ...forms, from: isPlace(from) ? from : parseTime(from, where, now) }
}

/** `now` is a place of the log; as a time it would be a little earlier. */
const isPlace = (from: string | number): from is number | 'beginning' | 'now' =>
  typeof from === 'number' || from === 'beginning' || from === 'now' || from.startsWith('p1-')

/** `waits` is told when the agent went away. */
export async function* followOn(
  agent: Pick<AgentApi, 'follow'>,
  request: FollowRequest,
  signal: AbortSignal,
  waits: (why: Unreachable) => void = () => {},
): AsyncGenerator<FollowRow> {
  let position: string | undefined
  let isAway = false
  while (!signal.aborted) {
    try {
      for await (const row of agent.follow({ ...request, from: position ?? request.from }, signal)) {
        ;({ position } = row)
        isAway = false
        yield row.type === 'reading' || row.type === 'aggregate' ? withNumbers(row) : row
      }
      return
    } catch (error) {
      if (signal.aborted) return
      if (position === undefined || !(error instanceof Unreachable) || !AWAY.has(error.code)) throw error
      if (!isAway) waits(error)
      isAway = true
    }
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Integers that a double holds exactly are numbers: a script need not know that there are others. `kind` says what they are. */
function withNumbers(row: FollowedReading): FollowedReading {
  if (row.kind !== 'long') return row
  const value = numberOf(row.value)
  const { window: it } = row
  if (!it) return { ...row, value }
  const ends = { min: numberOf(it.min), max: numberOf(it.max), first: numberOf(it.first), last: numberOf(it.last) }
  return { ...row, value, window: { ...it, ...ends } }
}

function numberOf<T>(value: T): T | number {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value
}
