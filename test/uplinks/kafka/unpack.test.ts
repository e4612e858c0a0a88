// `unpack` on a real Kafka: the same records as `records: readings` writes, each once, whatever happens to it.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UplinkBatch } from '../../../src/core/uplink.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'
import { unpackTopic } from '../../../src/uplinks/kafka/unpack/index.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import type { RawRecord } from './cluster.ts'
import { NEVER, newTopics, readRaw, settingsOf, settled } from './cluster.ts'
import { aggregated, batchOf, CLOCK, contextOf, doubles, positionOf, rawStream, sliceOf } from './slices.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ portFrom: 26_300 })
  await createTopics(broker.bootstrap, 4)
  await settled(broker.bootstrap)
})
afterAll(() => broker?.down())

/** One transaction for each batch, all at one time of the clock. */
async function send(
  device: string,
  records: 'readings' | 'blocks',
  batches: readonly UplinkBatch[],
  more: Partial<KafkaSettings>,
  now = CLOCK.now(),
): Promise<void> {
  const clock = { ...CLOCK, now: () => now }
  const uplink = await kafka.open(settingsOf(broker.bootstrap, more), { ...contextOf(device, records), records, clock })
  try {
    for (const [n, batch] of batches.entries()) await uplink.send(batch, positionOf(n + 1, rawStream(device), 1), NEVER)
  } finally {
    await uplink.close()
  }
}

/** Readings up to `to` as blocks in a topic, some a transaction, and a checkpoint that says so. */
async function sendBlocks(device: string, blocks: string, to: number, perTransaction: number, from = 0): Promise<void> {
  const stream = rawStream(device)
  const uplink = await kafka.open(settingsOf(broker.bootstrap, { topics: { ...TOPICS, blocks } }), {
    ...contextOf(device),
    records: 'blocks',
  })
  for (let at = from; at < to; at += perTransaction) {
    const end = at + perTransaction
    const checkpoint = { reason: 'drained' as const, streams: { [streamKey(stream)]: { next: end, lost: 0 } } }
    const part = batchOf(doubles(stream, at, perTransaction, 30))
    await uplink.send(end < to ? part : { ...part, checkpoint }, positionOf(end / perTransaction, stream, end), NEVER)
  }
  await uplink.close()
}

const unpack = (from: string, to: string, more: object = {}) =>
  unpackTopic({
    brokers: [broker.bootstrap],
    topics: { from, to, aggregates: TOPICS.aggregates },
    once: true,
    signal: NEVER,
    ...more,
  })
const proof = async (device: string, telemetry: string) =>
  verifyTopics({ brokers: [broker.bootstrap], device, topics: { telemetry } })

const readAll = (topic: string, count: number) => readRaw(broker.bootstrap, topic, (it) => it.length === count)
const byId = (list: readonly RawRecord[]) =>
  new Map(
    list.map((it) => [it.headers['ce_id'], { ...it, value: it.value.toString('latin1'), headers: Object.entries(it.headers) }]),
  )

test('the same records to the byte: key, value, headers, time and partition; readings and aggregates', async () => {
  await newTopics(broker.bootstrap, ['plain', 'blocks', 'unpacked', 'plain-aggregates', 'unpacked-aggregates'], 4)
  const device = 'same'
  const stream = rawStream(device)
  const first = sliceOf(stream, 0, (builder) => {
    const of = (tag: string, kind: 'double' | 'long' | 'bool' | 'string' | 'bytes', boxTime?: true) =>
      builder.series({
        tag,
        kind,
        class: 'process',
        ...(boxTime ? { boxTime } : {}),
        ...(kind === 'double' ? { unit: '°C' } : {}),
      })
    const now = CLOCK.now()
    for (let i = 0; i < 200; i++) {
      builder.add(of('halle/öl "a"', 'double'), now + i * 1000, [i / 8, -0, Number.NaN][i % 3] as number, i % 3, i)
      builder.addLong(of('long', 'long', true), now + i * 500, 2n ** 62n + BigInt(i))
      builder.add(of('bool', 'bool'), now, i % 2)
      builder.addString(of('text', 'string'), now, `grün ${i % 5}`)
      builder.addBytes(of('bytes', 'bytes'), now, Uint8Array.of(i))
      builder.addNone(of('none', 'double'), 0, 2, 0x80000000)
    }
    // Older and newer than a topic takes.
    for (const it of [0, Date.UTC(2099, 0, 1) * 1000]) builder.add(of('old', 'double'), it, 1)
  })
  const { slice, series } = first
  const time = { quality: 'corrected' as const, shiftUs: 5_000_000 }
  const key = streamKey(stream)
  const slices = [
    { ...slice, to: 150 },
    // With readings of series whose time this box's clock gave.
    { ...slice, from: 150, to: 700, time },
    { ...slice, from: 700, time: { quality: 'relative' as const, shiftUs: 0 } },
  ]
  const aggregates = aggregated(first, 0, 60_000_000).slice
  const all = { slices: [...slices, aggregates], series, maybeDuplicate: [{ stream: key, from: 100, to: 250 }] }
  // The last one by headers: id.
  const later = batchOf({ ...doubles(stream, slice.to, 1_000), series: doubles(stream, slice.to, 1_000).series })
  const topics = { ...TOPICS, telemetry: 'plain', aggregates: 'plain-aggregates', blocks: 'blocks' }
  const now = CLOCK.now()
  for (const records of ['readings', 'blocks'] as const) {
    await send(device, records, [all], { topics }, now)
    await send(device, records, [later], { topics, headers: 'id' }, now)
  }
  const report = await unpack('blocks', 'unpacked', {
    topics: { from: 'blocks', to: 'unpacked', aggregates: 'unpacked-aggregates' },
  })
  const count = slice.to + 1_000
  expect(report).toMatchObject({ readings: count, aggregates: aggregates.to, foreign: 0, deleted: 0, present: 0 })
  const [plain, unpacked] = [byId(await readAll('plain', count)), byId(await readAll('unpacked', count))]
  expect(unpacked.size).toBe(count)
  expect([...plain.values()].some((it) => it.timestamp === Math.floor(now / 1000))).toBe(true)
  for (const [id, it] of plain) expect(unpacked.get(id)).toEqual(it)
  const [a, b] = [
    byId(await readAll('plain-aggregates', aggregates.to)),
    byId(await readAll('unpacked-aggregates', aggregates.to)),
  ]
  expect(b).toEqual(a)
})

function child(from: string, to: string, mode: 'once' | 'follow') {
  const args = [join(import.meta.dirname, 'unpack.main.ts'), broker.bootstrap, from, to, mode]
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines: string[] = []
  process_.stdout.on('data', (chunk) => lines.push(...String(chunk).trim().split('\n')))
  return { process: process_, lines }
}

async function ended(it: ChildProcess): Promise<number | null> {
  if (it.exitCode === null && it.signalCode === null) await once(it, 'exit')
  return it.exitCode
}

test('killed -9 eight times at random instants: every sequence once', { timeout: 240_000 }, async () => {
  await newTopics(broker.bootstrap, ['killed-blocks', 'killed'], 4)
  const seed = Date.now() & 0xffff
  let state = seed
  const random = () => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32
  for (let kills = 0; kills < 8; kills++) {
    await sendBlocks('killed', 'killed-blocks', (kills + 1) * 150_000, 15_000, kills * 150_000)
    const it = child('killed-blocks', 'killed', 'follow')
    // While it opens and reads the position, or while it is at work.
    const begun = kills % 2 === 0 ? 'up' : 'committed'
    await expect.poll(() => it.lines.includes(begun), { timeout: 40_000 }).toBe(true)
    await sleep(random() * 1_000)
    it.process.kill('SIGKILL')
    await ended(it.process)
  }
  const report = await unpack('killed-blocks', 'killed')
  expect(report.readings, `seed ${seed}: nothing was unpacked before`).toBeLessThan(1_200_000)
  const { ok, totals } = await proof('killed', 'killed')
  expect({ ok, ...totals, seed }).toMatchObject({ ok: true, records: 1_200_000, proven: 1_200_000, missing: 0, doubled: 0 })
})

test('two at once: one is shut out and says so, every sequence once', { timeout: 120_000 }, async () => {
  await newTopics(broker.bootstrap, ['twice-blocks', 'twice'], 4)
  await sendBlocks('twice', 'twice-blocks', 200_000, 10_000)
  const first = child('twice-blocks', 'twice', 'follow')
  await sleep(1_500)
  const second = child('twice-blocks', 'twice', 'follow')
  await Promise.race([ended(first.process), sleep(20_000)])
  await sendBlocks('twice-more', 'twice-blocks', 20_000, 2_000)
  await Promise.race([ended(first.process), ended(second.process), sleep(20_000)])
  const alive = [first, second].filter((it) => it.process.exitCode === null)
  expect([...first.lines, ...second.lines]).toContain('fenced')
  expect(alive.length).toBe(1)
  await expect.poll(async () => (await proof('twice-more', 'twice')).totals.proven, { timeout: 30_000 }).toBe(20_000)
  for (const it of alive) it.process.kill('SIGTERM')
  const { ok, totals } = await proof('twice', 'twice')
  expect({ ok, ...totals }).toMatchObject({ ok: true, records: 200_000, proven: 200_000, doubled: 0 })
})

test('a position that the broker forgot: what is there already is not written again', { timeout: 60_000 }, async () => {
  await newTopics(broker.bootstrap, ['forgot-blocks', 'forgot'], 4)
  await sendBlocks('forgot', 'forgot-blocks', 40_000, 4_000)
  expect(await unpack('forgot-blocks', 'forgot')).toMatchObject({ readings: 40_000, present: 0 })
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await admin.deleteGroups(['holdfast.unpack.forgot-blocks.forgot'])
  await admin.disconnect()
  await sendBlocks('forgot-more', 'forgot-blocks', 1_000, 1_000)
  expect(await unpack('forgot-blocks', 'forgot')).toMatchObject({ readings: 1_000, present: 40_000 })
  expect((await proof('forgot', 'forgot')).totals).toMatchObject({ records: 40_000, doubled: 0 })
  expect(await unpack('forgot-blocks', 'forgot')).toMatchObject({ readings: 0, present: 0, transactions: 0 })
})

test('what is no block is left aside; a topic that is not there is said; one made anew doubles nothing', {
  timeout: 60_000,
}, async () => {
  await newTopics(broker.bootstrap, ['mixed-blocks', 'mixed'], 4)
  await sendBlocks('mixed', 'mixed-blocks', 1_000, 1_000)
  const settings = { topics: { ...TOPICS, telemetry: 'mixed-blocks' } }
  await send('others', 'readings', [batchOf(doubles(rawStream('others'), 0, 7))], settings)
  expect(await unpack('mixed-blocks', 'mixed')).toMatchObject({ readings: 1_000, foreign: 7 })
  await expect(unpack('nowhere', 'mixed')).rejects.toMatchObject({ code: 'topic-missing' })
  await expect(unpack('mixed-blocks', 'nowhere')).rejects.toMatchObject({ code: 'topic-missing', remedy: 'create the topic' })
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await admin.deleteTopics({ topics: ['mixed-blocks'] })
  await expect.poll(async () => (await admin.listTopics()).includes('mixed-blocks'), { timeout: 10_000 }).toBe(false)
  await admin.disconnect()
  // With the topic the broker forgets the position.
  await newTopics(broker.bootstrap, ['mixed-blocks'], 4)
  await sendBlocks('mixed', 'mixed-blocks', 2_000, 1_000)
  expect(await unpack('mixed-blocks', 'mixed')).toMatchObject({ readings: 1_000, present: 1_000 })
})
