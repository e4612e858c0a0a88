// Runs [from, to) of sample numbers that mostly grow at the end. Kept in place: the plant adds thousands a second.

export type Range = [from: number, to: number]

/** Adds n. Cheap when n follows the last one; numbers may also come out of order. */
export function addTo(ranges: Range[], n: number): void {
  const last = ranges.at(-1)
  if (!last || n > last[1]) ranges.push([n, n + 1])
  else if (n === last[1]) last[1] = n + 1
  else insert(ranges, n)
}

function insert(ranges: Range[], n: number): void {
  let at = ranges.length - 1
  while (at > 0 && (ranges[at] as Range)[0] > n) at--
  const it = ranges[at] as Range
  if (n >= it[0] && n < it[1]) return
  const before = n < it[0]
  ranges.splice(before ? at : at + 1, 0, [n, n + 1])
  joinAround(ranges, before ? at : at + 1)
}

function joinAround(ranges: Range[], at: number): void {
  for (const k of [at, at - 1]) {
    const left = ranges[k]
    const right = ranges[k + 1]
    if (!left || !right || left[1] < right[0]) continue
    left[1] = Math.max(left[1], right[1])
    ranges.splice(k + 1, 1)
  }
}

export function countIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0)
}

export function holds(ranges: readonly Range[], n: number): boolean {
  for (let i = ranges.length - 1; i >= 0; i--) {
    const [from, to] = ranges[i] as Range
    if (n >= from) return n < to
  }
  return false
}
