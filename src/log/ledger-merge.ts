// Which lines of the ledger may become one, and which one: pure.
//
// What must hold: a line claims exactly the numbers that its parts did, without a hole; what is counted by class, action, reason and day, of the
// ledger or of the readings' times, is the same before and after.
import type { LossAction } from '../core/log.ts'
import { dayOf } from './days.ts'

/** A row of the ledger. */
export interface LineRow {
  readonly id: number
  readonly stream: number
  readonly first: number
  readonly end: number
  readonly count: number
  readonly time_from: number
  readonly time_to: number
  readonly action: LossAction
  readonly reason: string
  readonly at: number
  readonly exact: number
  readonly gap_stream: number | null
  readonly sequence: number | null
}

export const LINE_COLUMNS = 'id, stream, first, "end", count, time_from, time_to, action, reason, at, exact, gap_stream, sequence'

/** Places in a gap stream: [from, to). */
export interface Places {
  readonly from: number
  readonly to: number
}

/** Whether a line names just the numbers of its range, and has its place in a gap stream. */
const isPlain = (it: LineRow) =>
  it.exact === 1 && it.count === it.end - it.first && it.gap_stream !== null && it.sequence !== null

const kindOf = (it: LineRow) =>
  JSON.stringify([it.stream, it.action, it.reason, it.gap_stream, dayOf(it.at), dayOf(it.time_from), dayOf(it.time_to)])

/** Whether `b` goes on where `a` ends, and says the same of it. */
const joinsOn = (a: LineRow, b: LineRow): boolean => isPlain(a) && isPlain(b) && a.end === b.first && kindOf(a) === kindOf(b)

/** Of lines that have places. */
export function placesOf(lines: readonly LineRow[]): Places {
  const places = lines.map((it) => it.sequence as number)
  return { from: Math.min(...places), to: Math.max(...places) + 1 }
}

/**
 * Of a gap stream: how many lines have places in [from, to). Only lines whose places nobody else's stand between become one: whoever lacks the place of a
 * part is told of the line that comes next.
 */
export const LINES_BETWEEN = 'SELECT count(*) FROM ledger WHERE gap_stream = ? AND sequence >= ? AND sequence < ?'

/**
 * The one line; undefined: these cannot be one. It keeps the highest place of them: whoever lacks a place before finds it there. And the highest
 * number: notes of segments begin with a number, and what they have of the parts already lies within it.
 */
export function mergedLine(lines: readonly LineRow[]): LineRow | undefined {
  const [first, last] = [lines[0], lines.at(-1)]
  if (!first || !last || lines.length < 2) return undefined
  if (!lines.every((it, n) => n === 0 || joinsOn(lines[n - 1] as LineRow, it))) return undefined
  const id = Math.max(...lines.map((it) => it.id))
  const sequence = placesOf(lines).to - 1
  if (lines.find((it) => it.id === id)?.sequence !== sequence) return undefined
  return {
    ...first,
    id,
    sequence,
    end: last.end,
    count: last.end - first.first,
    time_from: Math.min(...lines.map((it) => it.time_from)),
    time_to: Math.max(...lines.map((it) => it.time_to)),
    at: Math.max(...lines.map((it) => it.at)),
  }
}

/** Lines in their order, parted where one does not go on as the one before, or `isWhole` has it that their places cannot be one. */
export function runsOf(lines: readonly LineRow[], isWhole: (run: readonly LineRow[]) => boolean): LineRow[][] {
  const runs: LineRow[][] = []
  for (const it of lines) {
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (run && last && joinsOn(last, it) && isWhole([...run, it])) run.push(it)
    else runs.push([it])
  }
  return runs
}
