// Sets of sequences as sorted, disjoint, half-open intervals [from, to). What is delivered, lost or in doubt is a few of them.

export interface Interval {
  readonly from: number
  readonly to: number
}
export type Intervals = readonly Interval[]

/** The set with [from, to) in it. */
export function withInterval(set: Intervals, from: number, to: number): Intervals {
  if (from >= to) return set
  const last = set.at(-1)
  // The common case by far: the end of the last interval moves on.
  if (last && last.to === from) return [...set.slice(0, -1), { from: last.from, to }]
  if (!last || last.to < from) return [...set, { from, to }]
  const before = set.filter((it) => it.to < from)
  const after = set.filter((it) => it.from > to)
  const touched = set.slice(before.length, set.length - after.length)
  const first = touched[0]
  const end = touched.at(-1)
  const merged = { from: Math.min(from, first ? first.from : from), to: Math.max(to, end ? end.to : to) }
  return [...before, merged, ...after]
}

export function union(a: Intervals, b: Intervals): Intervals {
  return b.reduce((set, it) => withInterval(set, it.from, it.to), a)
}

export function intersection(a: Intervals, b: Intervals): Intervals {
  const result: Interval[] = []
  for (let i = 0, k = 0; i < a.length && k < b.length; ) {
    const x = a[i] as Interval
    const y = b[k] as Interval
    const from = Math.max(x.from, y.from)
    const to = Math.min(x.to, y.to)
    if (from < to) result.push({ from, to })
    if (x.to < y.to) i++
    else k++
  }
  return result
}

/** What is in `a` and not in `b`. */
export function difference(a: Intervals, b: Intervals): Intervals {
  const result: Interval[] = []
  for (const it of a) {
    let from = it.from
    for (const cut of b) {
      if (cut.to <= from) continue
      if (cut.from >= it.to) break
      if (cut.from > from) result.push({ from, to: cut.from })
      from = Math.max(from, cut.to)
    }
    if (from < it.to) result.push({ from, to: it.to })
  }
  return result
}

export function countOf(set: Intervals): number {
  return set.reduce((sum, it) => sum + it.to - it.from, 0)
}

export function contains(set: Intervals, from: number, to: number): boolean {
  return set.some((it) => it.from <= from && to <= it.to)
}

export function overlaps(set: Intervals, from: number, to: number): boolean {
  return set.some((it) => it.from < to && from < it.to)
}
