// `encoding: avro`: what a reader that is not ours (fastavro) makes of the records with the schemas that the registry gives, beside the same in JSON.
// The registry is ours (registry-server.ts); REGISTRY=URL runs what does not need its inside over a real one.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BatchBuilder } from '../../../src/core/batch.ts'
import type { GapSlice } from '../../../src/core/log.ts'
import type { Encoding } from '../../../src/core/settings.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { Uplink, UplinkContext } from '../../../src/core/uplink.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { createTopics, startBroker } from '../../kafka/broker.ts'
import type { RawRecord } from './cluster.ts'
import { NEVER, newTopics, readRaw, settingsOf, settled } from './cluster.ts'
import type { RegistryServer } from './registry-server.ts'
import { startRegistry } from './registry-server.ts'
import { aggregated, batchOf, CLOCK, contextOf, doubles, positionOf, rawStream, sliceOf } from './slices.ts'

const PYTHON = fileURLToPath(new URL('../../../.cache/venv/bin/python', import.meta.url))
const READER = fileURLToPath(new URL('avro_reader.py', import.meta.url))
/** Subjects of a real registry outlive a run. */
const RUN = randomBytes(4).toString('hex')

let broker: Broker
let registry: RegistryServer
let url: string
const dir = mkdtempSync(join(tmpdir(), 'holdfast-avro-'))
beforeAll(async () => {
  registry = await startRegistry()
  url = process.env['REGISTRY'] ?? registry.url
  broker = await startBroker({ portFrom: 26_500 })
  await createTopics(broker.bootstrap, 2)
  await settled(broker.bootstrap)
  const names = ['json', 'avro', 'refused', 'away'].flatMap((it) => Object.values(topicsOf(it)))
  await newTopics(broker.bootstrap, [...new Set(names)], 2)
})
afterAll(async () => {
  await broker?.down()
  await registry?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Those that meet registries of their own share topics: what is kept is kept by registry, too. */
function topicsOf(name: string) {
  const own = name === 'other' || name === 'denied' ? 'away' : name
  const of = (role: string) => `${own}.${role}.${RUN}`
  return { telemetry: of('telemetry'), aggregates: of('aggregates'), events: of('events'), gaps: of('gaps'), blocks: of('gaps') }
}

const avro = (more: object = {}): Encoding => ({ format: 'avro', registry: url, ...more })

async function open(name: string, encoding: Encoding, more: Partial<UplinkContext> = {}): Promise<Uplink> {
  const context = { ...contextOf('box', name), encoding, cacheDir: join(dir, name), ...more }
  return kafka.open(settingsOf(broker.bootstrap, { topics: topicsOf(name) }), context)
}

async function decodedByPython(records: readonly RawRecord[]): Promise<Record<string, unknown>[]> {
  const file = join(dir, 'values')
  const framed = records.flatMap(({ value }) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(value.length)
    return [length, value]
  })
  writeFileSync(file, Buffer.concat(framed))
  // The registry may be in this process: it has to answer meanwhile.
  const { stdout } = await promisify(execFile)(PYTHON, [READER, url, file], { maxBuffer: 64_000_000 })
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** What JSON says, without what is null: Avro has all fields, and those are null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const present = Object.entries(value).filter(([, it]) => it !== null)
  return Object.fromEntries(present.map(([name, it]) => [name, withoutNulls(it)]))
}

const stream = rawStream('box')

function everyKind(builder: BatchBuilder): void {
  const time = CLOCK.now() - 5_000_000
  const of = (tag: string, kind: 'double' | 'long' | 'bool' | 'string' | 'bytes', unit?: string) =>
    builder.series({ tag, kind, class: 'process', ...(unit ? { unit } : {}) })
  const double = of('halle-1/öl "a"/temperatur', 'double', '°C')
  for (const it of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, 0.1])
    builder.add(double, time, it)
  const long = of('long', 'long')
  const longs = [0n, -1n, 63n, -64n, 64n, 4095n, 4096n, 2n ** 31n, -(2n ** 31n), 2n ** 51n, 2n ** 52n + 1n, -(2n ** 52n) - 1n]
  for (const it of [...longs, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n + 1n, -(2n ** 63n), 2n ** 63n - 1n])
    builder.addLong(long, time, it)
  const bool = of('bool', 'bool')
  builder.add(bool, time, 1, 1, 0x40000000)
  builder.add(bool, time, 0)
  for (const it of ['grün "x"\n\u0001 日本 🚰', '', 'x'.repeat(5_000)]) builder.addString(of('string', 'string'), time, it)
  builder.addBytes(of('bytes', 'bytes'), time, Uint8Array.of(0, 255, 10))
  builder.addNone(double, time, 2, 0x80000000)
  builder.add(double, -1_000_000, 1)
  builder.add(double, Date.UTC(2199, 0, 1) * 1000, 1)
}

test('every form, every kind of value: the same as in JSON, by another reader', async () => {
  const raw = sliceOf(stream, 0, everyKind)
  const count = raw.slice.to
  const aggregates = aggregated(raw, 0, 60_000_000).slice
  const row = { stream, from: 5, to: 9, timeFrom: 1, timeTo: 2, count: 4, exact: true, reason: 'log-full', at: 3 }
  const gap: GapSlice = {
    form: 'gap',
    stream: { ...stream, form: 'gap' },
    from: 0,
    to: 1,
    rows: [{ ...row, sequence: 0, action: 'aggregated' }],
  }
  const streams = {
    [streamKey(stream)]: { next: count, lost: 0 },
    [streamKey(gap.stream)]: { next: 1, lost: 0 },
    [streamKey(aggregates.stream)]: { next: aggregates.to, lost: 0 },
  }
  const batch = {
    slices: [raw.slice, aggregates, gap],
    series: raw.series,
    maybeDuplicate: [{ stream: streamKey(stream), from: 3, to: 6 }],
    checkpoint: { reason: 'drained' as const, streams },
  }
  const delivered = new Map(Object.entries(streams).map(([key, { next }]) => [key, [{ from: 0, to: next }]]))
  const now = CLOCK.now()
  for (const [name, encoding] of [
    ['json', { format: 'json' }],
    ['avro', avro()],
  ] as const) {
    const uplink = await open(name, encoding, { name: 'cloud', cacheDir: undefined, clock: { ...CLOCK, now: () => now } })
    expect(await uplink.send(batch, { transaction: 1, delivered }, NEVER)).toEqual([])
    await uplink.close()
  }
  for (const [role, records] of [
    ['telemetry', count],
    ['aggregates', aggregates.to],
    ['gaps', 1],
    ['events', 1],
  ] as const) {
    const [json, other] = await Promise.all(
      ['json', 'avro'].map((it) =>
        readRaw(broker.bootstrap, topicsOf(it)[role], (all) => all.filter((one) => one.value.length > 0).length === records),
      ),
    )
    const sorted = (list: readonly RawRecord[] = []) =>
      list.toSorted((a, b) => ((a.headers['ce_id'] ?? '') < (b.headers['ce_id'] ?? '') ? -1 : 1))
    const decoded = await decodedByPython(sorted(other))
    const said = sorted(json).map((it) => withoutNulls(JSON.parse(it.value.toString('utf8'))))
    // Which topics there are is another thing for each.
    for (const it of [...decoded, ...said] as Record<string, unknown>[]) for (const own of ['topics', 'ends']) delete it[own]
    expect(decoded).toEqual(said)
    expect(
      sorted(other).map(({ value: _value, ...it }) => ({
        ...it,
        headers: { ...it.headers, 'content-type': 'application/json' },
      })),
    ).toEqual(sorted(json).map(({ value: _value, ...it }) => it))
    expect(new Set(other?.map((it) => it.headers['content-type']))).toEqual(new Set(['application/avro']))
  }
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'box', topics: topicsOf('avro') })
  const plain = await verifyTopics({ brokers: [broker.bootstrap], device: 'box', topics: topicsOf('json') })
  // Contradictions come in the order of the partitions.
  const sorted = ({ streams }: typeof report) => streams.map((it) => ({ ...it, contradictions: it.contradictions.toSorted() }))
  expect(sorted(report)).toEqual(sorted(plain))
  expect(report).toMatchObject({ checkpoints: 1, foreign: 0 })
})

test('what the registry told is kept: the box goes on while it is away, and waits where it never told', async () => {
  const own = await startRegistry()
  const encoding = avro({ registry: own.url })
  const first = await open('away', encoding)
  await first.send(batchOf(doubles(stream, 0, 10)), positionOf(1, stream, 10), NEVER)
  await first.close()
  const port = Number(new URL(own.url).port)
  expect(own.calls.filter((it) => it.startsWith('POST')).length).toBe(4)
  await own.close()
  const second = await open('away', encoding)
  expect(await second.send(batchOf(doubles(stream, 10, 10)), positionOf(2, stream, 20), NEVER)).toEqual([])
  await second.close()

  let monotonic = 0
  const third = await open('other', encoding, { clock: { ...CLOCK, monotonic: () => monotonic } })
  const send = () => third.send(batchOf(doubles(stream, 0, 10)), positionOf(1, stream, 10), NEVER)
  await expect(send()).rejects.toMatchObject({
    name: 'Blocked',
    code: 'registry-unreachable',
    classes: ['process'],
    message: expect.stringContaining(own.url),
  })
  const back = await startRegistry({ port })
  // It is not asked again at once, so that nothing else waits for it each time.
  await expect(send()).rejects.toMatchObject({ code: 'registry-unreachable' })
  expect(back.calls).toEqual([])
  monotonic += 60_000
  expect(await send()).toEqual([])
  await third.close()
  await back.close()
})

test('a registry that refuses our schema blocks the classes of that topic, and others go on', async () => {
  const { telemetry } = topicsOf('refused')
  const schema = JSON.stringify({ type: 'record', name: 'Other', fields: [{ name: 'x', type: 'int' }] })
  const rest = await fetch(`${url}/subjects/${telemetry}-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  })
  expect(rest.status).toBe(200)
  if (process.env['REGISTRY'])
    await fetch(`${url}/config/${telemetry}-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
    })
  const uplink = await open('refused', avro())
  const failed = uplink.send(batchOf(doubles(stream, 0, 10)), positionOf(1, stream, 10), NEVER)
  await expect(failed).rejects.toMatchObject({
    name: 'Blocked',
    code: 'schema-refused',
    topics: [telemetry],
    classes: ['process'],
    remedy: expect.stringContaining(`${telemetry}-value`),
  })
  const aggregates = aggregated(doubles(stream, 0, 1_000), 0, 60_000_000)
  expect(await uplink.send(batchOf(aggregates), positionOf(1, stream, 10), NEVER)).toEqual([])
  await uplink.close()
})

test('user and password; without them it is said what to do, and `uplinks test` says it too', async () => {
  const guarded = await startRegistry({ user: 'box', password: 'secret' })
  const access = avro({ registry: guarded.url, user: 'box', password: 'secret' })
  const stranger = avro({ registry: guarded.url, user: 'box', password: 'guess' })
  const send = async (encoding: Encoding) => {
    const uplink = await open('denied', encoding, { cacheDir: undefined })
    try {
      return await uplink.send(batchOf(doubles(stream, 0, 10)), positionOf(1, stream, 10), NEVER)
    } finally {
      await uplink.close()
    }
  }
  await expect(send(stranger)).rejects.toMatchObject({ code: 'registry-denied', remedy: expect.stringContaining('password') })
  expect(await send(access)).toEqual([])
  for (const [encoding, ok] of [
    [access, true],
    [stranger, false],
  ] as const) {
    const steps = []
    const context = { ...contextOf('tested'), encoding }
    for await (const it of kafka.test(settingsOf(broker.bootstrap, { topics: topicsOf('denied') }), context, NEVER))
      steps.push(it)
    expect(steps.find((it) => it.step.startsWith('schema of away.telemetry'))).toMatchObject({ ok })
  }
  await guarded.close()
})
