// The content of a file (FORMAT.md): slices of the log as they are, with what is needed to send them elsewhere.
import type { Resumed, AggregateSlice, GapSlice, LogReader, LogSeries, RawSlice, Taken } from '../core/log.ts'
import { streamKey } from '../core/stream.ts'
import type { Interval } from '../core/intervals.ts'
import type { StreamRange } from '../core/stream.ts'

export interface Head {
  readonly version: 1
  readonly device: string
  readonly site: string
  readonly epoch: string
  readonly uplink: string
  readonly number: number
  /** µs since 1970 UTC. */
  readonly at: number
  /** What the box knew of the uplink: by stream. */
  readonly delivered: readonly (readonly [string, readonly Interval[]])[]
  readonly transaction: Resumed['transaction']
  readonly inDoubt: readonly StreamRange[]
  /** As a checkpoint has them. */
  readonly heads: Awaited<ReturnType<LogReader['heads']>>
}

/** What was taken from the log at once: it goes out whole. */
export type Unit = Taken

const HEAD = 1
const SERIES = 2
const BLOCK = 3
const GAPS = 4
const RANGES = 5
const END = 6
const FRAME_BYTES = 5
const FRAME_BYTES_MAX = 64_000_000

type BlockSlice = RawSlice | AggregateSlice

export interface FrameWriter {
  head(head: Head): Buffer
  /** Frames of one unit; small ones. */
  unit(taken: Taken): Buffer[]
  end(): Buffer
}

export function frameWriter(): FrameWriter {
  const described = new Set<number>()
  const last = new Map<string, Uint8Array>()

  function series(all: ReadonlyMap<number, LogSeries>): Buffer[] {
    const news = [...all.values()].filter((it) => !described.has(it.id))
    for (const it of news) described.add(it.id)
    return news.length > 0 ? [jsonFrame(SERIES, news)] : []
  }

  /** A large block goes out in parts, its bytes once. */
  function block({ block: bytes, ...about }: BlockSlice): Buffer {
    const key = streamKey(about.stream)
    const isSame = last.get(key)?.length === bytes.length && Buffer.compare(last.get(key) as Uint8Array, bytes) === 0
    last.set(key, bytes)
    const text = Buffer.from(JSON.stringify(about))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    return frame(BLOCK, [length, text, ...(isSame ? [] : [bytes])])
  }

  return {
    head: (head) => jsonFrame(HEAD, head),
    unit: (taken) => [
      ...series(taken.series),
      ...taken.slices.flatMap((it) => (it.form === 'gap' ? [jsonFrame(GAPS, it)] : it.form === 'event' ? [] : [block(it)])),
      jsonFrame(RANGES, taken.ranges),
    ],
    end: () => frame(END, []),
  }
}

function jsonFrame(kind: number, value: unknown): Buffer {
  return frame(kind, [Buffer.from(JSON.stringify(value))])
}

function frame(kind: number, parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(FRAME_BYTES)
  head.writeUInt32LE(parts.reduce((sum, it) => sum + it.length, 0))
  head[4] = kind
  return Buffer.concat([head, ...parts])
}

/** Reads a content: its head first, then unit by unit. Throws RangeError where it is none, or is cut off. */
export async function readFrames(chunks: AsyncIterable<Uint8Array>): Promise<{ head: Head; units: AsyncIterable<Unit> }> {
  const frames = framesOf(chunks)
  const first = await frames.next()
  if (first.done || first.value.kind !== HEAD) throw new RangeError('it has no head')
  const head = JSON.parse(first.value.bytes.toString('utf8')) as Head
  if (head.version !== 1) throw new RangeError(`its version is ${head.version}, and 1 is the one that is known here`)
  return { head, units: unitsOf(frames) }
}

interface Frame {
  readonly kind: number
  readonly bytes: Buffer
}

async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let parts: Uint8Array[] = []
  let held = 0
  let wanted = FRAME_BYTES
  for await (const chunk of chunks) {
    parts.push(chunk)
    held += chunk.length
    while (held >= wanted) {
      const all = Buffer.concat(parts)
      const length = all.readUInt32LE(0)
      if (length > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${length} bytes`)
      wanted = FRAME_BYTES + length
      parts = [all]
      if (held < wanted) break
      yield { kind: all[4] as number, bytes: all.subarray(FRAME_BYTES, wanted) }
      parts = [all.subarray(wanted)]
      held -= wanted
      wanted = FRAME_BYTES
    }
  }
  if (held > 0) throw new RangeError('it is cut off within a frame')
}

async function* unitsOf(frames: AsyncGenerator<Frame>): AsyncGenerator<Unit> {
  const series = new Map<number, LogSeries>()
  const last = new Map<string, Uint8Array>()
  let slices: (BlockSlice | GapSlice)[] = []
  for await (const { kind, bytes } of frames) {
    const json = () => JSON.parse(bytes.toString('utf8')) as unknown
    if (kind === SERIES) for (const it of json() as LogSeries[]) series.set(it.id, it)
    else if (kind === BLOCK) slices.push(readBlock(bytes, last))
    else if (kind === GAPS) slices.push(json() as GapSlice)
    else if (kind === RANGES) {
      yield { slices, ranges: json() as StreamRange[], series }
      slices = []
    } else if (kind === END) return
    else throw new RangeError(`a frame of kind ${kind}`)
  }
  throw new RangeError('it has no end')
}

function readBlock(bytes: Buffer, last: Map<string, Uint8Array>): BlockSlice {
  const end = 4 + bytes.readUInt32LE(0)
  const about = JSON.parse(bytes.subarray(4, end).toString('utf8')) as Omit<BlockSlice, 'block'>
  const key = streamKey(about.stream)
  const block = end < bytes.length ? Uint8Array.from(bytes.subarray(end)) : last.get(key)
  if (!block) throw new RangeError(`a slice of ${key} without its block`)
  last.set(key, block)
  return { ...about, block } as BlockSlice
}
