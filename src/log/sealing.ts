// Sealing: a class's fresh blocks become large ones in a segment, or aggregates where a step of its ladder is in force.
//
// What nobody has seen is put in a better order and renumbered within its run; refused numbers inside the run move to its end, so that a
// source with bad payloads does not cut it to pieces. What an uplink has, or may have, keeps its numbers; so does what followers were told of, which
// may still be reduced: nobody waits for them.
import type { Merged } from '../columns/index.ts'
import { createMerger, DamagedBlock, decodeBlock } from '../columns/index.ts'
import { SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../core/bounds.ts'
import type { Intervals } from '../core/intervals.ts'
import { overlaps } from '../core/intervals.ts'
import type { LogSeries, LossAction } from '../core/log.ts'
import type { InForce } from '../core/retention.ts'
import type { ValueKind } from '../core/reading.ts'
import { FREED_SHARE_MIN } from '../retention/plan.ts'
import type { SealedBlock } from './catalogue.ts'
import type { Change, RefusedInside } from './change.ts'
import { damageOf } from './change.ts'
import type { Journal } from './journal.ts'
import type { LogState } from './pressure.ts'
import type { RaisedReader } from './raised.ts'
import type { Reducer } from './reducing.ts'
import type { SegmentWriter } from './segment-writer.ts'
import type { Stored, StoredStream } from './stored.ts'

/** A fresh block's row, without its data. */
export interface FreshRow {
  readonly id: number
  readonly first: number
  readonly count: number
  readonly pending: number
  readonly bytes: number
  readonly period: number
  readonly window_ms: number
  readonly received_from: number
  readonly received_to: number
  readonly time_from: number
  readonly time_to: number
}

/** Blocks of one stream that follow one another, and the refused numbers between them. */
export interface Run {
  readonly stream: StoredStream
  readonly rows: readonly FreshRow[]
  readonly unseen: boolean
  /** It may be renumbered. */
  readonly isFree: boolean
  /** Whatever step is in force. */
  readonly staysRaw: boolean
  readonly from: number
  readonly to: number
  readonly refused: RefusedInside
}

export interface SealingParts {
  readonly db: Journal
  readonly stored: Stored
  readonly segments: SegmentWriter
  readonly reducer: Reducer
  readonly raised: RaisedReader
  /** What somebody may have seen of a stream, and numbers that no run may cross. */
  readonly seenOf: (stream: string) => { readonly seen: Intervals; readonly cuts: readonly number[] }
  /** Below it a stream keeps its numbers. */
  readonly numberedTo: (stream: string) => number
}

export interface Sealing {
  /** The next step, when one is due. `all`: everything is. */
  next(state: LogState, all: boolean): Change | undefined
}

const SEAL_BYTES = 4_000_000
/** Of the journal: a class is sealed when it has so much, and any is when the journal is so full. */
const SEAL_SHARE = 1 / 8
const JOURNAL_FILL_FORCED = 0.5
export const SEAL_AGE_US = 600_000_000
/** One step of the keeper. */
const RUN_READINGS_MAX = 2 * SEALED_READINGS_MAX
const RUN_BYTES_MAX = 8_000_000
/** A run that is cut off for its size goes on at once; what is left waits for more when it is less than this. */
const RUN_READINGS_MIN = SEALED_READINGS_MAX / 2
/** zstd's: 9 takes a tenth more time than 3 and 1 % less space; beyond, time grows fast (test/bench/columns.ts). */
const LEVEL = 9

export function createSealing({ db, stored, segments, reducer, raised, seenOf, numberedTo }: SealingParts): Sealing {
  const sql = {
    sums: db.prepare(
      'SELECT stream, sum(bytes) AS bytes, sum(count) AS readings, min(received_from) AS oldest FROM block WHERE segment IS NULL GROUP BY stream',
    ),
    fresh: db.prepare(
      'SELECT id, first, count, pending, bytes, period, window_ms, received_from, received_to, time_from, time_to FROM block WHERE segment IS NULL AND stream = ? ORDER BY first',
    ),
    lines: db.prepare(
      'SELECT id, first, "end", count, action, reason, time_from, time_to, at, sequence FROM ledger WHERE stream = ? AND first >= ? AND first < ? ORDER BY first',
    ),
  }
  const kindOf = (id: number) => stored.describe(id)?.kind as ValueKind
  const merge = createMerger({ level: LEVEL, readingsMax: SEALED_READINGS_MAX, bytesMax: SEALED_BYTES_MAX, kindOf })
  /** Streams of which more is to be sealed without waiting. */
  const goOn = new Set<number>()

  function dueStreams(state: LogState, all: boolean): { stream: StoredStream; forced: boolean }[] {
    const byId = new Map(stored.streams().map((it) => [it.id, it]))
    const sums = sql.sums.all() as { stream: number; bytes: number; readings: number; oldest: number }[]
    const forced = state.journalFill >= JOURNAL_FILL_FORCED
    const bytesMax = Math.min(SEAL_BYTES, state.journalBytesMax * SEAL_SHARE)
    const due = sums.filter(
      (it) =>
        all ||
        forced ||
        it.bytes >= bytesMax ||
        state.now - it.oldest >= SEAL_AGE_US ||
        (goOn.has(it.stream) && it.readings >= RUN_READINGS_MIN),
    )
    for (const it of sums) if (it.readings < RUN_READINGS_MIN) goOn.delete(it.stream)
    return due
      .toSorted((a, b) => b.bytes - a.bytes)
      .flatMap(({ stream: id }) => {
        const stream = byId.get(id)
        return stream ? [{ stream, forced }] : []
      })
  }

  /** What an event has raised stays raw. What one may still raise waits; where it cannot, it stays raw too. */
  function dueOf(stream: StoredStream, step: InForce, now: number, before: number, mustGo: boolean): Due {
    const isRaised = raised.of(stream) ?? (() => false)
    const waitsUs = step.keep === 'raw' ? 0 : raised.waitsUs(stream)
    const youngFrom = waitsUs > 0 ? now - waitsUs : Infinity
    if (!mustGo) return { receivedBefore: Math.min(before, youngFrom), staysRaw: isRaised }
    return { receivedBefore: before, staysRaw: (it) => isRaised(it) || it.received_to >= youngFrom }
  }

  /** The oldest run of a stream that may be sealed now. */
  function runOf(stream: StoredStream, state: LogState, forced: boolean, { receivedBefore, staysRaw }: Due): Run | undefined {
    const rows = sql.fresh.all(stream.id) as FreshRow[]
    const { seen, cuts } = seenOf(stream.key)
    const numbered = numberedTo(stream.key)
    // Aggregates that stand for it may be on their way: so it counts as seen.
    const isSeen = (it: FreshRow) => it.window_ms > 0 || overlaps(seen, it.first, it.first + it.count)
    const windowUs = forwardWindowUs(state, stream)
    const windowOf = (it: FreshRow) => (it.pending > 0 && windowUs > 0 ? Math.floor(it.received_to / windowUs) : 0)
    const isReady = (it: FreshRow) => {
      if (it.received_to >= receivedBefore && !isSeen(it) && !staysRaw(it)) return false
      // What is on its way will be gone in a moment, unless it takes long or is kept.
      return !isSeen(it) || it.pending === 0 || forced || state.now - it.received_from >= SEAL_AGE_US
    }
    const start = rows.findIndex(isReady)
    if (start < 0) return undefined
    const first = rows[start] as FreshRow
    const unseen = !isSeen(first)
    const isNumbered = (it: FreshRow) => it.first < numbered
    const isFree = unseen && !isNumbered(first)
    const taken = [first]
    const inside: Line[] = []
    let readings = first.count
    let bytes = first.bytes
    for (const row of rows.slice(start + 1)) {
      const last = taken.at(-1) as FreshRow
      const end = last.first + last.count
      if (readings + row.count > RUN_READINGS_MAX || bytes + row.bytes > Math.min(RUN_BYTES_MAX, state.segmentBytesMax)) break
      if (row.period !== first.period || isSeen(row) === unseen || !isReady(row) || cuts.includes(row.first)) break
      if (row.window_ms !== first.window_ms || windowOf(row) !== windowOf(first)) break
      if (isNumbered(row) !== isNumbered(first) || staysRaw(row) !== staysRaw(first)) break
      const lines = end === row.first ? [] : isFree ? refusedBetween(stream, end, row.first, cuts) : undefined
      if (!lines) break
      inside.push(...lines)
      taken.push(row)
      readings += row.count
      bytes += row.bytes
    }
    const last = taken.at(-1) as FreshRow
    return {
      stream,
      rows: taken,
      unseen,
      isFree,
      staysRaw: staysRaw(first),
      from: first.first,
      to: last.first + last.count,
      refused: joined(inside),
    }
  }

  /** The lines that name all numbers of a hole, when nobody has been told of them; else undefined. */
  function refusedBetween(stream: StoredStream, from: number, to: number, cuts: readonly number[]): Line[] | undefined {
    const lines = sql.lines.all(stream.id, from, to) as Line[]
    let at = from
    for (const it of lines) {
      if (it.first !== at || it.sequence !== null || (it.action !== 'refused' && it.action !== 'overflowed')) return undefined
      at = it.end
    }
    return at === to && !cuts.some((it) => it >= from && it < to) ? lines : undefined
  }

  /** Raw also where a step is in force but aggregates would hardly take less: those are only worth it for a window of many readings. */
  function sealOrReduce(run: Run, blocks: readonly Uint8Array[], { keep, reason }: InForce, at: number): Change {
    const merged = merge(blocks, { stream: run.stream.id, first: run.isFree ? run.from : 'kept' })
    if (!run.unseen || typeof keep === 'string') return seal(run, merged, at)
    const place = { ...common(run), of: run.stream, period: (run.rows[0] as FreshRow).period }
    const bytesMax = merged.reduce((sum, it) => sum + it.block.length, 0) * (1 - FREED_SHARE_MIN)
    const to = { windowMs: keep.windowMs, reason, at, bytesMax }
    return reducer.reduceRaw(place, renumbered(blocks, run.from), to) ?? seal(run, merged, at)
  }

  function seal(run: Run, merged: readonly Merged[], at: number): Change {
    const ids = new Set(merged.flatMap((it) => [...it.seriesIds]))
    const series = [...ids].map((id) => stored.describe(id)).filter((it): it is LogSeries => it !== undefined)
    const { into, offsets } = segments.append(
      { class: run.stream.class, form: 'raw', windowMs: 0 },
      merged.map((it) => it.block),
      series,
      at,
    )
    const sealed = merged.map(
      (it, n): SealedBlock => ({
        first: it.first,
        count: it.count,
        readings: it.count,
        time_from: it.timeFrom,
        time_to: it.timeTo,
        received_from: it.receivedFrom,
        received_to: it.receivedTo,
        bytes: it.block.length,
        period: (run.rows[0] as FreshRow).period,
        series: it.seriesIds.length,
        window_ms: (run.rows[0] as FreshRow).window_ms,
        offset: offsets[n] as number,
      }),
    )
    return { kind: 'seal', ...common(run), renumbered: run.isFree, into, blocks: sealed }
  }

  /** The blocks of a run; undefined when one has gone meanwhile. */
  function readAll(run: Run): Uint8Array[] | undefined {
    const blocks = run.rows.map((it) => stored.read({ id: it.id, segment: null, offset: null, bytes: it.bytes }))
    return blocks.every((it) => it !== undefined) ? blocks : undefined
  }

  /** Works on the blocks of a run; where one cannot be read, the change that gives it up. */
  function withBlocks(run: Run, work: (blocks: Uint8Array[]) => Change): Change | undefined {
    const blocks = readAll(run)
    if (!blocks) return undefined
    try {
      return work(blocks)
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      const bad = run.rows[blocks.findIndex((it) => !isWhole(it))]
      if (!bad) throw error
      return damageOf(run.stream.key, bad)
    }
  }

  return {
    next(state, all) {
      for (const { stream, forced } of dueStreams(state, all)) {
        const step = stepOf(state, stream)
        const windowUs = typeof step.keep === 'string' ? 0 : step.keep.windowMs * 1000
        // A window is reduced once it is over and one more has passed for what comes late.
        const before = windowUs > 0 && !all ? Math.floor(state.now / windowUs) * windowUs - windowUs : Infinity
        const due = dueOf(stream, step, state.now, forced ? Infinity : before, forced || all)
        const run = runOf(stream, state, forced || all, due)
        if (!run || run.rows.reduce((sum, it) => sum + it.bytes, 0) > state.segmentRoom) continue
        goOn.add(stream.id)
        if (run.unseen && step.keep === 'nothing' && !run.staysRaw)
          return { kind: 'reduce', ...common(run), action: 'dropped', reason: step.reason, into: undefined, blocks: [] }
        const change = withBlocks(run, (blocks) => sealOrReduce(run, blocks, run.staysRaw ? RAW : step, state.now))
        if (change) return change
      }
      return undefined
    },
  }
}

interface Due {
  readonly receivedBefore: number
  /** Whatever step is in force. */
  readonly staysRaw: (row: FreshRow) => boolean
}

const RAW: InForce = { keep: 'raw', reason: '' }

interface Line {
  readonly id: number
  readonly first: number
  readonly end: number
  readonly count: number
  readonly action: LossAction
  readonly reason: string
  readonly time_from: number
  readonly time_to: number
  readonly at: number
  readonly sequence: number | null
}

/** What is to be done with what comes in of a stream's class; not here where only aggregates of it leave (forwarding.ts). */
function stepOf(state: LogState, stream: StoredStream): InForce {
  const place = state.classes.findIndex((it) => it.name === stream.class)
  return forwardWindowUs(state, stream) > 0 ? RAW : (state.inForce[place] ?? RAW)
}

/** 0: its readings leave. */
function forwardWindowUs(state: LogState, stream: StoredStream): number {
  return (state.classes.find((it) => it.name === stream.class)?.forwardWindowMs ?? 0) * 1000
}

function common(run: Run) {
  return {
    stream: run.stream.key,
    rows: run.rows.map(({ id, pending }) => ({ id, pending })),
    from: run.from,
    to: run.to,
    refused: run.refused,
  }
}

/** One line for each action and reason. */
function joined(lines: readonly Line[]): RefusedInside {
  const kinds = Map.groupBy(lines, (it) => `${it.action} ${it.reason}`)
  return {
    lines: lines.map(({ id, end }) => ({ id, end })),
    joined: [...kinds.values()].map((list) => ({
      action: (list[0] as Line).action,
      reason: (list[0] as Line).reason,
      count: list.reduce((sum, it) => sum + it.count, 0),
      timeFrom: Math.min(...list.map((it) => it.time_from)),
      timeTo: Math.max(...list.map((it) => it.time_to)),
      at: Math.max(...list.map((it) => it.at)),
    })),
  }
}

function isWhole(block: Uint8Array): boolean {
  try {
    decodeBlock(block)
    return true
  } catch {
    return false
  }
}

/** As if there were no holes between them. */
function* renumbered(blocks: readonly Uint8Array[], from: number) {
  let next = from
  for (const block of blocks) {
    const decoded = decodeBlock(block)
    yield { ...decoded, first: next }
    next += decoded.count
  }
}
