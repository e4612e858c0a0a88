// Which lines of the ledger become one, and which one: by any lines.
import { expect, test } from 'vitest'
import type { Intervals } from '../../src/core/intervals.ts'
import { intersection, withInterval } from '../../src/core/intervals.ts'
import type { LossAction } from '../../src/core/log.ts'
import type { LineRow } from '../../src/log/ledger-merge.ts'
import { mergedLine, runsOf } from '../../src/log/ledger-merge.ts'
import fc from '../prove/fast-check.ts'
import { T0 } from './helpers.ts'

const DAY_US = 86_400_000_000

/** Lines as they come: each begins where the one before of its stream ends, or behind a hole. */
const someLines = fc
  .array(
    fc.record({
      stream: fc.constantFrom(1, 1, 1, 2),
      action: fc.constantFrom<LossAction>('aggregated', 'aggregated', 'refused'),
      count: fc.integer({ min: 1, max: 9 }),
      hole: fc.constantFrom(0, 0, 0, 3),
      days: fc.constantFrom(0, 0, 0, 1),
      lateDays: fc.constantFrom(0, 0, 0, 1),
      isExact: fc.constantFrom(true, true, true, true, false),
      isPublished: fc.constantFrom(true, true, true, true, false),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    const next = new Map<number, number>()
    let [at, time] = [T0, T0]
    return list.map((it, n): LineRow => {
      const first = (next.get(it.stream) ?? 0) + it.hole
      const end = first + it.count + (it.isExact ? 0 : 1)
      next.set(it.stream, end)
      time += it.days * DAY_US + 1
      at += (it.days + it.lateDays) * DAY_US + 1
      const times = { time_from: time - 10, time_to: time, at, exact: it.isExact ? 1 : 0 }
      const place = { gap_stream: it.isPublished ? 9 : null, sequence: it.isPublished ? n : null }
      return {
        id: n + 1,
        stream: it.stream,
        first,
        end,
        count: it.count,
        action: it.action,
        reason: it.action,
        ...times,
        ...place,
      }
    })
  })

const claimed = (lines: readonly LineRow[], stream: number) =>
  lines
    .filter((it) => it.stream === stream)
    .reduce<Intervals>((set, { first, end }) => {
      expect(intersection(set, [{ from: first, to: end }])).toEqual([])
      return withInterval(set, first, end)
    }, [])

const dayOf = (us: number) => Math.floor(us / DAY_US)

/** What people are told of: by stream, action, reason, and days. */
function sums(lines: readonly LineRow[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const it of lines)
    for (const day of [`at ${dayOf(it.at)}`, `from ${dayOf(it.time_from)}`, `to ${dayOf(it.time_to)}`]) {
      const key = `${it.stream} ${it.action} ${it.reason} ${day}`
      found[key] = (found[key] ?? 0) + it.count
    }
  return found
}

test('merged, lines claim what they claimed before, and count by day, action and reason what they counted', () => {
  fc.assert(
    fc.property(someLines, (lines) => {
      const inOrder = lines.toSorted((a, b) => a.stream - b.stream || a.first - b.first)
      const after = runsOf(inOrder, () => true).map((run) => mergedLine(run) ?? run)
      const all = after.flat()
      for (const stream of [1, 2]) expect(claimed(all, stream)).toEqual(claimed(lines, stream))
      expect(sums(all)).toEqual(sums(lines))
      // What has no place, or counts less than it spans, stays as it is.
      for (const it of lines) if (it.sequence === null || it.exact === 0) expect(all).toContainEqual(it)
      // No two that could still be one.
      for (const [n, it] of all.entries()) {
        const next = all[n + 1]
        if (next) expect(mergedLine([it, next])).toBeUndefined()
      }
    }),
    { numRuns: 300 },
  )
})

test('lines with a hole between them, of other reasons, or out of their order are never one', () => {
  const line = (n: number, more: Partial<LineRow> = {}): LineRow => ({
    id: n,
    stream: 1,
    first: n * 10,
    end: n * 10 + 10,
    count: 10,
    time_from: T0,
    time_to: T0,
    action: 'dropped',
    reason: 'full',
    at: T0,
    exact: 1,
    gap_stream: 2,
    sequence: n,
    ...more,
  })
  expect(mergedLine([line(1), line(2)])).toEqual(line(2, { first: 10, count: 20 }))
  expect(mergedLine([line(1), line(3)])).toBeUndefined()
  expect(mergedLine([line(1), line(2, { reason: 'history' })])).toBeUndefined()
  expect(mergedLine([line(1), line(2, { gap_stream: 3 })])).toBeUndefined()
  expect(mergedLine([line(1), line(2, { sequence: 0 })])).toBeUndefined()
  expect(mergedLine([line(1), line(2, { time_to: T0 + DAY_US })])).toBeUndefined()
  expect(mergedLine([line(1)])).toBeUndefined()
})
