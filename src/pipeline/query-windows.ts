// `query --every`: one row a window, over the numbers of good quality in it. Windows are cut on the source's time.
import type { QueryRequest, QueryRow } from '../core/agent-api.ts'

type Window = NonNullable<QueryRow['window']> & { sum: number }

/** Reads all rows and hands out the windows in the order of their time, at most `limit`. */
export async function* queryWindows(rows: AsyncIterable<QueryRow>, { every = 1, limit }: QueryRequest): AsyncIterable<QueryRow> {
  const windows = new Map<number, { last: QueryRow; window: Window | undefined }>()
  for await (const row of rows) {
    const time = Math.floor(row.time / every) * every
    const known = windows.get(time)
    const value = numberOf(row)
    windows.set(time, { last: row, window: value === undefined ? known?.window : widened(known?.window, value) })
  }
  const inOrder = [...windows].sort((a, b) => a[0] - b[0]).slice(0, limit)
  for (const [time, { last, window }] of inOrder) {
    if (!window) yield { ...last, time, value: null }
    else {
      const { sum, ...shown } = window
      yield { ...last, time, value: sum / shown.count, quality: 'good', window: { ...shown, mean: sum / shown.count } }
    }
  }
}

function numberOf({ value, quality }: QueryRow): number | undefined {
  if (quality !== 'good') return undefined
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined
}

function widened(window: Window | undefined, value: number): Window {
  if (!window) return { count: 1, min: value, max: value, mean: value, first: value, last: value, sum: value }
  const sum = window.sum + value
  const count = window.count + 1
  return {
    count,
    min: Math.min(window.min, value),
    max: Math.max(window.max, value),
    mean: sum / count,
    first: window.first,
    last: value,
    sum,
  }
}
