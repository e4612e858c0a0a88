// What is replayed is the record that the uplink sent: key, partition, id and value, byte for byte; marked, so that `verify` leaves it aside.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeAggregates } from '../../../src/columns/aggregates/index.ts'
import { decodeBlock } from '../../../src/columns/index.ts'
import type { QueryRow } from '../../../src/core/agent-api.ts'
import type { LogSeries, Slice } from '../../../src/core/log.ts'
import { rowsOf } from '../../../src/core/query.ts'
import { aggregateParts, rawParts } from '../../../src/log/query-parts.ts'
import { replayTo } from '../../../src/uplinks/kafka/replay.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import type { ReadRecord } from './cluster.ts'
import { NEVER, openFor, readTopic, settled } from './cluster.ts'
import { aggregated, batchOf, CLOCK, positionOf, rawStream, sliceOf } from './slices.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ portFrom: 24_760 })
  await createTopics(broker.bootstrap, 3)
  await settled(broker.bootstrap)
})
afterAll(() => broker?.down())

/** As a query of the log makes them of a block. */
function* rowsIn(
  { form, stream, block }: Extract<Slice, { block: Uint8Array }>,
  series: ReadonlyMap<number, LogSeries>,
): Iterable<QueryRow> {
  const cut = { from: 0, to: Number.MAX_SAFE_INTEGER, clock: undefined, wanted: (id: number) => series.get(id) }
  const columns = form === 'raw' ? undefined : decodeAggregates(block)
  const parts = columns
    ? aggregateParts(columns, cut, { first: columns.firstSequence, received_to: 5 })
    : rawParts(decodeBlock(block), cut)
  for (const part of parts) yield* rowsOf(part, stream)
}

async function* all(...parts: Iterable<QueryRow>[]): AsyncGenerator<QueryRow> {
  for (const part of parts) yield* part
}

const byId = (records: readonly ReadRecord[]) => new Map(records.map((it) => [it.headers['ce_id'], it]))

test('readings and aggregates of every kind, once as they were and once replayed, beside each other in one topic', async () => {
  const device = 'again'
  const stream = rawStream(device)
  const time = Math.floor(CLOCK.now() / 60e6) * 60e6 - 60e6
  const raw = sliceOf(stream, 900, (builder) => {
    const of = (tag: string, kind: LogSeries['kind'], unit?: string) =>
      builder.series({ tag, kind, class: 'process', ...(unit ? { unit } : {}) })
    const double = of('halle-1/öl "a"', 'double', '°C')
    for (const [i, it] of [1.5, -0, Number.NaN, Number.NEGATIVE_INFINITY, 1e300].entries()) builder.add(double, time + i, it)
    builder.addNone(double, time + 9, 2, 0x80000000)
    const long = of('long', 'long')
    for (const it of [5n, 2n ** 53n, -(2n ** 63n)]) builder.addLong(long, time, it)
    builder.add(of('bool', 'bool'), time, 1, 1, 0x40000000)
    for (const it of ['grün "x"\n\u0001 日本 🚰', 'rot']) builder.addString(of('string', 'string'), time, it)
    builder.addBytes(of('bytes', 'bytes'), time, Uint8Array.of(0, 255, 10))
    builder.addNone(of('mute', 'string'), time, 2)
    builder.add(of('old', 'double'), 86_400_000_000, 4)
  })
  const reduced = aggregated(raw, 40, 60e6)
  const uplink = await openFor(broker.bootstrap, device)
  await uplink.position(NEVER)
  await uplink.send(batchOf(raw, reduced), positionOf(1, stream, raw.slice.to), NEVER)
  await uplink.close()

  const options = { brokers: [broker.bootstrap], site: 'plant-1', signal: NEVER }
  const count = raw.slice.to - raw.slice.from
  const aggregates = reduced.slice.to - reduced.slice.from
  expect(await replayTo({ ...options, topic: TOPICS.telemetry, rows: all(rowsIn(raw.slice, raw.series)) })).toBe(count)
  expect(await replayTo({ ...options, topic: TOPICS.aggregates, rows: all(rowsIn(reduced.slice, reduced.series)) })).toBe(
    aggregates,
  )

  for (const [topic, of] of [
    [TOPICS.telemetry, count],
    [TOPICS.aggregates, aggregates],
  ] as const) {
    const records = await readTopic(broker.bootstrap, topic, (it) => it.length === of * 2)
    const [first, again] = Map.groupBy(records, (it) => it.headers['holdfast-replayed']).values()
    expect(byId(again ?? []).size).toBe(of)
    for (const [id, it] of byId(first ?? [])) {
      const { headers, value, ...rest } = byId(again ?? []).get(id) as ReadRecord
      expect({ ...rest, timestamp: 0, value }).toEqual({ partition: it.partition, key: it.key, timestamp: 0, value: it.value })
      expect(headers).toEqual({ ...it.headers, 'holdfast-replayed': 'true' })
    }
  }
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report.totals).toMatchObject({ doubled: 0, replayed: count + aggregates, proven: count + aggregates })
})

test('a topic that is not there is said, and nothing is made', async () => {
  const rows = all([])
  const options = { brokers: [broker.bootstrap], site: 's', signal: NEVER, topic: 'nowhere', rows }
  await expect(replayTo(options)).rejects.toMatchObject({ name: 'Unreachable', message: expect.stringContaining('nowhere') })
})
