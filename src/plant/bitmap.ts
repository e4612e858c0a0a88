/** Which whole numbers from 0 on were seen: one bit each, grows with the largest. */
export interface Bitmap {
  /** Marks n; true when it was marked before. */
  mark(n: number): boolean
  has(n: number): boolean
  /** How many are marked. */
  readonly count: number
  /** The smallest and the largest, or −1. */
  readonly first: number
  readonly last: number
}

export function newBitmap(): Bitmap {
  let bytes = new Uint8Array(64)
  const map = { count: 0, first: -1, last: -1, mark, has }
  function mark(n: number): boolean {
    const at = Math.floor(n / 8)
    if (at >= bytes.length) grow(at)
    const old = bytes[at] as number
    const bit = 1 << (n % 8)
    if ((old & bit) !== 0) return true
    bytes[at] = old | bit
    map.count++
    if (map.first < 0 || n < map.first) map.first = n
    if (n > map.last) map.last = n
    return false
  }
  function has(n: number): boolean {
    return ((bytes[Math.floor(n / 8)] ?? 0) & (1 << (n % 8))) !== 0
  }
  function grow(at: number): void {
    const grown = new Uint8Array(Math.max(at + 1, bytes.length * 2))
    grown.set(bytes)
    bytes = grown
  }
  return map
}

/** The numbers of [from, to) that are not marked, as ranges. */
export function holesIn(map: Bitmap, from: number, to: number): [from: number, to: number][] {
  const holes: [number, number][] = []
  for (let n = from; n < to; n++) {
    if (map.has(n)) continue
    const start = n
    while (n < to && !map.has(n)) n++
    holes.push([start, n])
  }
  return holes
}
