import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BATCHES_IN_FLIGHT_MAX, SMALL_BATCHES_IN_FLIGHT_MAX } from '../../src/core/bounds.ts'
import type { ReportRule } from '../../src/core/report-rule.ts'
import type { BrowseEntry, Certificate, Source, TestStep } from '../../src/core/source.ts'
import { ingest } from '../../src/pipeline/ingest.ts'
import type { ProtocolHost } from '../../src/workers/protocol-host.ts'
import { protocolHost } from '../../src/workers/protocol-host.ts'
import type { CounterSettings } from './protocols.ts'

const WAITS = { backoff: { minMs: 10, maxMs: 50 }, silenceMs: 6000 }
const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A log in memory: takes at once, remembers by source. */
function memoryLog() {
  const batches: ReadingBatch[] = []
  const forgotten: number[] = []
  return {
    batches,
    forgotten,
    append: async (batch: ReadingBatch) => void batches.push(batch),
    hurry() {},
    forget: (origin: number) => void forgotten.push(origin),
  }
}

function start(sources: Readonly<Record<string, CounterSettings>>, log = memoryLog(), report?: readonly ReportRule[]) {
  const stop = new AbortController()
  const host: ProtocolHost = protocolHost(
    'counter',
    {
      sources: Object.entries(sources).map(([name, settings]) => ({ name, protocol: 'counter', settings, report })),
      dir: '/nowhere',
      device: 'box',
      commitEveryMs: 10,
      protocols: new URL('./protocols.ts', import.meta.url).href,
    },
    log,
    silent,
    Math.random,
    WAITS,
  )
  const ends = [
    host.run(stop.signal),
    ...[...host.sources.values()].map((it) => ingest(it, log, () => {}, stop.signal, SMALL_BATCHES_IN_FLIGHT_MAX)),
  ]
  return {
    host,
    log,
    source: (name: string) => host.sources.get(name) as Source,
    /** Values of one source, run by run. */
    runs(name: string): number[][] {
      const tagOf = new Map(log.batches.flatMap((it) => it.newSeries.map((series) => [it.origin, series.tag] as const)))
      const mine = log.batches.filter((it) => tagOf.get(it.origin) === name)
      return [...Map.groupBy(mine, (it) => it.origin).values()].map((list) => list.flatMap((it) => [...it.value]))
    },
    async stop() {
      stop.abort()
      await Promise.all(ends)
    },
  }
}

async function until(what: () => boolean, say: () => unknown): Promise<void> {
  for (const end = Date.now() + 40_000; !what(); ) {
    if (Date.now() > end) throw new Error(`not reached: ${JSON.stringify(say())}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const steady: CounterSettings = { after: 0, trouble: 'none' }

test.each(['throw-from-callback', 'throw-from-read', 'hang', 'exit', 'end'] as const)(
  '%s: this thread is started anew, in an origin of its own; nothing handed over is lost, another thread goes on',
  async (trouble) => {
    const sick = start({ sick: { after: 10, trouble }, beside: steady })
    const other = start({ other: steady })
    await until(
      () => sick.host.restarts >= 2 && sick.runs('sick').length >= 2,
      () => [sick.host.restarts, sick.runs('sick').length],
    )
    const { state, code, remedy } = sick.source('sick').status()
    expect(state === 'up' || (state === 'down' && code === 'protocol-crashed' && remedy !== undefined)).toBe(true)
    for (const name of ['sick', 'beside']) for (const run of sick.runs(name).slice(0, -1)) expect(run).toEqual([...run.keys()])
    expect(sick.runs('sick')[0]).toHaveLength(10)
    expect(new Set(sick.log.batches.map((it) => it.origin)).size).toBe(sick.runs('sick').length + sick.runs('beside').length)
    // The series numbers of runs that are over are given back.
    expect(sick.log.forgotten).toContain(sick.log.batches[0]?.origin)
    expect(other.host.restarts).toBe(0)
    const before = other.log.batches.length
    await until(
      () => other.log.batches.length > before,
      () => before,
    )
    expect(other.runs('other')).toHaveLength(1)
    await Promise.all([sick.stop(), other.stop()])
  },
)

test('a stop: what a source still hands over goes into the log, and the thread is gone within seconds', async () => {
  const it = start({ a: steady })
  await until(
    () => it.log.batches.length > 5,
    () => it.log.batches.length,
  )
  const at = performance.now()
  await it.stop()
  expect(performance.now() - at).toBeLessThan(4000)
  expect(it.runs('a')[0]?.at(-1)).toBe(-1)
  expect(it.host.restarts).toBe(0)
})

test('sources test: each step comes over, and a thread that is not there says so', async () => {
  const it = start({ a: steady })
  await until(
    () => it.log.batches.length > 0,
    () => 'first batch',
  )
  const steps: TestStep[] = []
  for await (const step of it.host.test('a', new AbortController().signal)) steps.push(step)
  expect(steps).toEqual([
    { step: 'connect', ok: true, detail: 'there' },
    { step: 'read', ok: false, detail: 'nothing', remedy: 'wait' },
  ])
  await it.stop()
  expect(() => it.host.test('a', new AbortController().signal)).toThrow(/being started/)
})

test('a source that tests on its own connection is asked, not its protocol', async () => {
  const it = start({ a: { ...steady, own: true } })
  await until(
    () => it.log.batches.length > 1,
    () => 'first batches',
  )
  const steps: TestStep[] = []
  for await (const step of it.host.test('a', never)) steps.push(step)
  expect(steps).toEqual([{ step: 'own connection', ok: true, detail: 'reading true' }])
  await it.stop()
})

const never = new AbortController().signal

test('browse: entries come over in their order, errors keep their class, who goes away ends it over there', async () => {
  const it = start({ a: steady })
  await until(
    () => it.log.batches.length > 0,
    () => 'first batch',
  )
  const entries: BrowseEntry[] = []
  for await (const entry of it.host.browse('a', { node: 'x', limit: 1000 }, never)) entries.push(entry)
  expect(entries.map(({ node }) => node)).toEqual(Array.from({ length: 1000 }, (_, at) => `x.${at}`))
  const none = it.host.browse('a', { node: 'none', limit: 1 }, never)[Symbol.asyncIterator]().next()
  await expect(none).rejects.toMatchObject({ name: 'BadInput', problems: [{ text: 'is none', remedy: 'look above it' }] })
  for await (const entry of it.host.browse('a', { node: 'endless', limit: 1e9 }, never)) if (entry.node === 'endless.3') break
  await until(
    () => it.source('a').status().details?.left === 2,
    () => it.source('a').status(),
  )
  await it.stop()
  expect(() => it.host.browse('a', { limit: 1 }, never)).toThrow(/being started/)
})

test('trust: what is asked for goes over, and what comes comes back', async () => {
  const it = start({ a: steady })
  await until(
    () => it.log.batches.length > 0,
    () => 'first batch',
  )
  const found: Certificate[] = []
  for await (const one of it.host.trust('a', { fingerprint: 'AA' }, never)) found.push(one)
  expect(found).toEqual([{ fingerprint: 'AA', subject: 'CN=x', validFrom: '', validTo: '', state: 'trusted' }])
  await it.stop()
})

test('report by exception: of a line that only rises the ends are handed over, the rest is counted', async () => {
  const it = start({ a: steady }, memoryLog(), [{ tags: '*', swingingDoor: 1e-3, atLeastMs: 3_600_000 }])
  // The clock is not quite as steady as the line: some readings begin a new one.
  const count = () => it.source('a').status().withheld ?? 0
  await until(() => count() > 3, count)
  await it.stop()
  const [values = []] = it.runs('a')
  expect([values[0], values.at(-1)]).toEqual([0, -1])
  expect(values).toEqual(
    values
      .slice(0, -1)
      .toSorted((a, b) => a - b)
      .concat(-1),
  )
})

test('a disk that is slow for one class: small batches go on to come, one a pace, up to the bound', async () => {
  const log = memoryLog()
  let release = () => {}
  const durable = new Promise<undefined>((resolve) => (release = () => resolve(undefined)))
  const it = start({ a: steady }, { ...log, append: (batch) => log.append(batch).then(() => durable) })
  await until(
    () => log.batches.length > BATCHES_IN_FLIGHT_MAX * 4,
    () => log.batches.length,
  )
  await until(
    () => log.batches.length === SMALL_BATCHES_IN_FLIGHT_MAX,
    () => log.batches.length,
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(log.batches.length).toBe(SMALL_BATCHES_IN_FLIGHT_MAX)
  release()
  await it.stop()
})
