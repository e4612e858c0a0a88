// What is packed before it is sent is taken where it is what goes, and never otherwise.
import { expect, test } from 'vitest'
import { forEachRecord } from '../../../src/clients/kafka/batches.ts'
import type { RawSlice, Slice } from '../../../src/core/log.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { UplinkBatch } from '../../../src/core/uplink.ts'
import { packedAhead, together } from '../../../src/uplinks/kafka/ahead.ts'
import type { Packed, Packer } from '../../../src/uplinks/kafka/pack.ts'
import { packer } from '../../../src/uplinks/kafka/pack.ts'
import type { Topic } from '../../../src/uplinks/kafka/topics.ts'
import { batchOf, CLOCK, doubles, rawStream } from './slices.ts'

const STREAM = rawStream('box')
const STYLE = { site: 'plant-1', headers: 'all' } as const
const TOPIC: Topic = { name: 'readings', partitions: 3, batchBytesMax: 1e6, pastMsMax: Infinity, aheadMsMax: 600_000 }
/** More than a turn has time for. */
const MANY = 20_000

const part = (from: number, count = MANY) => doubles(STREAM, from, count)
const none: Pick<UplinkBatch, 'maybeDuplicate'> = { maybeDuplicate: [] }

function world() {
  const [pack, other] = [packer(STYLE, new Set()), packer(STYLE, new Set())]
  const now = { topic: TOPIC }
  function* steps(by: Packer, batch: UplinkBatch, topicOf: (slice: Slice) => Topic): Iterable<void> {
    for (const it of batch.slices) yield* by.stepsOfReadings(it as RawSlice, batch.series, topicOf(it), [])
  }
  const ahead = packedAhead({
    pack: other,
    steps: (batch, topicOf) => steps(other, batch, topicOf),
    topicOf: () => now.topic,
    marksOf: (batch) => JSON.stringify(batch.maybeDuplicate),
    now: () => CLOCK.now(),
  })
  /** As an uplink sends. */
  async function send(batch: UplinkBatch): Promise<{ readonly packed: Packed; readonly wasReady: boolean }> {
    const ready = await ahead.claim(batch)()
    pack.begin(CLOCK.now())
    const rest = batch.slices.filter((it) => !ready?.slices.has(it))
    for (const _ of steps(pack, { ...batch, slices: rest }, () => now.topic));
    return { packed: together(ready, pack.take()), wasReady: ready !== undefined }
  }
  return { ...ahead, send, now }
}

function sequencesOf({ batches, records }: Packed): number[] {
  const all: number[] = []
  for (const { compressed, count } of [...batches.values()].flat()) {
    const batch = {
      first: 0,
      end: count,
      count,
      producer: 0n,
      transactional: true,
      control: false,
      codec: 4,
      records: compressed,
    }
    forEachRecord(batch, (it) => {
      all.push((JSON.parse(it.bytes.toString('utf8', it.valueAt, it.valueAt + it.valueLength)) as { seq: number }).seq)
    })
  }
  expect(records).toBe(all.length)
  return all.toSorted((a, b) => a - b)
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('what was prepared goes as if it had been packed when it was sent, whether it is ready or not yet', async () => {
  for (const isAwaited of [true, false]) {
    const { prepare, send } = world()
    const batch = batchOf(part(0))
    const prepared = prepare(batch)
    if (isAwaited) await prepared
    const { packed, wasReady } = await send(batch)
    expect(wasReady).toBe(true)
    expect(sequencesOf(packed)).toEqual(numbers(0, MANY))
  }
})

test('it goes with what has come meanwhile, once', async () => {
  const { prepare, send } = world()
  const [later, newest] = [part(1_000, 2_000), part(0, 50)]
  void prepare(batchOf(later))
  const { packed, wasReady } = await send(batchOf(newest, later))
  expect(wasReady).toBe(true)
  expect(sequencesOf(packed)).toEqual([...numbers(0, 50), ...numbers(1_000, 3_000)])
})

test('of a batch that lacks one of its slices nothing of it goes, then or later', async () => {
  const { prepare, send } = world()
  const [one, two] = [part(0, 500), part(500, 500)]
  await prepare(batchOf(one, two))
  const { packed, wasReady } = await send(batchOf(two))
  expect(wasReady).toBe(false)
  expect(sequencesOf(packed)).toEqual(numbers(500, 1_000))
  expect((await send(batchOf(one, two))).wasReady).toBe(false)
})

test('others go before it, while it is being packed and when it is ready', async () => {
  const { prepare, send } = world()
  const later = batchOf(part(0))
  const prepared = prepare(later)
  for (const from of [50_000, 60_000]) {
    const { packed, wasReady } = await send(batchOf(part(from, 10)))
    expect(wasReady).toBe(false)
    expect(sequencesOf(packed)).toEqual(numbers(from, from + 10))
    if (from === 50_000) await prepared
  }
  const { packed, wasReady } = await send(later)
  expect(wasReady).toBe(true)
  expect(sequencesOf(packed)).toEqual(numbers(0, MANY))
})

test('it is packed anew where its topic or its marks are others now', async () => {
  const { prepare, send, now } = world()
  const batch = batchOf(part(0, 500))
  await prepare({ ...batch, ...none })
  const maybeDuplicate = [{ stream: streamKey(STREAM), from: 0, to: 500 }]
  expect((await send({ ...batch, maybeDuplicate })).wasReady).toBe(false)
  await prepare(batch)
  now.topic = { ...TOPIC, partitions: 1 }
  const { packed, wasReady } = await send(batch)
  expect(wasReady).toBe(false)
  expect([...packed.batches.values()].flat().map((it) => it.partition)).toEqual([0])
  expect(sequencesOf(packed)).toEqual(numbers(0, 500))
})

test('the next one is prepared while the one before is not even packed, and each has its own', async () => {
  const { prepare, send } = world()
  const parts = Array.from({ length: 6 }, (_, n) => part(n * MANY))
  void prepare(batchOf(parts[0] as (typeof parts)[0]))
  for (const [n, it] of parts.entries()) {
    const sending = send(batchOf(it))
    const next = parts[n + 1]
    if (next) void prepare(batchOf(next))
    const { packed, wasReady } = await sending
    expect(wasReady).toBe(true)
    expect(sequencesOf(packed)).toEqual(numbers(n * MANY, (n + 1) * MANY))
  }
})
