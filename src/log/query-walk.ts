// A query's way through one stream, by first sequence. Between two pages the fresh blocks behind it may be merged to sealed ones, and
// their readings numbered anew; only the order within a series stays. So a walk remembers what it took of blocks since the oldest fresh
// one. When it finds a sealed block there that it does not know, it goes back to it and passes over as many rows of each series.
import type { QueryPart, StreamCursor } from '../core/query.ts'
import { cutAggregates, cutRaw } from './query-parts.ts'
import type { Place } from './query-rows.ts'

/** Numbers that are remembered: what is older comes twice when it is merged meanwhile. */
const TAKEN_MAX = 600_000
const NONE = new Float64Array(0)

type Sealed = Pick<Place, 'first' | 'segment' | 'offset'>

export interface Walk {
  readonly id: number
  readonly next: number
  readonly isDone: boolean
  readonly freshFrom: number | undefined
  /** The block is behind; `counts`: rows of the range that it holds, by series. */
  pass(row: Place, counts?: ReadonlyMap<number, number>): void
  finish(): void
  knows(sealed: Sealed): boolean
  goBack(first: number): void
  isSkipping(row: Place): boolean
  /** What is left of a part of the block at hand; undefined: nothing. */
  skipped(part: QueryPart): QueryPart | undefined
  /** To go on from with the next page. */
  state(): StreamCursor
}

export function beginWalk(id: number, cursor?: StreamCursor): Walk {
  let next = cursor?.next ?? 0
  let isDone = cursor?.isDone ?? false
  let freshFrom = cursor?.freshFrom
  let skipUntil = cursor?.skipUntil ?? 0
  let sealed = [...(cursor?.sealed ?? NONE)]
  let taken = [...(cursor?.taken ?? NONE)]
  const skip = new Map(pairs(cursor?.skip ?? NONE))

  function remember(row: Place, counts: ReadonlyMap<number, number>): void {
    if (row.segment === null) freshFrom ??= row.first
    if (freshFrom === undefined) return
    if (row.segment !== null) sealed.push(row.first, row.segment, row.offset as number)
    for (const [series, rows] of counts) taken.push(row.first, series, rows)
    if (taken.length > TAKEN_MAX) taken = taken.slice(-TAKEN_MAX / 2)
  }

  return {
    id,
    get next() {
      return next
    },
    get isDone() {
      return isDone
    },
    get freshFrom() {
      return freshFrom
    },
    pass(row, counts = new Map()) {
      remember(row, counts)
      next = row.first + row.count
      if (next >= skipUntil) skip.clear()
    },
    finish() {
      isDone = true
    },
    knows: ({ first, segment, offset }) => triples(sealed).some((it) => it[0] === first && it[1] === segment && it[2] === offset),
    goBack(first) {
      for (const [at, series, rows] of triples(taken)) if (at >= first) skip.set(series, (skip.get(series) ?? 0) + rows)
      taken = triples(taken)
        .filter((it) => it[0] < first)
        .flat()
      sealed = triples(sealed)
        .filter((it) => it[0] < first)
        .flat()
      if (freshFrom !== undefined && freshFrom >= first) freshFrom = undefined
      skipUntil = Math.max(skipUntil, next)
      next = first
    },
    isSkipping: (row) => skip.size > 0 && row.first < skipUntil,
    skipped(part) {
      const count = part.form === 'raw' ? part.count : part.columns.count
      const over = Math.min(count, skip.get(part.series.id) ?? 0)
      skip.set(part.series.id, (skip.get(part.series.id) ?? 0) - over)
      if (over === 0) return part
      if (over === count) return undefined
      return part.form === 'raw' ? cutRaw(part, over) : cutAggregates(part, over)
    },
    state: () => ({
      id,
      next,
      isDone,
      freshFrom,
      sealed: Float64Array.from(sealed),
      taken: Float64Array.from(isDone ? [] : taken),
      skip: Float64Array.from([...skip].flat()),
      skipUntil,
    }),
  }
}

type Triple = [number, number, number]

function triples(flat: readonly number[]): Triple[] {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(i * 3, i * 3 + 3) as Triple)
}

function pairs(flat: Float64Array): [number, number][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[i * 2] as number, flat[i * 2 + 1] as number])
}
