// The value of a `holdfast.block` record, to and from bytes. BLOCKS.md beside this file says what is in it.
import { readHeader } from '../../columns/index.ts'
import type { LogSeries, SliceTime } from '../../core/log.ts'
import type { Stream } from '../../core/stream.ts'
import type { RecordStyle } from './readings.ts'

/** What a block's readings have in common, and the series that it uses. */
export interface BlockHead extends RecordStyle {
  readonly stream: Stream
  /** When the box sent it, µs. */
  readonly sent: number
  readonly time: SliceTime
  readonly series: readonly LogSeries[]
}

export interface BlockRecord extends BlockHead {
  readonly block: Uint8Array
  /** Its readings are [from, to). */
  readonly from: number
  readonly to: number
}

const MAGIC = 0x4248
const VERSION = 1
const PREFIX_BYTES = 8

export function encodeEnvelope({ stream, site, headers, sent, time, series }: BlockHead, block: Uint8Array): Buffer {
  const text = {
    ...stream,
    site,
    sent,
    ...(headers === 'id' && { headers }),
    ...((time.quality !== 'synchronised' || time.shiftUs !== 0) && { time }),
    // Their class is the stream's.
    series: series.map(({ id, tag, kind, unit, boxTime }) => ({ id, tag, kind, unit, boxTime })),
  }
  const head = Buffer.from(JSON.stringify(text), 'utf8')
  const value = Buffer.allocUnsafe(PREFIX_BYTES + head.length + block.length)
  value.writeUInt16LE(MAGIC, 0)
  value.writeUInt16LE(VERSION, 2)
  value.writeUInt32LE(head.length, 4)
  value.set(head, PREFIX_BYTES)
  value.set(block, PREFIX_BYTES + head.length)
  return value
}

/** Whether these bytes say that they are a block's record. */
export function isEnvelope(value: Uint8Array): boolean {
  return value.length > PREFIX_BYTES && value[0] === (MAGIC & 255) && value[1] === MAGIC >>> 8
}

/** Throws RangeError when it is not such a value, DamagedBlock when its block's header is off. The block is not looked into. */
export function decodeEnvelope(value: Buffer): BlockRecord {
  if (!isEnvelope(value)) throw new RangeError('not a block of this product')
  const version = value.readUInt16LE(2)
  if (version !== VERSION) throw new RangeError(`a block of version ${version}; this program knows ${VERSION}`)
  const headBytes = value.readUInt32LE(4)
  if (PREFIX_BYTES + headBytes > value.length) throw new RangeError('a block that is cut off')
  const text = JSON.parse(value.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + headBytes)) as Stored
  const block = value.subarray(PREFIX_BYTES + headBytes)
  const { first, count } = readHeader(block)
  const { device, epoch, class: name, form, site, sent, headers = 'all', time = { quality: 'synchronised', shiftUs: 0 } } = text
  const series = text.series.map((it) => ({ ...it, class: name }))
  return {
    stream: { device, epoch, class: name, form },
    site,
    sent,
    headers,
    time,
    series,
    block,
    from: first,
    to: first + count,
  }
}

type Stored = Stream &
  Pick<BlockHead, 'site' | 'sent'> & {
    readonly headers?: 'id'
    readonly time?: SliceTime
    readonly series: readonly Omit<LogSeries, 'class'>[]
  }
