// Sets as runs [from, to) in their order, one at a time: there may be far more of them than fit into memory.
import type { Interval } from '../../../core/intervals.ts'

export type Runs = Iterable<Interval>

/** What is in `a` and not in `b`. */
export function* without(a: Runs, b: Runs): Runs {
  const cuts = b[Symbol.iterator]()
  let cut = cuts.next()
  for (const it of a) {
    let from = it.from
    while (!cut.done && cut.value.from < it.to) {
      if (cut.value.from > from) yield { from, to: cut.value.from }
      from = Math.max(from, cut.value.to)
      // It may reach into the next run.
      if (cut.value.to > it.to) break
      cut = cuts.next()
    }
    if (from < it.to) yield { from, to: it.to }
  }
}

/** What is in both. */
export function* within(a: Runs, b: Runs): Runs {
  const others = b[Symbol.iterator]()
  let other = others.next()
  for (const it of a) {
    while (!other.done && other.value.from < it.to) {
      const from = Math.max(it.from, other.value.from)
      const to = Math.min(it.to, other.value.to)
      if (from < to) yield { from, to }
      if (other.value.to > it.to) break
      other = others.next()
    }
  }
}

/** What is in any of them. */
export function* either(a: Runs, b: Runs): Runs {
  let open: Interval | undefined
  for (const it of inOrder(a, b)) {
    if (open && it.from <= open.to) open = { from: open.from, to: Math.max(open.to, it.to) }
    else {
      if (open) yield open
      open = it
    }
  }
  if (open) yield open
}

function* inOrder(a: Runs, b: Runs): Runs {
  const others = b[Symbol.iterator]()
  let other = others.next()
  for (const it of a) {
    for (; !other.done && other.value.from < it.from; other = others.next()) yield other.value
    yield it
  }
  for (; !other.done; other = others.next()) yield other.value
}

/** How many numbers, and the first `max` of the runs. */
export function tally(runs: Runs, max = 0): { readonly count: number; readonly first: readonly Interval[] } {
  const first: Interval[] = []
  let count = 0
  for (const it of runs) {
    count += it.to - it.from
    if (first.length < max) first.push(it)
  }
  return { count, first }
}

export function countRuns(runs: Runs): number {
  return tally(runs).count
}

export function isEmpty(runs: Runs): boolean {
  for (const _ of runs) return false
  return true
}
