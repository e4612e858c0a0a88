// Followers, over whoever reads the log: rows one after another, pulled by whoever takes them.
//
//   begin ─► read ─► rows ─► read ─► … ─► nothing more ─► wait for a commit ─► read ─► …
//
// Nothing piles up: a follower holds what one read brought, and the next one comes when all of that is taken. One read at a time for all of them,
// so that uplinks, whom the keeper serves too, wait for one of them at most.
import { setTimeout as sleep } from 'node:timers/promises'
import { FOLLOWERS_MAX } from '../core/bounds.ts'
import { Unreachable } from '../core/errors.ts'
import type {
  FollowBegun,
  FollowedGap,
  FollowedReading,
  FollowFrom,
  FollowHole,
  FollowNumbers,
  FollowRead,
  FollowRequest,
  FollowRow,
  FollowStep,
  FollowTaken,
} from '../core/follow.ts'
import type { QueryPart } from '../core/query.ts'
import { rowAt } from '../core/query.ts'
import { isPosition, notAPosition, positionOf, positionsAlong, positionText } from './follow-position.ts'

export interface FollowedLog {
  begin(from: FollowFrom): Promise<FollowBegun>
  /** Never waits. */
  read(request: FollowRead, follower: string): Promise<FollowTaken>
  /** Resolves when something was committed after the follower's last read, or the signal aborts. */
  more(follower: string, signal: AbortSignal): Promise<void>
}

/** A quiet follower is told so often where it stands. */
const BEAT_MS = 10_000
/** Who has all there is looks again after so long at the soonest: commits may be far closer. */
const PACE_MS = 100

/** `log`: as it is now; throws where there is none. */
export function createFollow(log: () => FollowedLog): (request: FollowRequest, signal: AbortSignal) => AsyncIterable<FollowRow> {
  const free = Array.from({ length: FOLLOWERS_MAX }, (_, n) => ` follower ${n}`)
  let turn: Promise<unknown> = Promise.resolve()

  function read(request: FollowRead, follower: string): Promise<FollowTaken> {
    const taken = turn.then(() => log().read(request, follower))
    turn = taken.catch(() => undefined)
    return taken
  }

  async function* rows(request: FollowRequest, follower: string, signal: AbortSignal): AsyncGenerator<FollowRow> {
    const { from, ...filter } = request
    const begun = await log().begin(fromOf(from))
    const isLate = typeof from === 'number' ? skipping(from, begun.skipBelow) : () => false
    // A copy of our own: it moves along with the steps.
    let numbers: Record<string, number> = { ...begun.numbers }
    let wasCaughtUp = false
    let toldAt = performance.now()
    yield { type: 'position', position: positionText(numbers), isCaughtUp: false }
    while (!signal.aborted) {
      const taken = await read({ ...filter, numbers }, follower)
      for (const step of taken.steps) {
        for (const row of rowsOfStep(step, numbers, isLate)) {
          if (signal.aborted) return
          yield row
          toldAt = performance.now()
        }
        numbers[step.name] = step.to
      }
      numbers = { ...taken.numbers }
      const isNews = taken.isCaughtUp && !wasCaughtUp
      if (isNews || performance.now() - toldAt >= BEAT_MS) {
        yield { type: 'position', position: positionText(numbers), isCaughtUp: taken.isCaughtUp }
        toldAt = performance.now()
      }
      wasCaughtUp ||= taken.isCaughtUp
      if (taken.steps.length === 0) await news(log(), follower, signal)
      else if (taken.isCaughtUp) await sleep(PACE_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  return async function* (request, signal) {
    const follower = free.shift()
    if (follower === undefined)
      throw new Unreachable(
        'too-many-followers',
        `${FOLLOWERS_MAX} consumers follow the log already: that is as many as there may be`,
        {
          remedy: 'end one, or let one consumer read for the others; then begin again at the same position',
        },
      )
    try {
      yield* rows(request, follower, signal)
    } finally {
      free.push(follower)
    }
  }
}

function fromOf(from: FollowRequest['from']): FollowFrom {
  if (typeof from === 'number') return { since: from }
  if (from === 'beginning' || from === 'now') return { at: from }
  if (isPosition(from)) return { numbers: positionOf(from) }
  throw notAPosition(`"${from.slice(0, 40)}" is neither a position nor "beginning", "now" or a time`)
}

/** Whether a reading of the block in which the time lies was received before it. */
function skipping(since: number, below: FollowNumbers) {
  return (name: string, sequence: number, received: number): boolean => sequence < (below[name] ?? 0) && received < since
}

/** Resolves with the next commit, and in time for a beat. */
async function news(log: FollowedLog, follower: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const end = (): void => over.abort()
  const timer = setTimeout(end, BEAT_MS)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  await log.more(follower, over.signal).finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  })
}

function* rowsOfStep(
  step: FollowStep,
  numbers: FollowNumbers,
  isLate: ReturnType<typeof skipping>,
): Generator<FollowedReading | FollowedGap> {
  const { name, stream, from, to, parts = [], gap } = step
  const along = positionsAlong(numbers, name)
  // However many numbers it is: nothing here is as long as they are.
  if (gap) return yield gapRow(step, gap, along(to))
  const { device, epoch } = stream
  const type = stream.form === 'aggregate' ? 'aggregate' : 'reading'
  for (const [part, i] of inOrder(parts, from, to)) {
    const row = rowAt(part, i)
    if (isLate(name, row.sequence, row.received)) continue
    yield { type, position: along(row.sequence + 1), ...row, device, epoch }
  }
}

function gapRow({ stream, from, to }: FollowStep, gap: FollowHole, position: string): FollowedGap {
  const { device, epoch, class: name, form } = stream
  return {
    type: 'gap',
    position,
    device,
    epoch,
    class: name,
    form: form === 'aggregate' ? form : 'raw',
    from,
    to: to - 1,
    ...gap,
  }
}

/** Parts hold series by series what a stream has number by number. */
function* inOrder(parts: readonly QueryPart[], from: number, to: number): Generator<[QueryPart, number]> {
  const partAt = new Uint32Array(to - from)
  const rowOf = new Uint32Array(to - from)
  for (const [n, { sequence }] of parts.entries())
    for (const [i, number] of sequence.entries()) {
      const at = number - from
      if (at < 0 || at >= partAt.length) continue
      partAt[at] = n + 1
      rowOf[at] = i
    }
  for (const [at, n] of partAt.entries()) {
    const part = parts[n - 1]
    if (part) yield [part, rowOf[at] as number]
  }
}
