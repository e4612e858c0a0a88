// A day of a box in the product's topics, sent by the real uplink: readings of two classes, gap records, a checkpoint, and a transaction that came to
// nothing, which no reader may see.
import kafkajs from 'kafkajs'
import { streamKey } from '../../src/core/stream.ts'
import type { GapSlice, LogSeries, Slice } from '../../src/core/log.ts'
import { TOPICS } from '../kafka/broker.ts'
import { NEVER, openFor } from '../uplinks/kafka/cluster.ts'
import { rawStream, sliceOf } from '../uplinks/kafka/slices.ts'

export interface Day {
  readonly device: string
  readonly readings: number
  /** By record key: how many readings, and the sum of their values. */
  readonly tags: Readonly<Record<string, readonly [count: number, sum: number]>>
  /** The first source time, ms; whole seconds. */
  readonly start: number
  /** How many have a source time from `from` to before `to`, ms. */
  countIn(from: number, to: number): number
}

const TAGS = 12
const CLASSES = ['process', 'alarm'] as const
const DAY_MS = 86_400_000
const EVERY_MS = 10_000
/** Ms since the day's begin: a day of polls, and then from the day's begin again, as a backlog comes. */
const timeOf = (i: number) => (i * EVERY_MS) % DAY_MS

/** `readings` over a day that ends now. */
export async function sendDay(bootstrap: string, device: string, readings: number): Promise<Day> {
  const tags: Record<string, [number, number]> = {}
  const start = Math.floor(Date.now() / 1000) * 1000 - DAY_MS
  const uplink = await openFor(bootstrap, device)
  await uplink.position(NEVER)
  const delivered = new Map<string, { from: number; to: number }[]>()
  const per = readings / CLASSES.length
  let transaction = 0
  for (let from = 0; from < per; from += 10_000) {
    const to = Math.min(per, from + 10_000)
    const parts = CLASSES.map((name) => partOf(device, name, from, to, { start, tags }))
    for (const it of parts) delivered.set(streamKey(it.slice.stream), [{ from: 0, to }])
    const series = new Map(parts.flatMap((it) => [...it.series]))
    await uplink.send(
      batch(
        parts.map((it) => it.slice),
        series,
      ),
      { transaction: ++transaction, delivered },
      NEVER,
    )
  }
  const gaps = gapsOf(device, per)
  delivered.set(streamKey(gaps.stream), [{ from: 0, to: 1 }])
  const streams = Object.fromEntries([...delivered].map(([key, it]) => [key, { next: it.at(-1)?.to ?? 0, lost: 0 }]))
  const last = {
    ...batch([gaps], new Map()),
    checkpoint: { reason: 'drained' as const, streams: { ...streams, ...lostIn(device, per) } },
  }
  await uplink.send(last, { transaction: ++transaction, delivered }, NEVER)
  await uplink.close()
  await sendInVain(bootstrap, device, per)
  const times = Array.from({ length: per }, (_, i) => start + timeOf(i))
  const countIn = (from: number, to: number) => times.filter((it) => it >= from && it < to).length * CLASSES.length
  return { device, readings, tags, start, countIn }
}

const batch = (slices: readonly Slice[], series: ReadonlyMap<number, LogSeries>) => ({ slices, series, maybeDuplicate: [] })
const lostIn = (device: string, next: number) => ({ [streamKey(rawStream(device, 'process'))]: { next: next + 7, lost: 7 } })

function partOf(
  device: string,
  name: string,
  from: number,
  to: number,
  { start, tags }: { start: number; tags: Record<string, [number, number]> },
) {
  return sliceOf(rawStream(device, name), from, (builder) => {
    // Numbers of series are the batch's own: those of the second class stand behind the first's.
    const all = CLASSES.flatMap((it) =>
      Array.from({ length: TAGS }, (_, i) => builder.series({ tag: `${it}/tag-${i}`, class: it, kind: 'double', unit: '°C' })),
    )
    const ids = all.slice(CLASSES.indexOf(name as 'process') * TAGS)
    for (let i = from; i < to; i++) {
      const value = ((i * 7919) % 20_000) / 16
      const key = `${device}/${name}/tag-${i % TAGS}`
      const total = (tags[key] ??= [0, 0])
      total[0]++
      total[1] += value
      builder.add(ids[i % TAGS] as number, (start + timeOf(i)) * 1000, value)
    }
  })
}

function gapsOf(device: string, from: number): GapSlice {
  const stream = rawStream(device, 'process')
  const about = { timeFrom: 1, timeTo: 2, count: 7, exact: true, action: 'dropped', reason: 'log-full', at: 3 } as const
  return {
    form: 'gap',
    stream: { ...stream, form: 'gap' },
    from: 0,
    to: 1,
    rows: [{ sequence: 0, stream, from, to: from + 7, ...about }],
  }
}

/** Readings that a transaction began and took back. */
async function sendInVain(bootstrap: string, device: string, from: number): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer({ transactionalId: `vain-${device}`, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction = await producer.transaction()
  const messages = Array.from({ length: 500 }, (_, i) => ({
    key: `${device}/process/tag-${i % TAGS}`,
    value: JSON.stringify({ value_double: 1e9 }),
    headers: { ce_id: `${streamKey(rawStream(device, 'process'))}:${from - 1 - i}` },
  }))
  await transaction.send({ topic: TOPICS.telemetry, messages })
  await transaction.abort()
  await producer.disconnect()
}
