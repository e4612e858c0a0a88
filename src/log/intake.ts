// What comes in: batches are taken apart by class, into the columns of each class's next block.
import type { ReadingBatch, Refused } from '../core/batch.ts'
import { BLOCK_BYTES_MAX } from '../core/bounds.ts'
import type { RuleMark } from '../core/rule.ts'
import type { ClassSettings } from '../core/settings.ts'
import type { Gather, SeriesMap } from './gather.ts'
import { beginBatch, gatherOne, gatherRun, hasRoom, newGather, runEnd, wordsOf } from './gather.ts'
import type { SeriesTable } from './series.ts'

/** What one class has for its next commit. */
export interface Waiting {
  readonly gather: Gather
  /** The clock's period in which its times were taken: a block is of one. */
  period: number
  /** Of the class's `forward`, in which it was received: a block is of one, and aggregates are made of whole blocks. */
  window: number
  /** By reason: one line of the ledger each. */
  readonly refused: Map<string, Refused>
  /** Appends that end in this class's next commit. */
  readonly appends: number[]
  /** About how many bytes they are. */
  bytes: number
  /** Monotonic ms. */
  dueAt: number
  /** Of rules' events in the gather. */
  mark: RuleMark | undefined
}

export interface Intake {
  /** By a class's place in the settings. */
  readonly waiting: readonly Waiting[]
  of(place: number): Waiting
  /** Takes a batch apart; says which classes have got something. */
  take(batch: ReadingBatch): ReadonlySet<number>
  forget(origin: number): void
}

/** `makeRoom` empties a class's gather into a block; `periodOf` says in which period of the clock a batch was taken. */
export function createIntake(
  classes: readonly ClassSettings[],
  series: SeriesTable,
  periodOf: (clock: number | undefined) => number,
  makeRoom: (place: number) => void,
): Intake {
  const origins = new Map<number, SeriesMap>()
  const placeOf = new Map(classes.map((it, place) => [it.name, place]))
  const waiting = classes.map(
    (): Waiting => ({
      gather: newGather(),
      period: -1,
      window: -1,
      refused: new Map<string, Refused>(),
      appends: [],
      bytes: 0,
      dueAt: Infinity,
      mark: undefined,
    }),
  )
  const waitingOf = (place: number) => waiting[place] as Waiting

  function mapOf(batch: ReadingBatch): SeriesMap {
    let map = origins.get(batch.origin)
    if (!map) origins.set(batch.origin, (map = { ids: [], classes: [], kinds: [], only: -2, spans: false }))
    if (batch.seriesFrom !== map.ids.length && batch.newSeries.length > 0)
      throw new Error(`origin ${batch.origin}: series from ${batch.seriesFrom} came where ${map.ids.length} was next`)
    for (const it of batch.newSeries) {
      const place = placeOf.get(it.class) ?? -1
      map.only = map.ids.length === 0 || map.only === place ? place : -2
      map.ids.push(series.idOf(it))
      map.classes.push(place)
      map.kinds.push(it.kind)
      map.spans ||= it.kind === 'string' || it.kind === 'bytes'
    }
    return map
  }

  /** The gather of a class, empty when what it holds is of another period, or of a window before. Whether room was made: any class's may be empty then. */
  function enter(place: number, period: number, received: number): boolean {
    const it = waitingOf(place)
    const windowMs = classes[place]?.forward?.windowMs
    const window = windowMs === undefined ? -1 : Math.floor(received / (windowMs * 1000))
    const isOver = (it.period !== period || it.window < window) && it.gather.count > 0
    if (isOver) makeRoom(place)
    it.window = it.period === period ? Math.max(it.window, window) : window
    it.period = period
    return isOver
  }

  function appendRuns(place: number, batch: ReadingBatch, map: SeriesMap): void {
    enter(place, periodOf(batch.clock), batch.received)
    const gather = waitingOf(place).gather
    for (let from = 0, to = 0; from < batch.count; from = to) {
      to = runEnd(batch, map, from)
      if (!hasRoom(gather, to - from, batch.bytes.length)) makeRoom(place)
      gatherRun(gather, batch, map, from, to)
    }
  }

  function appendEach(batch: ReadingBatch, map: SeriesMap, touched: Set<number>): void {
    const indices = new Map<number, number>()
    const words = wordsOf(batch)
    const period = periodOf(batch.clock)
    for (let row = 0; row < batch.count; row++) {
      const place = map.classes[batch.series[row] as number]
      if (place === undefined) throw new Error(`origin ${batch.origin}: series ${batch.series[row]} was never described`)
      if (place < 0) {
        refuseUnknown(batch, row, touched)
        continue
      }
      if (!touched.has(place) && enter(place, period, batch.received)) indices.clear()
      const { gather } = waitingOf(place)
      if (!hasRoom(gather, 1, 0) || gather.bytesUsed > BLOCK_BYTES_MAX) {
        makeRoom(place)
        indices.clear()
      }
      let index = indices.get(place)
      if (index === undefined) indices.set(place, (index = beginBatch(gather, batch.received)))
      gatherOne(gather, batch, words, map, row, index)
      touched.add(place)
    }
  }

  function refuseUnknown(batch: ReadingBatch, row: number, touched: Set<number>): void {
    const place = classes.length - 1
    const time = batch.time[row] as number
    refuseLater(place, {
      class: (classes[place] as ClassSettings).name,
      reason: 'no-such-class',
      count: 1,
      timeFrom: time,
      timeTo: time,
    })
    touched.add(place)
  }

  function refuseLater(place: number, it: Refused): void {
    const { refused } = waitingOf(place)
    const known = refused.get(it.reason)
    refused.set(it.reason, known ? joined(known, it) : it)
  }

  return {
    waiting,
    of: waitingOf,
    take(batch) {
      const map = mapOf(batch)
      const touched = new Set<number>()
      if (batch.count > 0)
        if (map.only >= 0) {
          appendRuns(map.only, batch, map)
          touched.add(map.only)
        } else appendEach(batch, map, touched)
      for (const it of batch.refused) {
        const place = placeOf.get(it.class) ?? classes.length - 1
        refuseLater(place, it)
        touched.add(place)
      }
      return touched
    },
    forget: (origin) => void origins.delete(origin),
  }
}

const joined = (a: Refused, b: Refused): Refused => ({
  ...a,
  count: a.count + b.count,
  timeFrom: Math.min(a.timeFrom, b.timeFrom),
  timeTo: Math.max(a.timeTo, b.timeTo),
})
