// Old lines of the ledger that adjoin and say the same become one: else a class of which aggregates leave has a line a window for good.
//
//   ledger, stream by stream ─► runs that may be one (ledger-merge.ts) ─► Change ─► writer: still so? (ledger-change.ts)
//
// The merged line keeps the highest place of its parts in the gap stream. The places of the others are holes: whoever is told of lines takes a hole
// along with the line that comes next (lanes.ts), so no number of a gap stream is missing anywhere.
//
// What must hold: whoever may have been told of one of the parts has been told of all of them, or nobody can have been told of any. Else somebody
// were told of some numbers twice, or of some never. What an uplink may have, and has not said yet, is below its mark (recover-marks.ts); no merged
// line crosses a mark, neither by its numbers nor by its places: what came after it may have to go to another stream.
import type { Intervals } from '../core/intervals.ts'
import { contains, overlaps, union } from '../core/intervals.ts'
import { givenOutFor } from '../core/airgap.ts'
import type { Journal } from './journal.ts'
import { dayOf } from './days.ts'
import type { MergeChange } from './ledger-change.ts'
import type { LineRow, Places } from './ledger-merge.ts'
import { LINE_COLUMNS, LINES_BETWEEN, mergedLine, placesOf, runsOf } from './ledger-merge.ts'
import { streamKey } from '../core/stream.ts'
import type { Stream } from '../core/stream.ts'

export interface CompactionParts {
  readonly db: Journal
  /** By name, of a gap stream: what it has. */
  readonly positionsOf: (stream: string) => readonly { readonly uplink: string; readonly had: Intervals }[]
  /** By uplink: what it may have beside. */
  readonly mayHave: (stream: string) => readonly { readonly ranges: Intervals }[]
  /** By uplink that has not met this log since it was opened: the head of a stream then. */
  readonly marksOf: (stream: string) => readonly { readonly uplink: string; readonly head: number }[]
  /** Milliseconds. */
  readonly monotonic: () => number
}

export interface Compaction {
  /** The next lines to be merged; undefined: none, or not yet. `all`: whatever can be, now. */
  next(now: number, all: boolean): MergeChange | undefined
  /** The writer would not have the last ones. */
  refused(): void
}

/** Lines in one change, and that are looked at for one. */
const LINES_MAX = 256
/** Of a day that is not over fewer are not worth it: more will join on. */
const LINES_WORTH = 64
/** Steps are so far apart, and looks through the whole ledger. */
const STEP_MS = 1_000
const REST_MS = 600_000

/** Of one gap stream, as of now. */
interface Told {
  readonly key: string
  readonly underWay: Intervals
  readonly uplinks: readonly { readonly had: Intervals; readonly given: readonly Intervals[]; readonly mark: number }[]
  readonly marks: readonly number[]
}

export function createCompaction({ db, positionsOf, mayHave, marksOf, monotonic }: CompactionParts): Compaction {
  const page = db.prepare<[number, number], LineRow>(
    `SELECT ${LINE_COLUMNS} FROM ledger WHERE stream = ? AND first >= ? ORDER BY first LIMIT ${LINES_MAX}`,
  )
  const between = db.prepare<[number, number, number], number>(LINES_BETWEEN).pluck()
  const following = db.prepare<[number], number | null>('SELECT min(stream) FROM ledger WHERE stream >= ?').pluck()
  const streamBy = db.prepare<[number], Stream>('SELECT device, epoch, class, form FROM stream WHERE id = ?')
  let at = { stream: 0, first: 0 }
  let dueAt = -Infinity
  /** Where the last lines that were to be merged end. */
  let proposedTo = 0

  const keyOf = (id: number): string | undefined => {
    const stream = streamBy.get(id)
    return stream && streamKey(stream)
  }

  function toldOf(id: number): Told | undefined {
    const key = keyOf(id)
    if (key === undefined) return undefined
    const [positions, marks] = [positionsOf(key), marksOf(key)]
    const hadBy = (name: string): Intervals => positions.find((it) => it.uplink === name)?.had ?? []
    const names = new Set([...positions, ...marks].map((it) => it.uplink))
    const uplinks = [...names].map((name) => ({
      had: hadBy(name),
      given: givenOutFor(name).map(hadBy),
      mark: marks.find((it) => it.uplink === name)?.head ?? 0,
    }))
    const underWay = mayHave(key).reduce<Intervals>((set, it) => union(set, it.ranges), [])
    return { key, underWay, uplinks, marks: marks.map((it) => it.head) }
  }

  /** Whether everybody has been told of all of these places, or cannot have been told of any. */
  function isEven({ underWay, uplinks }: Told, { from, to }: Places): boolean {
    if (overlaps(underWay, from, to)) return false
    return uplinks.every(
      ({ had, given, mark }) =>
        contains(had, from, to) || (from >= mark && ![had, ...given].some((it) => overlaps(it, from, to))),
    )
  }

  const crosses = (marks: readonly number[], from: number, to: number) => marks.some((it) => from < it && it < to)

  /** The lines of a page in runs, each of which could be one line. */
  function runsIn(lines: readonly LineRow[], stream: number): LineRow[][] {
    const key = keyOf(stream)
    const marks = key === undefined ? [] : marksOf(key).map((it) => it.head)
    const told = new Map<number | null, Told | undefined>()
    return runsOf(lines, (run) => {
      const [first, last] = [run[0] as LineRow, run.at(-1) as LineRow]
      if (!told.has(first.gap_stream)) told.set(first.gap_stream, toldOf(first.gap_stream ?? 0))
      const of = told.get(first.gap_stream)
      const places = placesOf(run)
      if (!of || crosses(marks, first.first, last.end) || crosses(of.marks, places.from, places.to)) return false
      return isEven(of, places) && between.get(first.gap_stream as number, places.from, places.to) === run.length
    })
  }

  function isWorth(run: readonly LineRow[], now: number, all: boolean): boolean {
    if (!mergedLine(run)) return false
    const isOver = dayOf((run[0] as LineRow).at) < dayOf(now)
    return all || isOver || run.length >= LINES_WORTH
  }

  function changeOf(run: readonly LineRow[]): MergeChange {
    const stream = keyOf((run[0] as LineRow).gap_stream as number) as string
    return { kind: 'merge', stream, ...placesOf(run), lines: run.map((it) => it.id) }
  }

  /** Looks at one page; where it has nothing to merge, the next look goes on behind it. */
  function look(now: number, all: boolean): MergeChange | undefined {
    const lines = page.all(at.stream, at.first)
    const runs = runsIn(lines, at.stream)
    const worth = runs.find((it) => isWorth(it, now, all))
    if (worth) {
      // The next look begins with what these have become: more may join on.
      at = { ...at, first: (worth[0] as LineRow).first }
      proposedTo = (worth.at(-1) as LineRow).end
      return changeOf(worth)
    }
    const isEnd = lines.length < LINES_MAX
    // The last run may go on behind the page.
    const last = runs.length > 1 ? runs.at(-1)?.[0] : lines.at(-1)
    at = isEnd || !last ? { stream: at.stream + 1, first: 0 } : { ...at, first: last.first }
    return undefined
  }

  function round(now: number, all: boolean): MergeChange | undefined {
    for (;;) {
      const stream = following.get(at.stream)
      if (stream === null || stream === undefined) {
        at = { stream: 0, first: 0 }
        dueAt = monotonic() + REST_MS
        return undefined
      }
      if (stream !== at.stream) at = { stream, first: 0 }
      const change = look(now, all)
      if (change || !all) return change
    }
  }

  return {
    next(now, all) {
      if (!all && monotonic() < dueAt) return undefined
      dueAt = monotonic() + STEP_MS
      const isFromStart = at.stream === 0 && at.first === 0
      return round(now, all) ?? (all && !isFromStart ? round(now, all) : undefined)
    },
    refused() {
      at = { ...at, first: proposedTo }
    },
  }
}
