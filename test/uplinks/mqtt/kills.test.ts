// A real log, the real forward and a real broker that is killed -9 again and again: at a subscriber with a session of its own nothing is missing, but
// for what the broker had acknowledged and not handed on or saved when it was killed. That is its own loss, and it is told apart here.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../../src/core/batch.ts'
import type { ForwardReport } from '../../../src/pipeline/forward-report.ts'
import { newReport } from '../../../src/pipeline/forward-report.ts'
import type { ForwardParts } from '../../../src/pipeline/forward.ts'
import { forward } from '../../../src/pipeline/forward.ts'
import { openUplink } from '../../../src/uplinks/mqtt/uplink.ts'
import type { OpenLog } from '../../../src/workers/open-log.ts'
import { openLog } from '../../../src/workers/open-log.ts'
import { until } from '../../route/until.ts'
import type { Mosquitto } from '../../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../../sources/mqtt/mosquitto.ts'
import { CLOCK } from '../kafka/slices.ts'
import type { Heard } from './harness.ts'
import { contextWith, retained, settingsOf, subscriber } from './harness.ts'

const DEVICE = 'hf-kills'
const TAGS = 10
const BACKLOG = 5_000
/** Hands on before it acknowledges. */
const BROKER = ['allow_anonymous true', 'max_queued_messages 1000000', 'max_inflight_messages 0']
/** Every second. */
const KEPT = ['persistence true', 'persistence_location DIR/', 'autosave_interval 1']
/** As exact as the time of a file is. */
const MTIME_MS = 20
const WAITS = { backoff: { firstMs: 50, minMs: 100, maxMs: 300 }, idleMs: 200, blockedMs: 300 }

async function logIn(dir: string): Promise<OpenLog> {
  const log = await openLog(
    {
      dir,
      device: DEVICE,
      bytesMax: 64_000_000,
      commitBytes: 200_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 20, whenFull: 'reduce', ladder: [] }],
      delivery: { process: 'all-uplinks' },
      uplinks: ['site'],
    },
    (error) => {
      throw error
    },
  )
  onTestFinished(() => log.close())
  return log
}

/** Readings that count up, the tags in turn. */
function feeder({ writer }: OpenLog) {
  const builder = new BatchBuilder(newOrigin(0))
  const series = Array.from({ length: TAGS }, (_, n) => builder.series({ tag: `line/${n}`, class: 'process', kind: 'long' }))
  let next = 0
  return async (count: number) => {
    for (const end = next + count; next < end; next++) builder.addLong(series[next % TAGS] as number, CLOCK.now(), BigInt(next))
    await writer.append(builder.take(CLOCK.now()))
  }
}

function forwarding(
  log: OpenLog,
  broker: Mosquitto,
  lanes?: ForwardParts['lanes'],
  more: object = {},
  cacheDir?: string,
): { report: ForwardReport; stop(): Promise<void> } {
  const report = newReport()
  const stop = new AbortController()
  const ended = forward(
    {
      uplink: 'site',
      admission: { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) },
      open: () => openUplink(settingsOf(broker.port, more), { ...contextWith([], DEVICE), cacheDir }),
      log: log.reader,
      clock: CLOCK,
      random: Math.random,
      lanes: lanes ?? { liveShare: 0.3, backlog: 'oldest-first', isInOrder: true },
      waits: WAITS,
      failed() {},
    },
    report,
    stop.signal,
  )
  const end = async () => (stop.abort(), await ended)
  onTestFinished(end)
  return { report, stop: end }
}

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mqtt-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** By tag: the values in the order in which each came first; looks at each message once. */
function firstOf(heard: readonly Heard[]) {
  const seen = new Map<string, Set<number>>()
  let at = 0
  let count = 0
  return {
    count(): number {
      for (; at < heard.length; at++) {
        const { tag, value_long: value } = (heard[at] as Heard).json
        const values = seen.get(String(tag)) ?? new Set()
        seen.set(String(tag), values)
        if (!values.has(Number(value))) count++
        values.add(Number(value))
      }
      return count
    },
    values: () => Object.fromEntries([...seen].map(([tag, values]) => [tag, [...values]])),
    has: (value: number) => seen.get(`line/${value % TAGS}`)?.has(value) ?? false,
  }
}

function savedAt({ dir }: Mosquitto): number {
  const file = join(dir, 'mosquitto.db')
  return existsSync(file) ? statSync(file).mtimeMs : 0
}

/** A figure that does not change any more. */
async function settled(ask: () => Promise<number>): Promise<number> {
  for (let before = await ask(); ; ) {
    await sleep(500)
    const now = await ask()
    if (now === before) return now
    before = now
  }
}

function expected(total: number, without: ReadonlySet<number>): Record<string, number[]> {
  const values = (tag: number) => Array.from({ length: total / TAGS }, (_, n) => n * TAGS + tag).filter((it) => !without.has(it))
  return Object.fromEntries(Array.from({ length: TAGS }, (_, tag) => [`line/${tag}`, values(tag)]))
}

test('a broker killed five times under load: nothing is missing, each tag in its order, and the last values are the last', {
  timeout: 90_000,
}, async () => {
  const broker = await startMosquitto({ lines: [...BROKER, ...KEPT] })
  onTestFinished(() => broker.remove())
  const session = { clientId: 'scada', clean: false, properties: { sessionExpiryInterval: 3_600 }, reconnectPeriod: 30 }
  const listens = await subscriber(broker.port, session, `holdfast/${DEVICE}/#`)
  onTestFinished(() => listens.end())
  // One that was saved before knows nothing of it, and a broker that begins again with that hands on nothing until the subscriber is back.
  const since = Date.now()
  await until('the session is on the disk of the broker', () => savedAt(broker) > since + MTIME_MS)
  const log = await logIn(tempDir())
  const give = feeder(log)
  const { report } = forwarding(log, broker)
  const seen = firstOf(listens.heard)
  /** Acknowledged, and not heard when it was killed: what it had saved still comes. */
  const brokersLoss = new Set<number>()
  const lost = () => [...brokersLoss].filter((it) => !seen.has(it))
  const kills = 5
  const portion = 500
  for (let n = 0; n < kills; n++) {
    const before = seen.count()
    await give(portion)
    await until('something of it is heard', () => listens.client.connected && seen.count() > before, 60_000, 5)
    await broker.stop('SIGKILL')
    const acknowledged = await settled(async () => (await log.figures()).classes[0]?.delivered ?? 0)
    for (let value = 0; value < acknowledged; value++) if (!seen.has(value)) brokersLoss.add(value)
    // What comes meanwhile waits.
    await give(portion / 10)
    await broker.start()
    await until('the subscriber is back', () => listens.client.connected, 60_000, 10)
  }
  const total = kills * (portion + portion / 10)
  await until('all is heard', () => seen.count() + lost().length === total)
  expect(seen.values()).toEqual(expected(total, new Set(lost())))
  expect(seen.count()).toBeGreaterThan(total / 2)
  await until('nothing waits', async () => (await log.figures()).classes[0]?.stored === 0)
  expect(report.state).toBe('up')
  const kept = [...(await retained(broker.port, `holdfast/${DEVICE}/#`)).values()].map((it) => Number(it['value_long']))
  expect(kept.toSorted((a, b) => a - b)).toEqual(Array.from({ length: TAGS }, (_, n) => total - TAGS + n))
})

test.each(['oldest-first', 'newest-first'] as const)(
  'live ahead of a backlog, %s: all arrives, and no value of the backlog stands over a newer one at any time',
  { timeout: 60_000 },
  async (backlog) => {
    const broker = await startMosquitto({ lines: BROKER })
    onTestFinished(() => broker.remove())
    const log = await logIn(tempDir())
    const give = feeder(log)
    await give(BACKLOG)
    const listens = await subscriber(broker.port, {}, `holdfast/${DEVICE}/#`)
    onTestFinished(() => listens.end())
    // Told of each value as it is kept: such a subscriber gets the mark with what it hears.
    const watches = await subscriber(broker.port, {}, [])
    onTestFinished(() => watches.end())
    await watches.client.subscribeAsync(`holdfast/${DEVICE}/#`, { qos: 1, rap: true })
    const seen = firstOf(listens.heard)
    const { stop } = forwarding(log, broker, { liveShare: 0.3, backlog })
    const total = BACKLOG + 10 * 100
    for (let n = 0; n < 10; n++) {
      await give(100)
      await until('it is heard while the backlog goes', () => seen.count() > 0 && seen.has(BACKLOG + n * 100), 60_000, 5)
    }
    await until('all is heard', () => seen.count() === total && watches.heard.length >= total)
    await stop()
    const keptInTurn = Map.groupBy(
      watches.heard.filter((it) => it.retain),
      (it) => it.topic,
    )
    expect(keptInTurn.size).toBe(TAGS)
    for (const [topic, heard] of keptInTurn) {
      const values = heard.map((it) => Number(it.json['value_long']))
      expect(values, topic).toEqual(values.toSorted((a, b) => a - b))
      expect(values.at(-1), topic).toBeGreaterThanOrEqual(total - TAGS)
    }
  },
)

test('who is asked to end waits for what is under way, and sends none of it again', { timeout: 60_000 }, async () => {
  const broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 1000000'] })
  onTestFinished(() => broker.remove())
  const listens = await subscriber(broker.port, {}, `holdfast/${DEVICE}/#`)
  onTestFinished(() => listens.end())
  const log = await logIn(tempDir())
  await feeder(log)(BACKLOG)
  const first = forwarding(log, broker)
  await until('some of it is heard', () => listens.heard.length > 10, 60_000, 1)
  await first.stop()
  const delivered = async () => (await log.figures()).classes[0]?.delivered
  await until('what is heard is what counts as delivered', async () => listens.heard.length === (await delivered()))
  const next = forwarding(log, broker)
  await until('nothing waits', async () => (await log.figures()).classes[0]?.stored === 0)
  await until('all is heard', () => listens.heard.length >= BACKLOG)
  await next.stop()
  expect(first.report.readings + next.report.readings).toBe(BACKLOG)
  const values = listens.heard.map((it) => Number(it.json['value_long'])).toSorted((a, b) => a - b)
  expect(values).toEqual(Array.from({ length: BACKLOG }, (_, n) => n))
})

test('a broker that cuts the connection for some readings: each is refused after the third cut, and all others arrive', {
  timeout: 60_000,
}, async () => {
  const broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_packet_size 2000'] })
  onTestFinished(() => broker.remove())
  const listens = await subscriber(broker.port, {}, `holdfast/${DEVICE}/#`)
  onTestFinished(() => listens.end())
  const log = await logIn(tempDir())
  const builder = new BatchBuilder(newOrigin(0))
  const id = builder.series({ tag: 'text', class: 'process', kind: 'string' })
  const total = 60
  const bad = [20, 21, 40]
  for (let n = 0; n < total; n++) builder.addString(id, CLOCK.now(), bad.includes(n) ? 'x'.repeat(5_000) : String(n))
  await log.writer.append(builder.take(CLOCK.now()))
  // In this version it is told nothing, and tells nothing.
  const { report } = forwarding(log, broker, undefined, { version: '3.1.1' }, tempDir())
  const values = () => new Set(listens.heard.map((it) => Number(it.json['value_string'])))
  await until('all others are heard', () => values().size === total - bad.length, 50_000)
  await until('they are parked, and nothing else waits', async () => {
    const figures = await log.figures()
    return figures.parked === bad.length && figures.classes[0]?.stored === bad.length
  })
  await until('it goes on', () => report.state === 'up')
})
