// The importer's side: units of a file become transactions of the box's own uplink, each with the position that it makes.
//
//   open ─► fence, position ─► ┌ what of the unit is not there ─► send with position ∪ sent ┐ ─► … ─► checkpoint ─► receipt
//    ▲                         └────────────────────────────────────────────────────────────┘
//    └──────── wait ◄── doubt, fenced by the box, unreachable ────┘
//
// What must hold: nothing is sent that the position, or a checkpoint of a stream that the position no longer names, has already. A transaction's
// number is one more than the last: the box takes over the greater one when the two meet.
import { setTimeout as sleep } from 'node:timers/promises'
import { Blocked, BadInput } from '../core/errors.ts'
import type { Intervals } from '../core/intervals.ts'
import { difference, union, withInterval } from '../core/intervals.ts'
import type { GapSlice, Slice } from '../core/log.ts'
import type { Position, Refusal } from '../core/position.ts'
import type { StreamIntervals, StreamRange } from '../core/stream.ts'
import { streamKey, streamOf } from '../core/stream.ts'
import type { Checkpoint, History, HistoryReading, Uplink } from '../core/uplink.ts'
import type { Head, Unit } from './frames.ts'

export interface TakeParts {
  open(): Promise<Uplink>
  /** What the records at the destination say of themselves. */
  history(how: HistoryReading): Promise<History>
  readonly signal: AbortSignal
  /** Told of each failure that is tried again. */
  retried(error: unknown): void
}

export interface Taker {
  /** Resolves once all of it is at the destination. */
  take(head: Head, unit: Unit): Promise<void>
  /** Leaves a checkpoint, and says what a receipt says. */
  finish(head: Head): Promise<Pick<Taken, 'transaction' | 'ranges' | 'refused'>>
  readonly counts: { sent: number; there: number }
  close(): Promise<void>
}

interface Taken {
  readonly transaction: number
  readonly ranges: readonly StreamRange[]
  readonly refused: readonly Refusal[]
}

interface Session {
  readonly uplink: Uplink
  transaction: number
  delivered: Map<string, Intervals>
  /** Nothing has been sent yet. */
  isFresh: boolean
  /** What is there of streams that the position does not name: never begun, or over and done with. */
  readonly history: History
}

const READINGS_MAX = 20_000
const BYTES_MAX = 4_000_000
/** So often in a row without any progress. */
const ATTEMPTS_MAX = 20
const WAIT_MS_MIN = 100
const WAIT_MS_MAX = 3_000

export function taker(parts: TakeParts): Taker {
  let session: Session | undefined
  let failures = 0
  let hadDoubt = false
  const counts = { sent: 0, there: 0 }
  const refused: Refusal[] = []
  const taken = new Map<string, Intervals>()

  async function ready(head: Head): Promise<Session> {
    if (session) return session
    const uplink = await parts.open()
    try {
      const position = await uplink.position(parts.signal)
      const said = await parts.history('checkpoints')
      session = { uplink, isFresh: true, ...(position === 'none' ? await fromRecords(head, said) : known(position, said)) }
      return session
    } catch (error) {
      await uplink.close()
      throw error
    }
  }

  const known = ({ transaction, delivered }: Position, history: History) => ({
    transaction,
    delivered: new Map(delivered),
    history,
  })

  /** The destination has forgotten the position, or never had one. Each session's first transaction has a checkpoint: who sent anything has left one. */
  async function fromRecords(head: Head, said: History): Promise<Pick<Session, 'transaction' | 'delivered' | 'history'>> {
    const isNew = said.transaction === 0 && head.transaction === 0
    const classes = [...new Set(Object.keys(head.heads).map((it) => streamOf(it).class))]
    const history = isNew ? said : await parts.history({ classes })
    const transaction = Math.max(head.transaction, history.transaction)
    return { transaction, delivered: mergedInto(new Map(head.delivered), history.delivered), history }
  }

  function hasOf(it: Session, stream: string): Intervals {
    return it.delivered.get(stream) ?? it.history.delivered.get(stream) ?? []
  }

  async function send(
    it: Session,
    slices: readonly Slice[],
    ranges: readonly StreamRange[],
    { series }: Pick<Unit, 'series'>,
    { heads }: Head,
    isLast = false,
  ): Promise<void> {
    const delivered = new Map(it.delivered)
    for (const { stream, from, to } of ranges)
      delivered.set(stream, withInterval(delivered.get(stream) ?? hasOf(it, stream), from, to))
    const position: Position = { transaction: it.transaction + 1, delivered }
    const batch = { slices, series, maybeDuplicate: [] }
    const checkpoint = { reason: 'interval' as const, streams: greater(heads, it.history.heads) }
    const isSaid = it.isFresh || isLast
    refused.push(...(await it.uplink.send(isSaid ? { ...batch, checkpoint } : batch, position, parts.signal)))
    it.isFresh = false
    it.transaction++
    it.delivered = delivered
    failures = 0
    for (const slice of slices) counts.sent += slice.to - slice.from
  }

  /** Once more from what the destination says, until it is done. */
  async function persist(what: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        parts.signal.throwIfAborted()
        return await what()
      } catch (error) {
        await drop()
        const isFinal = error instanceof Blocked || error instanceof BadInput || error instanceof RangeError
        if (isFinal || parts.signal.aborted || ++failures >= ATTEMPTS_MAX) throw error
        hadDoubt = true
        parts.retried(error)
        await sleep(Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** failures), undefined, { signal: parts.signal })
      }
    }
  }

  async function drop(): Promise<void> {
    const it = session
    session = undefined
    await it?.uplink.close()
  }

  return {
    counts,
    async take(head, unit) {
      const before = counts.sent
      await persist(async () => {
        const it = await ready(head)
        const missing = unit.slices.flatMap((slice) => partsOf(slice, hasOf(it, streamKey(slice.stream))))
        const rounds = roundsOf(missing)
        for (const round of rounds.slice(0, -1)) await send(it, round, round.map(rangeOf), unit, head)
        const rest = unit.ranges.some(({ stream, from, to }) => difference([{ from, to }], hasOf(it, stream)).length > 0)
        if (rest) await send(it, rounds.at(-1) ?? [], unit.ranges, unit, head)
      })
      counts.there += unit.slices.reduce((sum, it) => sum + it.to - it.from, 0) - (counts.sent - before)
      for (const { stream, from, to } of unit.ranges) taken.set(stream, withInterval(taken.get(stream) ?? [], from, to))
    },
    async finish(head) {
      const ranges = [...taken].flatMap(([stream, set]) => set.map(({ from, to }) => ({ stream, from, to })))
      let transaction = 0
      await persist(async () => {
        const it = await ready(head)
        await send(it, [], ranges, { series: new Map() }, head, true)
        transaction = it.transaction
      })
      // Who sent it knew what was refused: that is not for sure us.
      const others = hadDoubt || counts.there > 0 ? (await parts.history('checkpoints')).refused : []
      const isOurs = ({ stream, sequence }: Refusal) =>
        (taken.get(stream) ?? []).some((it) => it.from <= sequence && sequence < it.to)
      return { transaction, ranges, refused: uniqueOf([...refused, ...others].filter(isOurs)) }
    },
    close: drop,
  }
}

/** A stick may be older than what the box has said itself since. */
function greater(a: Checkpoint['streams'], b: Checkpoint['streams']): Checkpoint['streams'] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const most = (key: string, what: 'next' | 'lost') => Math.max(a[key]?.[what] ?? 0, b[key]?.[what] ?? 0)
  return Object.fromEntries(keys.map((key) => [key, { next: most(key, 'next'), lost: most(key, 'lost') }]))
}

function uniqueOf(refused: readonly Refusal[]): Refusal[] {
  return [...new Map(refused.map((it) => [`${it.stream} ${it.sequence}`, it])).values()]
}

function mergedInto(all: Map<string, Intervals>, more: StreamIntervals): Map<string, Intervals> {
  for (const [key, set] of more) all.set(key, union(all.get(key) ?? [], set))
  return all
}

const rangeOf = (slice: Slice): StreamRange => ({ stream: streamKey(slice.stream), from: slice.from, to: slice.to })

/** What of a slice is not there, in parts that a transaction can take. */
function partsOf(slice: Slice, there: Intervals): Slice[] {
  return difference([{ from: slice.from, to: slice.to }], there).flatMap(({ from, to }) => {
    // One line may go with more numbers than a transaction has readings.
    if (slice.form === 'gap') return [cut(slice, from, to)]
    const starts = Array.from({ length: Math.ceil((to - from) / READINGS_MAX) }, (_, n) => from + n * READINGS_MAX)
    return starts.map((start) => cut(slice, start, Math.min(to, start + READINGS_MAX)))
  })
}

function cut(slice: Slice, from: number, to: number): Slice {
  if (slice.form !== 'gap') return { ...slice, from, to }
  const rows = slice.rows.filter((it) => from <= it.sequence && it.sequence < to)
  const later = slice.rows.find((it) => it.sequence >= to)
  // Of a line with which these numbers go, the destination has a part alone.
  const isWhole = (rows.at(-1)?.sequence ?? from - 1) === to - 1
  return { ...slice, from, to, rows: isWhole || !later ? rows : [...rows, { ...later, sequence: to - 1 }] } satisfies GapSlice
}

/** One transaction each. */
function roundsOf(slices: readonly Slice[]): Slice[][] {
  const rounds: Slice[][] = []
  let readings = Infinity
  let bytes = Infinity
  for (const slice of slices) {
    const more = {
      readings: 'rows' in slice ? slice.rows.length : slice.to - slice.from,
      bytes: 'block' in slice ? slice.block.length : 0,
    }
    if (readings + more.readings > READINGS_MAX || bytes + more.bytes > BYTES_MAX) {
      rounds.push([])
      readings = 0
      bytes = 0
    }
    rounds.at(-1)?.push(slice)
    readings += more.readings
    bytes += more.bytes
  }
  return rounds
}
