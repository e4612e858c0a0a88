// How far a topic is unpacked: an offset for each partition, stored as one position in the transaction of the records. As Kafka keeps it:
//
//   offset     of partition 0 of the topic of blocks: what tools for consumer groups show
//   metadata   "u1:" and base64url of varints: partitions, then by partition its next offset + 1 (0: not begun)
import { POSITION_BYTES_MAX } from '../../../core/bounds.ts'

/** Next offset to read, by partition. */
export type Offsets = ReadonlyMap<number, number>

const PREFIX = 'u1:'

/** Throws RangeError where there are too many partitions for it. */
export function encodeOffsets(offsets: Offsets): string {
  const partitions = Math.max(-1, ...offsets.keys()) + 1
  const bytes: number[] = []
  varint(bytes, partitions)
  for (let partition = 0; partition < partitions; partition++) varint(bytes, (offsets.get(partition) ?? -1) + 1)
  const text = PREFIX + Buffer.from(bytes).toString('base64url')
  if (text.length > POSITION_BYTES_MAX) throw new RangeError(`a position of ${partitions} partitions, more than fit into it`)
  return text
}

/** Undefined when it is not one. */
export function decodeOffsets(text: string): Offsets | undefined {
  if (!text.startsWith(PREFIX)) return undefined
  const numbers = varints(Buffer.from(text.slice(PREFIX.length), 'base64url'))
  const [partitions, ...next] = numbers
  if (partitions !== next.length) return undefined
  return new Map(next.flatMap((it, partition) => (it === 0 ? [] : [[partition, it - 1]])))
}

function varint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
}

function varints(bytes: Buffer): number[] {
  const numbers: number[] = []
  let value = 0
  let factor = 1
  for (const byte of bytes) {
    value += (byte & 127) * factor
    factor *= 128
    if (byte >= 128) continue
    numbers.push(value)
    value = 0
    factor = 1
  }
  return numbers
}
