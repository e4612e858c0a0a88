// The statements of a query: which series a tag means, and which blocks come next. All that depends on the journal's tables is here.
import type { Intervals } from '../core/intervals.ts'
import { withInterval } from '../core/intervals.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import type { Journal } from './journal.ts'
import type { Walk } from './query-walk.ts'

/** A block's row as a query sees it; times in microseconds, both ends inclusive, as stored. */
export interface Place {
  readonly id: number
  readonly first: number
  readonly count: number
  readonly time_from: number
  readonly time_to: number
  readonly received_from: number
  readonly received_to: number
  readonly bytes: number
  readonly period: number
  readonly segment: number | null
  readonly offset: number | null
}

/** Rows that are looked at together: about 2 ms. */
const ROWS_A_LOOK = 1_024

const PLACES =
  'SELECT id, first, count, time_from, time_to, received_from, received_to, bytes, period, segment, "offset" FROM block WHERE stream = ? AND first >= ? ORDER BY first LIMIT ?'
/** Sealed blocks that begin before `to`, from the one on that holds `from` or begins behind it. An index has all of it. */
const SEALED =
  'SELECT first, segment, "offset" FROM block WHERE stream = :stream AND first >= coalesce((SELECT max(first) FROM block WHERE stream = :stream AND first <= :from), :from) AND first < :to AND first + count > :from AND segment IS NOT NULL ORDER BY first'

/** Raw blocks that aggregates stand for and that are kept (forwarding.ts), of the stream that a stream of aggregates is of. */
const KEPT_RAW =
  "SELECT b.first, b.count FROM stream a JOIN stream r ON r.device = a.device AND r.epoch = a.epoch AND r.class = a.class AND r.form = 'raw' JOIN block b ON b.stream = r.id WHERE a.id = :stream AND b.first < :to AND b.first >= coalesce((SELECT max(first) FROM block WHERE stream = r.id AND first <= :from), 0) AND b.window_ms > 0 ORDER BY b.first"

export interface Places {
  /** Rows from `walk.next` on; none when there are none. */
  after(walk: Walk): Place[]
  /** The bytes of a fresh block. */
  dataOf(row: Place): Uint8Array | null
  /** Of [from, to) of the readings that a stream of aggregates is of: those that are kept. */
  keptRaw(stream: number, from: number, to: number): Intervals
  /** Blocks that were walked while they were fresh may have been merged since: then the walk goes back to where that begins. */
  catchUp(walk: Walk): void
}

export function createPlaces(db: Journal): Places {
  const places = db.prepare(PLACES)
  const sealed = db.prepare(SEALED)
  const data = db.prepare('SELECT data FROM block WHERE id = ?').pluck()
  const kept = db.prepare<{ stream: number; from: number; to: number }, { first: number; count: number }>(KEPT_RAW)
  return {
    keptRaw: (stream, from, to) =>
      kept.all({ stream, from, to }).reduce<Intervals>((set, it) => withInterval(set, it.first, it.first + it.count), []),
    after: (walk) => places.all(walk.id, walk.next, ROWS_A_LOOK) as Place[],
    dataOf: (row) => (row.segment === null ? (data.get(row.id) as Uint8Array) : null),
    catchUp(walk) {
      if (walk.freshFrom === undefined) return
      const rows = sealed.all({ stream: walk.id, from: walk.freshFrom, to: walk.next }) as Pick<
        Place,
        'first' | 'segment' | 'offset'
      >[]
      const merged = rows.find((it) => !walk.knows(it))
      if (merged) walk.goBack(merged.first)
    },
  }
}

/** Series by tags and patterns, ascending. */
export function createTags(db: Journal): (tag: string | readonly string[]) => Uint32Array {
  const named = db.prepare('SELECT id FROM series WHERE tag = ?').pluck()
  const between = db.prepare('SELECT id, tag FROM series WHERE tag >= ? AND tag < ?')
  const matching = (pattern: string): number[] => {
    const [prefix = '', ...rest] = pattern.split('*')
    const exact = named.all(pattern) as number[]
    if (rest.length === 0) return exact
    const isMatch = tagMatcher(pattern)
    const rows = between.all(prefix, `${prefix}\u{10ffff}`) as { id: number; tag: string }[]
    return [...exact, ...rows.filter((it) => isMatch(it.tag)).map((it) => it.id)]
  }
  return (tag) => {
    const ids = [tag].flat().flatMap(matching)
    return Uint32Array.from(new Set(ids)).sort()
  }
}
