// Sets of sequences that come in any order, hundreds of millions of them. Each 65,536 numbers are a chunk (after roaring bitmaps): a bit for each
// while they come, nothing but its count once all are there, and runs where that is smaller. So memory goes with what is not complete, 1 bit a
// number at the very most, whatever the order of the partitions.
import type { Interval } from '../../../core/intervals.ts'

export interface SequenceSet {
  /** False when it was there. */
  add(sequence: number): boolean
  /** [from, to). How many of them were not there. */
  addRange(from: number, to: number): number
  has(sequence: number): boolean
  readonly count: number
  /** One more than the greatest; 0: none. */
  readonly end: number
  /** In their order, none touching the next; read as they are asked for, since there may be very many. */
  runs(): Iterable<Interval>
  /** Of bitmaps and runs, about. */
  readonly bytes: number
}

const BITS = 65_536
const WORDS = BITS / 32
const ALL = 0xffff_ffff
const BITMAP_BYTES = WORDS * 4
/** Bitmaps of so many bytes, or twice what the last look left, are looked through for those that are smaller as runs. */
const LOOK_BYTES = 8_000_000
/** First and last number of each run: beyond so many a bitmap is as good. */
const RUNS_MAX = BITMAP_BYTES / 2 / 4

interface Chunk {
  readonly number: number
  count: number
  /** Neither: full, or runs. */
  words: Uint32Array | undefined
  runs: Uint16Array | undefined
}

export function sequenceSet(): SequenceSet {
  const chunks = new Map<number, Chunk>()
  let last: Chunk | undefined
  let count = 0
  let end = 0
  let bytes = 0
  let lookAt = LOOK_BYTES

  function chunkOf(number: number): Chunk {
    if (last?.number === number) return last
    let chunk = chunks.get(number)
    if (!chunk) chunks.set(number, (chunk = { number, count: 0, words: undefined, runs: undefined }))
    return (last = chunk)
  }

  /** The bits of a chunk that is not full. */
  function wordsOf(chunk: Chunk): Uint32Array {
    if (chunk.words) return chunk.words
    const words = new Uint32Array(WORDS)
    const { runs = [] } = chunk
    for (let i = 0; i < runs.length; i += 2) setBits(words, runs[i] as number, (runs[i + 1] as number) + 1)
    bytes += BITMAP_BYTES - runs.length * 2
    chunk.runs = undefined
    chunk.words = words
    if (bytes > lookAt) look(chunk)
    return words
  }

  /** Makes runs of all bitmaps that are smaller so, but for the one at hand. */
  function look(atHand: Chunk): void {
    for (const chunk of chunks.values()) {
      if (!chunk.words || chunk === atHand) continue
      const runs = runsOf(chunk.words)
      if (!runs) continue
      chunk.words = undefined
      chunk.runs = runs
      bytes -= BITMAP_BYTES - runs.length * 2
    }
    lookAt = Math.max(LOOK_BYTES, bytes * 2)
  }

  function grown(chunk: Chunk, by: number): void {
    count += by
    chunk.count += by
    if (chunk.count < BITS) return
    chunk.words = undefined
    bytes -= BITMAP_BYTES
  }

  function addTo(number: number, from: number, to: number): number {
    const chunk = chunkOf(number)
    if (chunk.count === BITS) return 0
    if (from === 0 && to === BITS && chunk.count === 0) {
      chunk.count = BITS
      count += BITS
      return BITS
    }
    const added = setBits(wordsOf(chunk), from, to)
    grown(chunk, added)
    return added
  }

  return {
    get count() {
      return count
    },
    get end() {
      return end
    },
    get bytes() {
      return bytes
    },
    add(sequence) {
      if (sequence >= end) end = sequence + 1
      const chunk = chunkOf(Math.floor(sequence / BITS))
      if (chunk.count === BITS) return false
      const words = chunk.words ?? wordsOf(chunk)
      const bit = sequence % BITS
      const mask = 1 << (bit & 31)
      const word = words[bit >>> 5] as number
      if (word & mask) return false
      words[bit >>> 5] = word | mask
      grown(chunk, 1)
      return true
    },
    addRange(from, to) {
      let added = 0
      end = from < to ? Math.max(end, to) : end
      for (let at = from; at < to; ) {
        const number = Math.floor(at / BITS)
        const next = Math.min(to, (number + 1) * BITS)
        added += addTo(number, at - number * BITS, next - number * BITS)
        at = next
      }
      return added
    },
    has(sequence) {
      const chunk = chunks.get(Math.floor(sequence / BITS))
      if (!chunk || chunk.count === BITS) return chunk !== undefined
      const bit = sequence % BITS
      return ((wordsOf(chunk)[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
    },
    *runs() {
      let open: Interval | undefined
      for (const chunk of [...chunks.values()].sort((a, b) => a.number - b.number)) {
        for (const run of chunkRuns(chunk)) {
          if (open?.to === run.from) open = { from: open.from, to: run.to }
          else {
            if (open) yield open
            open = run
          }
        }
      }
      if (open) yield open
    },
  }
}

/** Sets the bits [from, to); how many were not set. */
function setBits(words: Uint32Array, from: number, to: number): number {
  let added = 0
  for (let at = from; at < to; ) {
    const word = at >>> 5
    const end = Math.min(to, (word + 1) * 32)
    const mask = maskOf(at & 31, end - word * 32)
    const before = words[word] as number
    added += ones(mask & ~before)
    words[word] = before | mask
    at = end
  }
  return added
}

/** Bits [from, to) of 32. */
const maskOf = (from: number, to: number) => ((ALL << from) & (ALL >>> (32 - to))) >>> 0

function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

/** Where the first bit from `at` on is that is set, or clear; BITS: none. */
function nextBit(words: Uint32Array, at: number, isSet: boolean): number {
  const flip = isSet ? 0 : ALL
  if (at >= BITS) return BITS
  let index = at >>> 5
  let word = (((words[index] as number) ^ flip) & (ALL << (at & 31))) >>> 0
  while (word === 0) {
    if (++index === WORDS) return BITS
    word = ((words[index] as number) ^ flip) >>> 0
  }
  return index * 32 + (31 - Math.clz32(word & -word))
}

/** First and last of each run; undefined where there are too many. */
function runsOf(words: Uint32Array): Uint16Array | undefined {
  const found: number[] = []
  for (let from = nextBit(words, 0, true); from < BITS; ) {
    if (found.length === RUNS_MAX * 2) return undefined
    const to = nextBit(words, from, false)
    found.push(from, to - 1)
    from = nextBit(words, to, true)
  }
  return Uint16Array.from(found)
}

function* chunkRuns({ number, count, words, runs }: Chunk): Iterable<Interval> {
  const start = number * BITS
  if (count === BITS) yield { from: start, to: start + BITS }
  else if (runs)
    for (let i = 0; i < runs.length; i += 2) yield { from: start + (runs[i] as number), to: start + (runs[i + 1] as number) + 1 }
  else if (words)
    for (let from = nextBit(words, 0, true); from < BITS; ) {
      const to = nextBit(words, from, false)
      yield { from: start + from, to: start + to }
      from = nextBit(words, to, true)
    }
}
