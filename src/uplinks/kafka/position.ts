// The position as Kafka keeps it: offset metadata of the group holdfast.<device>.<uplink>, stored in the transaction of the records.
//
//   text     "h1:" and base64url of
//            or, where that is too long, "h2:" and base64url of the same deflated: streams of one box have much in common
//   varint   streams; for each: 16 bytes epoch, then device, class as varint length and UTF-8, u8 form,
//            varint intervals; for each: varint from − end of the one before (at first 0), varint length
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { POSITION_BYTES_MAX } from '../../core/bounds.ts'
import type { Interval, Intervals } from '../../core/intervals.ts'
import type { Form, StreamIntervals } from '../../core/stream.ts'
import { streamKey, streamOf } from '../../core/stream.ts'

const PREFIX = 'h1:'
const DEFLATED_PREFIX = 'h2:'
/** What a position can be at most; whatever unfolds to more is none. */
const INFLATED_BYTES_MAX = 64 * POSITION_BYTES_MAX
const FORMS: readonly Form[] = ['raw', 'aggregate', 'gap', 'event']

/** Throws RangeError when the text would be longer than POSITION_BYTES_MAX: there are too many intervals. */
export function encodePosition(delivered: StreamIntervals): string {
  const bytes: number[] = []
  varint(bytes, delivered.size)
  for (const [key, intervals] of delivered) {
    const stream = streamOf(key)
    bytes.push(...Buffer.from(stream.epoch.padStart(32, '0'), 'hex'))
    text(bytes, stream.device)
    text(bytes, stream.class)
    bytes.push(FORMS.indexOf(stream.form))
    varint(bytes, intervals.length)
    let end = 0
    for (const { from, to } of intervals) {
      varint(bytes, from - end)
      varint(bytes, to - from)
      end = to
    }
  }
  const plain = PREFIX + Buffer.from(bytes).toString('base64url')
  const encoded = plain.length <= POSITION_BYTES_MAX ? plain : deflated(bytes)
  if (encoded.length > POSITION_BYTES_MAX)
    throw new RangeError(`a position of ${encoded.length} bytes, more than ${POSITION_BYTES_MAX}: too many intervals`)
  return encoded
}

/** Throws RangeError when it is not a position. */
export function decodePosition(encoded: string): StreamIntervals {
  const reader = { bytes: bytesOf(encoded), at: 0 }
  const delivered = new Map<string, Intervals>()
  for (let left = readVarint(reader); left > 0; left--) {
    const epoch = take(reader, 16).toString('hex')
    const device = take(reader, readVarint(reader)).toString('utf8')
    const name = take(reader, readVarint(reader)).toString('utf8')
    const form = FORMS[take(reader, 1)[0] as number]
    if (!form) throw new RangeError('a position with an unknown form')
    delivered.set(streamKey({ device, epoch, class: name, form }), readIntervals(reader))
  }
  return delivered
}

function deflated(bytes: readonly number[]): string {
  return DEFLATED_PREFIX + deflateRawSync(Buffer.from(bytes), { level: 9 }).toString('base64url')
}

function bytesOf(encoded: string): Buffer {
  const bytes = Buffer.from(encoded.slice(PREFIX.length), 'base64url')
  if (encoded.startsWith(PREFIX)) return bytes
  if (!encoded.startsWith(DEFLATED_PREFIX)) throw new RangeError('not a position of this product')
  try {
    return inflateRawSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX })
  } catch (cause) {
    throw new RangeError('a position that cannot be unfolded', { cause })
  }
}

interface Reader {
  readonly bytes: Buffer
  at: number
}

function readIntervals(reader: Reader): Intervals {
  const intervals: Interval[] = []
  let end = 0
  for (let left = readVarint(reader); left > 0; left--) {
    const from = end + readVarint(reader)
    end = from + readVarint(reader)
    intervals.push({ from, to: end })
  }
  return intervals
}

function take(reader: Reader, count: number): Buffer {
  if (reader.at + count > reader.bytes.length) throw new RangeError('a position that is cut off')
  reader.at += count
  return reader.bytes.subarray(reader.at - count, reader.at)
}

function text(bytes: number[], value: string): void {
  const utf8 = Buffer.from(value, 'utf8')
  varint(bytes, utf8.length)
  bytes.push(...utf8)
}

/** Up to 2^53: sequences of a log's life. */
function varint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
}

function readVarint(reader: Reader): number {
  let value = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = take(reader, 1)[0] as number
    value += (byte & 127) * factor
    if (byte < 128) return value
  }
}
