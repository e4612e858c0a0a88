// Sets of sequences that come in any order, millions of them: a bitmap for each 65,536, forgotten again once it is full. So memory goes with the
// windows that are not complete, 8 kB each, whatever the order of the partitions.
import type { Interval, Intervals } from '../../../core/intervals.ts'

export interface SequenceSet {
  /** False when it was there. */
  add(sequence: number): boolean
  has(sequence: number): boolean
  readonly count: number
  intervals(): Intervals
}

const BITS = 65_536

interface Chunk {
  readonly number: number
  /** Null once all are there. */
  words: Uint32Array | null
  count: number
}

export function sequenceSet(): SequenceSet {
  const chunks = new Map<number, Chunk>()
  let last: Chunk | undefined
  let count = 0

  function chunkOf(number: number): Chunk {
    let chunk = chunks.get(number)
    if (!chunk) chunks.set(number, (chunk = { number, words: new Uint32Array(BITS / 32), count: 0 }))
    last = chunk
    return chunk
  }

  return {
    get count() {
      return count
    },
    add(sequence) {
      const number = Math.floor(sequence / BITS)
      const chunk = last?.number === number ? last : chunkOf(number)
      if (!chunk.words) return false
      const bit = sequence % BITS
      const mask = 1 << (bit & 31)
      const word = chunk.words[bit >>> 5] as number
      if (word & mask) return false
      chunk.words[bit >>> 5] = word | mask
      count++
      if (++chunk.count === BITS) chunk.words = null
      return true
    },
    has(sequence) {
      const chunk = chunks.get(Math.floor(sequence / BITS))
      if (!chunk?.words) return chunk !== undefined
      const bit = sequence % BITS
      return ((chunk.words[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
    },
    intervals() {
      const found: Interval[] = []
      for (const chunk of [...chunks.values()].sort((a, b) => a.number - b.number)) runsOf(chunk, found)
      return found
    },
  }
}

function runsOf({ number, words }: Chunk, found: Interval[]): void {
  const start = number * BITS
  if (!words) return push(found, start, start + BITS)
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number
    const from = start + i * 32
    if (word === 0) continue
    if (word === -1 || word === 0xffff_ffff) push(found, from, from + 32)
    else for (let bit = 0; bit < 32; bit++) if (word & (1 << bit)) push(found, from + bit, from + bit + 1)
  }
}

function push(found: Interval[], from: number, to: number): void {
  const end = found.at(-1)
  if (end && end.to === from) found[found.length - 1] = { from: end.from, to }
  else found.push({ from, to })
}

/** Any intervals as a set. */
export function merged(intervals: readonly Interval[]): Intervals {
  const found: Interval[] = []
  for (const it of intervals.toSorted((a, b) => a.from - b.from)) {
    const end = found.at(-1)
    if (it.from >= it.to) continue
    if (end && end.to >= it.from) found[found.length - 1] = { from: end.from, to: Math.max(end.to, it.to) }
    else found.push(it)
  }
  return found
}

/** What is in `a` and not in `b`, in one pass: both may be long here. */
export function without(a: Intervals, b: Intervals): Intervals {
  const found: Interval[] = []
  let i = 0
  for (const it of a) {
    let from = it.from
    while (i < b.length && (b[i] as Interval).to <= from) i++
    for (let k = i; k < b.length && (b[k] as Interval).from < it.to; k++) {
      const cut = b[k] as Interval
      if (cut.from > from) found.push({ from, to: cut.from })
      from = Math.max(from, cut.to)
    }
    if (from < it.to) found.push({ from, to: it.to })
  }
  return found
}
