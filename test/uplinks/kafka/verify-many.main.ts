// The collector of verify over N sequences of one stream (first argument), in 16 partitions that each come in an order of their own: prints what it
// found, how fast, and the most memory of this process. Of each tenth one is left
// out, and the one before it in its partition comes twice.
import type { RecordBatch } from '../../../src/clients/kafka/batches.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { collector } from '../../../src/uplinks/kafka/verify/collect.ts'
import { judge } from '../../../src/uplinks/kafka/verify/judge.ts'
import { rawStream } from './slices.ts'

const PARTITIONS = 16
const RECORDS = 10_000
const BLOCK = PARTITIONS * RECORDS
const DIGITS = 9
const all = Math.floor(Number(process.argv[2]) / BLOCK) * BLOCK
const MISSING_EVERY = all / 10
const MISSING_AT = 123_456

/** One batch whose records differ in their sequence alone; `at` says where in it their digits are. */
function template(): { batch: RecordBatch; at: number[] } {
  const varint = (value: number): number[] => {
    const zigzag = value * 2
    return zigzag < 128
      ? [zigzag]
      : zigzag < 16_384
        ? [(zigzag & 127) | 128, zigzag >> 7]
        : [(zigzag & 127) | 128, ((zigzag >> 7) & 127) | 128, zigzag >> 14]
  }
  const text = (value: string) => [...varint(value.length), ...Buffer.from(value)]
  const id = `${streamKey(rawStream('many'))}:${'0'.repeat(DIGITS)}`
  const others = ['ce_specversion', 'ce_source', 'ce_type', 'ce_subject', 'content-type', 'holdfast-class', 'ce_time']
  const tail = [...text('key/of/a/tag'), ...text('{}'), ...varint(1 + others.length), ...text('ce_id'), ...text(id)]
  const rest = others.flatMap((it) => [...text(it), ...text('about-so-long-a-value')])
  const at: number[] = []
  const records: Buffer[] = []
  let length = 0
  for (let i = 0; i < RECORDS; i++) {
    const body = [0, 0, ...varint(i), ...tail, ...rest]
    const record = Buffer.from([...varint(body.length), ...body])
    records.push(record)
    length += record.length
    at.push(length - rest.length - DIGITS)
  }
  const batch = { first: 0, end: RECORDS, count: RECORDS, producer: -1n, transactional: false, control: false, codec: 0 }
  return { batch: { ...batch, records: Buffer.concat(records) }, at }
}

/** The blocks 0 to n − 1 in an order that goes by the seed. */
function shuffled(n: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  let state = seed
  for (let i = n; i-- > 1; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = state % (i + 1)
    const kept = order[i] as number
    order[i] = order[other] as number
    order[other] = kept
  }
  return order
}

const { batch, at } = template()
const places = Array.from({ length: PARTITIONS }, (_, partition) => ({
  topic: 't',
  partition,
  role: 'telemetry' as const,
  start: 0,
}))
const { collected, add } = collector({ places })
const orders = places.map((_, partition) => shuffled(all / BLOCK, partition + 1))
let missing = 0
let bytesMost = 0
const before = process.resourceUsage().maxRSS / 1000
const began = performance.now()
for (let i = 0; i < all / BLOCK; i++) {
  for (const [partition, place] of places.entries()) {
    const first = (orders[partition]?.[i] as number) * BLOCK + partition
    for (let k = 0; k < RECORDS; k++) {
      let sequence = first + k * PARTITIONS
      if (sequence % MISSING_EVERY === MISSING_AT) {
        missing++
        sequence -= PARTITIONS
      }
      for (let digit = DIGITS, left = sequence, to = at[k] as number; digit-- > 0; left = Math.floor(left / 10))
        batch.records[to + digit] = 48 + (left % 10)
    }
    add(place, batch)
  }
  bytesMost = Math.max(bytesMost, [...collected.streams.values()][0]?.seen.bytes ?? 0)
}
const seconds = (performance.now() - began) / 1000
const [found] = judge({ collected, deleted: { cut: new Set(), moving: new Set() } })
const peakMb = process.resourceUsage().maxRSS / 1000
console.log(
  JSON.stringify({
    all,
    left: missing,
    ...found,
    bytesMost,
    beforeMb: before,
    seconds,
    recordsPerSecond: Math.round(all / seconds),
    peakMb,
  }),
)
