// Rows of aggregates as the codec sees them: runs of series, and of those only the rows with a value.
import type { SeriesRuns } from '../group.ts'

/** Rows with a value, side by side. */
export interface Valued {
  readonly count: number
  readonly runs: SeriesRuns
  /** Of row i the row in the block. */
  readonly rows: Uint32Array
}

export function valuedRows(runs: SeriesRuns, valued: Uint32Array): Valued {
  const total = runs.starts[runs.length] as number
  const rows = new Uint32Array(total)
  const ids = new Uint32Array(runs.length)
  const starts = new Uint32Array(runs.length + 1)
  let [count, length] = [0, 0]
  for (let run = 0; run < runs.length; run++) {
    for (let i = runs.starts[run] as number; i < (runs.starts[run + 1] as number); i++) if (valued[i] !== 0) rows[count++] = i
    if (count === starts[length]) continue
    ids[length++] = runs.ids[run] as number
    starts[length] = count
  }
  return { count, runs: { length, ids, starts }, rows: rows.subarray(0, count) }
}

/** What the statistics are over, with a value or not. */
export function countedOf(good: Uint32Array, uncertain: Uint32Array, i: number): number {
  return good[i] !== 0 ? (good[i] as number) : (uncertain[i] as number)
}
