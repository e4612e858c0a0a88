// A position that the cluster has forgotten while something was under way, on a real Kafka and a real log: the records say what arrived.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { BatchBuilder, newOrigin } from '../../../src/core/batch.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { newReport } from '../../../src/pipeline/forward-report.ts'
import { forward } from '../../../src/pipeline/forward.ts'
import { identityOf } from '../../../src/uplinks/kafka/uplink.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { OpenLog } from '../../../src/workers/open-log.ts'
import { openLog } from '../../../src/workers/open-log.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { openFor, settled } from './cluster.ts'
import { CLOCK } from './slices.ts'

const WAITS = { backoff: { minMs: 50, maxMs: 500 }, blockedMs: 500, fencedMs: 500, idleMs: 100 }

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ portFrom: 24_900 })
  await createTopics(broker.bootstrap, 3)
  await settled(broker.bootstrap)
}, 120_000)
afterAll(() => broker?.down())

function openFresh(dir: string, device: string): Promise<OpenLog> {
  return openLog(
    {
      dir,
      device,
      bytesMax: 64_000_000,
      commitBytes: 200_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 20, whenFull: 'reduce', ladder: [] }],
      delivery: {},
      uplinks: ['cloud'],
    },
    (error) => {
      throw error
    },
  )
}

function source() {
  const builder = new BatchBuilder(newOrigin(0))
  const series = ['a', 'b', 'c'].map((tag) => builder.series({ tag, class: 'process', kind: 'double' }))
  return (count: number) => {
    for (let i = 0; i < count; i++) builder.add(series[i % 3] as number, CLOCK.now(), i)
    return builder.take(CLOCK.now())
  }
}

type Fault = 'none' | 'lost-after' | 'lost-before'

/** Forwards until `fault` says no more; the answer of a commit may be lost, or the transaction never be begun. */
function start(log: OpenLog, device: string, fault: (readings: number) => Fault) {
  const stop = new AbortController()
  const report = newReport()
  const open = async (): Promise<Uplink> => {
    const uplink = await openFor(broker.bootstrap, device)
    return {
      ...uplink,
      async send(batch, position, signal) {
        const what = fault(batch.slices.reduce((sum, it) => sum + it.to - it.from, 0))
        if (what !== 'lost-before') await uplink.send(batch, position, signal)
        if (what === 'none') return []
        stop.abort()
        throw new Error(`the connection broke: ${what}`)
      },
    }
  }
  const lanes = { liveShare: 0.3, backlog: 'oldest-first' } as const
  const admission = { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) }
  const ended = forward(
    { uplink: 'cloud', admission, open, log: log.reader, lanes, clock: CLOCK, random: () => 0, failed() {}, waits: WAITS },
    report,
    stop.signal,
  )
  return { report, ended, stop: () => (stop.abort(), ended) }
}

async function forget(device: string): Promise<void> {
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await admin.deleteGroups([identityOf({ device, name: 'cloud' })])
  await admin.disconnect()
}

const verified = (device: string) =>
  verifyTopics({ brokers: [broker.bootstrap], device }).then(({ ok, totals, streams }) => ({
    ok,
    totals,
    next: Math.max(...streams.filter((it) => it.stream.form === 'raw').map((it) => it.proven)),
  }))

/** 3,000 readings delivered, then a transaction of 500 with a fault, then the group is deleted, then 100 more. */
async function life(device: string, fault: Fault, between: (dir: string) => Promise<void> = async () => {}) {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-read-back-'))
  const batch = source()
  try {
    let log = await openFresh(dir, device)
    await log.writer.append(batch(3_000))
    let strikes = false
    // The checkpoint of the drain may still be to come, and has none.
    const first = start(log, device, (readings) => (strikes && readings > 0 ? fault : 'none'))
    await vi.waitFor(() => expect(first.report.readings).toBe(3_000), 30_000)
    await vi.waitFor(() => expect(first.report.state).toBe('up'), 30_000)
    strikes = fault !== 'none'
    await log.writer.append(batch(500))
    if (fault === 'none') await vi.waitFor(() => expect(first.report.readings).toBe(3_500), 30_000)
    await (fault === 'none' ? first.stop() : first.ended)
    await log.close()
    await forget(device)
    await between(dir)
    log = await openFresh(dir, device)
    const again = start(log, device, () => 'none')
    await log.writer.append(source()(100))
    const left = async () => (await log.figures()).classes.reduce((sum, it) => sum + it.stored, 0)
    await vi.waitFor(async () => expect(await left()).toBe(0), 40_000)
    await vi.waitFor(() => expect(again.report.state).toBe('up'), 30_000)
    await again.stop()
    await log.close()
    return { sent: again.report.readings, ...(await verified(device)) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

test('arrived and not acknowledged: read back, sent by nobody again, none marked', { timeout: 180_000 }, async () => {
  const { ok, totals, next, sent } = await life('box-after', 'lost-after')
  expect({ ok, next, sent }).toEqual({ ok: true, next: 3_600, sent: 100 })
  expect(totals).toMatchObject({ doubled: 0, maybeDuplicate: 0, missing: 0, waiting: 0 })
})

test('never sent: read back as not there, sent once, none marked', { timeout: 180_000 }, async () => {
  const { ok, totals, next, sent } = await life('box-before', 'lost-before')
  expect({ ok, next, sent }).toEqual({ ok: true, next: 3_600, sent: 600 })
  expect(totals).toMatchObject({ doubled: 0, maybeDuplicate: 0, missing: 0, waiting: 0 })
})

test('nothing under way: our own account of it is trusted', { timeout: 180_000 }, async () => {
  const { ok, totals, next, sent } = await life('box-idle', 'none')
  expect({ ok, next, sent }).toEqual({ ok: true, next: 3_600, sent: 100 })
  expect(totals).toMatchObject({ doubled: 0, maybeDuplicate: 0, missing: 0, waiting: 0 })
})

test('records of that time are deleted: what nobody can say is sent again and marked', { timeout: 180_000 }, async () => {
  const { ok, totals, sent } = await life('box-expired', 'lost-after', async () => {
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    const ends = await admin.fetchTopicOffsets(TOPICS.telemetry)
    // Up to the middle of what was under way, in one partition only: nobody can say of any of it then.
    const partitions = ends.map(({ partition, high }) => ({ partition, offset: String(Number(high) - 20) }))
    await admin.deleteTopicRecords({ topic: TOPICS.telemetry, partitions })
    await admin.disconnect()
  })
  expect({ ok, sent }).toEqual({ ok: true, sent: expect.any(Number) })
  expect(sent).toBeGreaterThan(500)
  // Every one that is there twice says so.
  expect(totals).toMatchObject({ doubled: 0, missing: 0 })
  expect(totals.maybeDuplicate).toBeGreaterThan(0)
})
