// Classes of which aggregates leave while their readings stay (`forward` in the settings).
//
//   append ─► raw blocks, stored ─► window over ─► Change: aggregates, a line of the ledger, the blocks stay as history ─► lanes
//
// A block that aggregates stand for has nothing pending any more, and `window_ms` of its row says so: no lane offers it, it goes as history does, and
// what becomes of it then is in no account. Windows are over by the time of receipt (the writer cuts blocks there: intake.ts), and nothing waits for sealing.
//
// What must hold: no lane offers a reading that aggregates may still stand for, and aggregates never stand for one that somebody may have seen.
// What has been seen, before the settings said otherwise, goes on raw to those that lack it; so does what a rule has raised.
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import type { Intervals } from '../core/intervals.ts'
import { overlaps } from '../core/intervals.ts'
import type { InForce } from '../core/retention.ts'
import type { BlockRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Change } from './change.ts'
import { damageOf } from './change.ts'
import type { Journal } from './journal.ts'
import type { AggregatingClass } from './keeper-options.ts'
import type { LogState } from './pressure.ts'
import type { RaisedReader } from './raised.ts'
import type { Reducer } from './reducing.ts'
import { SEAL_AGE_US } from './sealing.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface ForwardingParts {
  readonly db: Journal
  readonly stored: Stored
  readonly reducer: Reducer
  readonly raised: RaisedReader
  /** Classes of which aggregates leave. */
  readonly classes: readonly AggregatingClass[]
  /** What any uplink has or may have of a stream, and numbers that no run may cross. */
  readonly sentOf: (stream: string) => { readonly sent: Intervals; readonly cuts: readonly number[] }
  /** The same, with what rules have read: that is not dropped either. */
  readonly seenOf: (stream: string) => Kept
}

export interface Forwarding {
  /** The next aggregates that are due. `all`: windows that are not over too. */
  next(state: LogState, all: boolean): Change | undefined
  /** Which blocks of a stream no lane may offer as they are; undefined: it may offer all. */
  heldOf(stream: StoredStream): ((block: BlockRow) => boolean) | undefined
}

/** One change, as one step of reduction. */
const RUN_READINGS_MAX = 1_500_000
const ROWS_A_PAGE = 2_000
/** What stays raw may be long: then the next look goes on there. */
const PAGES_A_LOOK = 10
/** Commits of what was received at a window's end are over so long after it, and after the class's `commitEvery`: what comes later makes a record more. */
const SETTLE_US = 2_000_000
const COMMIT_US = 1_000_000
/** Within a window is looked again so often: what was under way may be decided. */
const LOOK_AGAIN_US = 30_000_000

/** What stays as it is, and numbers that no run may cross. */
interface Kept {
  readonly seen: Intervals
  readonly cuts: readonly number[]
}

interface Due {
  /** µs. */
  readonly before: number
  readonly isOver: (row: BlockRow) => boolean
  readonly kept: () => Kept
}

export function createForwarding({ db, stored, reducer, raised, classes, sentOf, seenOf }: ForwardingParts): Forwarding {
  const pendingFrom = db.prepare(
    `SELECT ${BLOCK_COLUMNS} FROM block WHERE stream = ? AND first >= ? AND pending > 0 ORDER BY first LIMIT ${ROWS_A_PAGE}`,
  )
  const newestPeriod = db.prepare('SELECT period FROM block WHERE stream = ? ORDER BY first DESC LIMIT 1').pluck()
  const settleUs = new Map(classes.map((it) => [it.name, Math.max(SETTLE_US, it.commitEveryMs * 1000 + COMMIT_US)]))
  /** By stream: nothing below is pending. */
  const lowest = new Map<number, number>()
  /** By stream: what is pending below stays raw, as far as this look through it knows. */
  const passed = new Map<number, number>()
  /** By stream: when nothing was due, and up to when that was looked at. */
  const idle = new Map<number, { readonly before: number; readonly at: number }>()

  /** Another box's are none: that box has them, so they go on as they came. */
  const isAggregated = ({ class: name, form }: StoredStream) => form === 'raw' && settleUs.has(name)

  /** What stays raw: somebody may have it, or a rule has raised it. */
  function staysRawOf(stream: StoredStream, sent: Intervals): (row: BlockRow) => boolean {
    const isRaised = raised.of(stream) ?? (() => false)
    return (it) => overlaps(sent, it.first, it.first + it.count) || isRaised(it)
  }

  function keptRaw({ key }: StoredStream): Kept {
    const { sent, cuts } = sentOf(key)
    return { seen: sent, cuts }
  }

  const pageOf = (stream: StoredStream, from: number) => pendingFrom.all(stream.id, from) as BlockRow[]

  /** Blocks from the first one on that is due; empty: none is, or not as far as this look goes. */
  function fromDue(stream: StoredStream, isDue: (row: BlockRow) => boolean, all: boolean): readonly BlockRow[] {
    let at = all ? undefined : passed.get(stream.id)
    for (let pages = 0; all || pages < PAGES_A_LOOK; pages++) {
      const rows = pageOf(stream, at ?? lowest.get(stream.id) ?? 0)
      if (at === undefined) lowest.set(stream.id, rows[0]?.first ?? stream.next)
      const index = rows.findIndex(isDue)
      const due = rows[index]
      const last = rows.at(-1)
      const isLastPage = rows.length < ROWS_A_PAGE
      if (due) at = due.first
      else if (last && !isLastPage) at = last.first + last.count
      else at = undefined
      if (at === undefined) passed.delete(stream.id)
      else passed.set(stream.id, at)
      // A run may go on behind this page.
      if (due) return index === 0 || isLastPage ? rows.slice(index) : pageOf(stream, due.first)
      if (at === undefined) return []
    }
    return []
  }

  /** Blocks that follow one another and are due; empty: none is. */
  function runOf(rows: readonly BlockRow[], isDue: (row: BlockRow) => boolean, { cuts }: Kept, bytesMax: number): BlockRow[] {
    const [first, ...more] = rows
    if (!first) return []
    const run = [first]
    let [readings, bytes] = [first.count, first.bytes]
    for (const row of more) {
      const last = run.at(-1) as BlockRow
      if (row.first !== last.first + last.count || row.period !== first.period || cuts.includes(row.first) || !isDue(row)) break
      if (readings + row.count > RUN_READINGS_MAX || bytes + row.bytes > bytesMax) break
      run.push(row)
      readings += row.count
      bytes += row.bytes
    }
    return run
  }

  function changeOf(stream: StoredStream, run: readonly BlockRow[], { keep, reason }: InForce, at: number): Change | undefined {
    const [first, last] = [run[0] as BlockRow, run.at(-1) as BlockRow]
    const place = {
      stream: stream.key,
      rows: run.map(({ id, pending }) => ({ id, pending })),
      from: first.first,
      to: last.first + last.count,
      refused: { lines: [], joined: [] },
    }
    if (typeof keep === 'string') return { kind: 'reduce', ...place, action: 'dropped', reason, into: undefined, blocks: [] }
    let looking = first
    function* blocks() {
      for (const row of run) {
        looking = row
        const block = stored.read(row)
        if (!block) throw new DamagedBlock('truncated', 'the block has gone')
        yield decodeBlock(block)
      }
    }
    try {
      const to = { windowMs: keep.windowMs, reason, at, bytesMax: Infinity }
      const change = reducer.reduceRaw({ ...place, of: stream, period: first.period }, blocks(), to)
      return change && { ...change, rawWindowMs: keep.windowMs }
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      return damageOf(stream.key, looking)
    }
  }

  /** Whether a block's windows are over. What another clock has received may be of any time: nothing is waited for. */
  function isOverBy(stream: StoredStream, windowUs: number, before: number, now: number): (row: BlockRow) => boolean {
    const present = newestPeriod.get(stream.id) as number | undefined
    return (it) => it.received_to < before || it.received_to > now + windowUs || it.period !== present
  }

  /** What is not kept goes no sooner than where classes are sealed: rules read it before, or are that far behind. */
  function whenOf(stream: StoredStream, { keep }: InForce, now: number): Due {
    const drops = typeof keep === 'string'
    const windowUs = drops ? SETTLE_US : keep.windowMs * 1000
    const waitsUs = Math.max(settleUs.get(stream.class) ?? 0, drops ? SEAL_AGE_US : 0, raised.waitsUs(stream))
    const before = Math.floor((now - waitsUs) / windowUs) * windowUs
    if (!drops) return { before, isOver: isOverBy(stream, windowUs, before, now), kept: () => keptRaw(stream) }
    const isOver = (it: BlockRow) => it.received_to < before || it.received_to > now + SEAL_AGE_US
    return { before, isOver, kept: () => seenOf(stream.key) }
  }

  function dueOf(stream: StoredStream, step: InForce, state: LogState, all: boolean): Change | undefined {
    const { before, isOver, kept } = whenOf(stream, step, state.now)
    const last = idle.get(stream.id)
    if (!all && last?.before === before && Math.abs(state.now - last.at) < LOOK_AGAIN_US) return undefined
    const known = kept()
    const staysRaw = staysRawOf(stream, known.seen)
    const isDue = (it: BlockRow) => (all || isOver(it)) && !staysRaw(it)
    const run = runOf(fromDue(stream, isDue, all), isDue, known, state.segmentRoom)
    const change = run.length > 0 ? changeOf(stream, run, step, state.now) : undefined
    if (change || passed.has(stream.id)) idle.delete(stream.id)
    else idle.set(stream.id, { before, at: state.now })
    return change
  }

  return {
    next(state, all) {
      if (settleUs.size === 0) return undefined
      for (const stream of stored.streams()) {
        const step = state.inForce[state.classes.findIndex((it) => it.name === stream.class)]
        if (!isAggregated(stream) || !step || step.keep === 'raw') continue
        const change = dueOf(stream, step, state, all)
        if (change) return change
      }
      return undefined
    },
    heldOf(stream) {
      if (!isAggregated(stream)) return undefined
      const staysRaw = staysRawOf(stream, sentOf(stream.key).sent)
      return (it) => !staysRaw(it)
    },
  }
}
