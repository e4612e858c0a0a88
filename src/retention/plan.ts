// What is given up when space is needed, in this order:
//
//   1  history: what is delivered and only kept, of the lowest class first, oldest first
//   2  bands of classes that are no longer in the settings
//   3  class by class from the lowest, down to its floor: all of its bands one step down the ladder, oldest first, before any goes the next; in the end nothing.
//      What lies around rules' events (raised) goes the same way, when nothing else of the class is left
//   4  only when nothing else is left, floors: again from the lowest class; at the very last the highest class loses its oldest
//
// A band under way to an uplink is passed over. A class that waits when it is full gives up nothing that is not delivered.
// A band that would go down several steps goes at once to the last of them.
import type { AggregateBytes, Band, ClassRetention, Plan, PlanRequest, PlanStep } from '../core/retention.ts'
import type { Reduced } from './ladder.ts'
import { coarsenessOf, stepsByCoarseness } from './ladder.ts'

/** What one aggregate takes where the log holds too few rows to tell. */
const AGGREGATE_BYTES = 20
/** Rows of a class that tell what its rows take. */
const ROWS_MIN = 1_000
/**
 * An aggregate takes as much as so many readings: it holds six values, each with more digits than a reading's. Measured: 6 where values are
 * noise to the last bit, 9 to 14 where they have two decimals.
 */
const AGGREGATE_READINGS = 10
const AGGREGATE_BYTES_LEAST = 2
const AGGREGATE_BYTES_MOST = 48
/** A reduction that frees less of its band costs more (detail, wear of the flash) than it gives: the next coarser is looked at instead. */
export const FREED_SHARE_MIN = 0.1
/** Below any sum of bytes, also one that estimates have made a little less than 0. */
const NO_FLOOR = Number.NEGATIVE_INFINITY

/** What a band is once the steps chosen so far are done. */
interface Held {
  readonly band: Band
  coarseness: number
  bytes: number
}

/** A class on its way down its ladder. */
interface Giving {
  readonly steps: readonly Reduced[]
  readonly floorBytes: number
  readonly aggregateBytes: BytesOfWindow
  /** Oldest first; what may be given up. */
  readonly held: readonly Held[]
  /** Of all that is not delivered. */
  bytes: number
}

interface Choosing {
  readonly steps: Map<number, PlanStep>
  readonly bytesToFree: number
  freesBytes: number
}

/** The steps that free `bytesToFree`, each band at most once; or all that may be given up where that is not enough. */
export function plan({ bands, classes, bytesToFree }: PlanRequest): Plan {
  const choosing: Choosing = { steps: new Map(), bytesToFree, freesBytes: 0 }
  const known = new Set(classes.map((it) => it.name))
  const oldestFirst = bands.toSorted((a, b) => a.age - b.age)
  const byClass = Map.groupBy(oldestFirst, (it) => (known.has(it.class) ? it.class : ''))
  const lowestFirst = classes.toReversed()
  const ofClass = (name: string) => byClass.get(name) ?? []
  const unknown = ofClass('')
  for (const list of [unknown, ...lowestFirst.map((it) => ofClass(it.name))])
    dropAll(
      choosing,
      list.filter((it) => it.delivered),
      'history',
    )
  dropAll(
    choosing,
    unknown.filter((it) => !it.delivered),
    'full',
  )
  const giving = lowestFirst.filter((it) => it.whenFull === 'reduce').map((it) => givingOf(it, ofClass(it.name)))
  for (const it of giving) walkDown(choosing, it, it.floorBytes || NO_FLOOR)
  for (const it of giving) walkDown(choosing, it, NO_FLOOR)
  const { steps, freesBytes } = choosing
  return { steps: [...steps.values()], freesBytes, enough: freesBytes >= bytesToFree }
}

/** What one aggregate of a class takes, by window. */
export type BytesOfWindow = (windowMs: number) => number

/** As it was tried; else by the aggregates that it has, else by what its readings take. */
export function aggregateBytesOf(
  bands: readonly Band[],
  tried?: readonly AggregateBytes[],
  bytesPerReading?: number,
): BytesOfWindow {
  const supposed = supposedBytes(bands, bytesPerReading)
  return (windowMs) => tried?.find((it) => it.windowMs === windowMs)?.bytes ?? supposed
}

function supposedBytes(bands: readonly Band[], bytesPerReading = bytesPerRow(bands, 'raw')): number {
  const measured = bytesPerRow(bands, 'aggregate')
  if (measured !== undefined) return measured
  if (bytesPerReading === undefined) return AGGREGATE_BYTES
  return Math.min(AGGREGATE_BYTES_MOST, Math.max(AGGREGATE_BYTES_LEAST, bytesPerReading * AGGREGATE_READINGS))
}

function bytesPerRow(bands: readonly Band[], form: Band['form']): number | undefined {
  const alike = bands.filter((it) => it.form === form)
  const rows = alike.reduce((sum, it) => sum + it.rows, 0)
  return rows < ROWS_MIN ? undefined : alike.reduce((sum, it) => sum + it.bytes, 0) / rows
}

/** Aggregates that a band becomes at most: no more than it has rows, and one for each series and window. */
export function rowsReduced({ rows, series, receivedFrom, receivedTo }: Band, windowMs: number): number {
  const windowUs = windowMs * 1_000
  const windows = Math.floor(receivedTo / windowUs) - Math.floor(receivedFrom / windowUs) + 1
  return Math.min(rows, series * windows)
}

function givingOf(cls: ClassRetention, bands: readonly Band[]): Giving {
  const undelivered = bands.filter((it) => !it.delivered)
  return {
    steps: stepsByCoarseness(cls),
    floorBytes: cls.floorBytes,
    aggregateBytes: aggregateBytesOf(bands, cls.aggregateBytes),
    held: undelivered
      .filter((it) => !it.pinned && it.bytes > 0)
      .map((band) => ({ band, coarseness: band.form === 'raw' ? 0 : band.windowMs, bytes: band.bytes })),
    bytes: undelivered.reduce((sum, it) => sum + it.bytes, 0),
  }
}

function isEnough({ freesBytes, bytesToFree }: Choosing): boolean {
  return freesBytes >= bytesToFree
}

function dropAll(choosing: Choosing, bands: readonly Band[], reason: string): void {
  for (const band of bands) {
    if (isEnough(choosing)) return
    if (band.pinned || band.bytes === 0) continue
    choosing.steps.set(band.id, { band: band.id, keep: 'nothing', reason, freesBytes: band.bytes })
    choosing.freesBytes += band.bytes
  }
}

/** One class down its steps, until there is enough or its next band would take it below `floorBytes`: the oldest is due, so nothing younger goes in its place. */
function walkDown(choosing: Choosing, giving: Giving, floorBytes: number): void {
  const [plain, raised] = [false, true].map((it) => giving.held.filter(({ band }) => (band.raised ?? false) === it))
  for (const group of [plain ?? [], raised ?? []])
    for (const keep of giving.steps)
      for (const held of group) {
        if (isEnough(choosing)) return
        const bytes = bytesReduced(held, keep, giving.aggregateBytes)
        if (bytes === undefined) continue
        const freed = held.bytes - bytes
        if (giving.bytes - freed < floorBytes) return
        giving.bytes -= freed
        reduce(choosing, held, keep, bytes)
      }
}

/** What the band takes one step down; undefined where that step is none for it. */
function bytesReduced({ band, coarseness, bytes }: Held, keep: Reduced, aggregateBytes: BytesOfWindow): number | undefined {
  if (coarseness >= coarsenessOf(keep)) return undefined
  if (keep === 'nothing') return 0
  // Only windows that were laid down by other settings do not fit into each other.
  if (band.form === 'aggregate' && keep.windowMs % band.windowMs !== 0) return undefined
  const reduced = Math.ceil(rowsReduced(band, keep.windowMs) * aggregateBytes(keep.windowMs))
  return bytes - reduced >= FREED_SHARE_MIN * bytes ? reduced : undefined
}

function reduce(choosing: Choosing, held: Held, keep: Reduced, bytes: number): void {
  choosing.freesBytes += held.bytes - bytes
  held.bytes = bytes
  held.coarseness = coarsenessOf(keep)
  // What goes on to a further step stands at that step's place: whoever stops early has taken no band two steps before its neighbours took one.
  choosing.steps.delete(held.band.id)
  choosing.steps.set(held.band.id, { band: held.band.id, keep, reason: 'full', freesBytes: held.band.bytes - bytes })
}
