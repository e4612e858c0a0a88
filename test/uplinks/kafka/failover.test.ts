// Two real clusters on one log, as the situation of two regions is set; the first is killed under load and comes back.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { RecordCursor } from '../../../src/clients/kafka/batches.ts'
import { forEachRecord } from '../../../src/clients/kafka/batches.ts'
import { kafkaClient } from '../../../src/clients/kafka/client.ts'
import { partitionReader } from '../../../src/clients/kafka/fetch.ts'
import { BatchBuilder, newOrigin } from '../../../src/core/batch.ts'
import { createFailover } from '../../../src/pipeline/failover.ts'
import { newReport } from '../../../src/pipeline/forward-report.ts'
import { forward } from '../../../src/pipeline/forward.ts'
import type { LaneSettings } from '../../../src/pipeline/forward-take.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import { openLog } from '../../../src/workers/open-log.ts'
import type { Broker } from '../../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { situation } from '../../situations/read.ts'
import { NEVER, openFor, settled } from './cluster.ts'
import { CLOCK, contextOf } from './slices.ts'
import { headersOf } from '../../kafka/headers.ts'

const SETTINGS = situation('two-regions')
const DEVICE = SETTINGS.device.id
const UPLINKS = SETTINGS.uplinks.map((it) => it.name) as [string, string]
const [FIRST, SECOND] = UPLINKS
/** HOLDFAST_DOWN_S makes it longer. */
const DOWN_MS = Number(process.env['HOLDFAST_DOWN_S'] ?? 20) * 1000
const EVERY_MS = 100
const READINGS_EACH = 20
const CLASSES = ['alarm', 'process'] as const

let first: Broker
let second: Broker
beforeAll(async () => {
  first = await startBroker({ portFrom: 26_300 })
  second = await startBroker({ portFrom: 26_400 })
  for (const { bootstrap } of [first, second]) {
    await createTopics(bootstrap, 3)
    await settled(bootstrap)
  }
}, 240_000)
afterAll(() => Promise.all([first?.down(), second?.down()]))

function openBox(dir: string) {
  return openLog(
    {
      dir,
      device: DEVICE,
      bytesMax: SETTINGS.log.bytesMax,
      commitBytes: SETTINGS.log.commitBytes,
      commitEveryMinMs: SETTINGS.log.commitEveryMinMs,
      keepDeliveredMs: SETTINGS.log.keepDeliveredMs,
      classes: SETTINGS.classes,
      delivery: SETTINGS.delivery,
      uplinks: UPLINKS,
    },
    (error) => {
      throw error
    },
  )
}

/** A tenth of the readings are alarms. Says how many there were. */
function load(append: (batch: ReturnType<BatchBuilder['take']>) => Promise<void>) {
  const builder = new BatchBuilder(newOrigin(0))
  const [alarm, process] = CLASSES.map((name) => builder.series({ tag: `hall-1/${name}`, class: name, kind: 'double' }))
  let given = 0
  const timer = setInterval(() => {
    for (let i = 0; i < READINGS_EACH; i++) builder.add((i % 10 === 0 ? alarm : process) as number, CLOCK.now(), given++)
    void append(builder.take(CLOCK.now()))
  }, EVERY_MS)
  return () => (clearInterval(timer), given)
}

/** Ids of this box's readings at a cluster, as a read_committed reader sees them. */
async function idsAt(bootstrap: string): Promise<{ id: string; marked: boolean }[]> {
  const found: { id: string; marked: boolean }[] = []
  const client = kafkaClient({ brokers: [bootstrap] }, { clientId: 'reader', log: contextOf(DEVICE).log })
  const reader = await partitionReader(client, NEVER)
  const spans = (await reader.spans(TOPICS.telemetry)) ?? []
  const read = (it: RecordCursor) => {
    const headers = headersOf(it)
    const id = headers['ce_id'] ?? ''
    if (id.startsWith(`${DEVICE}:`)) found.push({ id, marked: headers['holdfast-maybe-duplicate'] !== undefined })
  }
  await reader.read({ spans, onBatch: (_, __, batch) => forEachRecord(batch, read), onProgress() {} })
  client.destroy()
  return found
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('killed under load: alarms lose nothing, the other class is taken over in time and given back, each cluster and their union are proven', {
  timeout: 380_000 + DOWN_MS,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-two-'))
  const log = await openBox(dir)
  const admission = { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) }
  const uplinks = [first, second].map((broker, n) => {
    const name = n === 0 ? FIRST : SECOND
    const open = () => openFor(broker.bootstrap, DEVICE, {}, name)
    return { name, open, admission, report: newReport() }
  })
  const failover = createFailover({
    uplinks,
    delivery: SETTINGS.delivery,
    failoverAfterMs: SETTINGS.failoverAfterMs,
    clock: CLOCK,
  })
  const stop = new AbortController()
  const ends = uplinks.map(({ name, open, report }) =>
    forward(
      {
        uplink: name,
        admission: failover.admission(name),
        anyOf: { classes: failover.classes, uplinks: UPLINKS },
        open,
        log: log.reader,
        lanes: SETTINGS.uplinks[0] as LaneSettings,
        clock: CLOCK,
        random: Math.random,
        failed() {},
        waits: { backoff: { firstMs: 500, minMs: 4_000, maxMs: 8_000 } },
      },
      report,
      stop.signal,
    ),
  )
  const end = load((batch) => log.writer.append(batch))
  const turn = () => failover.turn('process')
  await vi.waitFor(() => expect(uplinks.map((it) => it.report.transactions > 3)).toEqual([true, true]), {
    timeout: 60_000,
    interval: 100,
  })
  await later(3_000)
  // Where both were slow to begin, the second may have had it already.
  await vi.waitFor(() => expect(turn()).toMatchObject({ holder: FIRST }), { timeout: 120_000, interval: 100 })

  await first.kill()
  const killed = CLOCK.monotonic()
  await vi.waitFor(() => expect(turn()).toMatchObject({ holder: SECOND, lastSwitch: { ms: expect.any(Number) } }), {
    timeout: 60_000,
    interval: 50,
  })
  const over = { ...turn()?.lastSwitch, afterKillMs: CLOCK.monotonic() - killed }
  await later(DOWN_MS - (CLOCK.monotonic() - killed))
  // All that is not delivered to both counts as stored: nothing of it is given up.
  expect((await log.figures()).classes.map((it) => it.lost)).toEqual([{}, {}])
  await first.start()
  await vi.waitFor(() => expect(turn()?.holder).toBe(FIRST), { timeout: 180_000, interval: 100 })
  await later(3_000)
  const given = end()
  const left = async () => (await log.figures()).classes.map((it) => it.stored)
  await vi.waitFor(async () => expect(await left()).toEqual([0, 0]), { timeout: 60_000, interval: 200 })
  await later(3_000)
  stop.abort()
  await Promise.all(ends)
  await log.close()
  rmSync(dir, { recursive: true, force: true })

  const reports = await Promise.all([first, second].map((it) => verifyTopics({ brokers: [it.bootstrap], device: DEVICE })))
  const ids = await Promise.all([first, second].map((it) => idsAt(it.bootstrap)))
  const of = (n: number, name: string) => new Set(ids[n]?.map((it) => it.id).filter((it) => it.includes(`:${name}:`)))
  const both = [...of(0, 'process')].filter((it) => of(1, 'process').has(it))
  const marked = new Set(ids.flatMap((of) => of.filter((it) => it.marked).map((it) => it.id)))
  const together = await verifyTopics({ brokers: [first.bootstrap], and: [{ brokers: [second.bootstrap] }], device: DEVICE })
  for (const it of [...reports, together]) expect(it.ok, JSON.stringify(it.streams)).toBe(true)
  expect([of(0, 'alarm').size, of(1, 'alarm').size]).toEqual([given / 10, given / 10])
  expect(new Set([...of(0, 'process'), ...of(1, 'process')]).size).toBe((given * 9) / 10)
  expect(both.filter((it) => !marked.has(it))).toEqual([])
  console.log(
    `${given} readings, one cluster down for ${DOWN_MS / 1000} s; the other had the turn ${over.afterKillMs} ms after the kill`,
  )
  expect(over.ms).toBeLessThan(2 * SETTINGS.failoverAfterMs)
  expect(of(1, 'process').size).toBeGreaterThan(0)
  expect(turn()?.lastSwitch).toMatchObject({ from: SECOND, to: FIRST })
})
