// Situations on the real agent, real brokers on site, and a cluster whose link is away until the end: a store's tills, a drone, a train.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import type { MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Agent, Site } from '../route/agent.ts'
import { drained, holdfast, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Certificates } from '../sources/mqtt/certificates.ts'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { subscriber } from '../uplinks/mqtt/harness.ts'
import { boxOf, cluster, PLANT, secureBroker } from './stage.ts'

const AT_ONCE = 50
/** Status of what a broker says it has sent before. */
const AGAIN = 1

let dir: string
let certificates: Certificates
const ends: (() => unknown)[] = []

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-situations-'))
  certificates = makeCertificates(join(dir, 'certificates'))
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function folder(name: string): string {
  mkdirSync(join(dir, name))
  return join(dir, name)
}

/** Of the cluster that knows a box by its certificate. */
function cloudSecrets() {
  const { ca, client } = certificates
  return { HOLDFAST_SECRET_CLOUD_CA: ca, HOLDFAST_SECRET_CLOUD_CERT: client.cert, HOLDFAST_SECRET_CLOUD_KEY: client.key }
}

async function begin(site: Site): Promise<Agent> {
  const agent = await startAgent(site)
  ends.push(() => agent.end())
  await until('all sources are up', async () => (await agent.status())?.sources.every((it) => it.state === 'up'))
  return agent
}

async function publisherOf(port: number, options: object = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
  ends.push(() => client.end(true))
  return client
}

/** At QoS 1: resolves when the broker has all of them. */
async function publishAll(client: MqttClient, messages: Iterable<readonly [topic: string, payload: string]>): Promise<void> {
  const underWay: Promise<unknown>[] = []
  for (const [topic, payload] of messages) {
    underWay.push(client.publishAsync(topic, payload, { qos: 1 }))
    if (underWay.length >= AT_ONCE) await Promise.all(underWay.splice(0))
  }
  await Promise.all(underWay)
}

function* manyOf(count: number, message: (n: number) => readonly [string, string]): Iterable<readonly [string, string]> {
  for (let n = 0; n < count; n++) yield message(n)
}

const classIn = (status: Status | undefined, name: string) => status?.classes.find((it) => it.name === name)

test('till: a day without link and a log full of sales: no PUBACK for more of them, nothing else slows, and afterwards each is there once', {
  timeout: 240_000,
}, async () => {
  const BYTES_MAX = 32_000_000
  const SALE_BYTES = 12_000
  /** More than the log could hold if it had nothing else. */
  const SALES = Math.ceil(BYTES_MAX / SALE_BYTES) + 50
  const CLIMATE = 300
  const ALARMS = 20
  const broker = await secureBroker(certificates, 'word of the store')
  ends.push(() => broker.remove())
  const headOffice = await cluster(certificates)
  ends.push(() => headOffice.close())
  const secrets = {
    HOLDFAST_SECRET_STORE_BROKER: 'word of the store',
    HOLDFAST_SECRET_STORE_CA: certificates.ca,
    ...cloudSecrets(),
  }
  const places = { '10.20.6.5:8883': `localhost:${broker.securePort}`, 'kafka.example.com:9093': headOffice.address }
  const site = boxOf(folder('till'), 'till', places, secrets, `id: hf-till\ncity: here\nlog: ${BYTES_MAX}B\n`)
  const agent = await begin(site)
  const tills = await publisherOf(broker.port, PLANT)
  const sale = (n: number) => JSON.stringify({ receipt: n, items: randomBytes(SALE_BYTES).toString('base64') })
  const sold: string[] = []
  await publishAll(
    tills,
    manyOf(SALES, (n) => [`tills/till-${n % 4}/sale`, (sold[n] = sale(n))]),
  )
  const status = await until('the log is full of sales, and says so', async () => {
    const now = await agent.status()
    return now?.issues.some((it) => it.code === 'class-waits') && now
  })
  expect(classIn(status, 'sale')?.accepted).toBeGreaterThan(SALES / 10)

  await publishAll(
    tills,
    manyOf(CLIMATE, (n) => [`building/room-${n % 3}/temperature`, `{"value":${n}}`]),
  )
  await publishAll(
    tills,
    manyOf(ALARMS, (n) => ['building/cellar/alarm', `{"text":"water ${n}"}`]),
  )
  const full = await until('everything else goes on', async () => {
    const now = await agent.status()
    const accepted = (name: string) => classIn(now, name)?.accepted ?? 0
    return accepted('climate') >= CLIMATE && accepted('alarm') >= ALARMS && now
  })
  const taken = classIn(full, 'sale')?.accepted ?? 0
  expect(taken).toBeLessThan(SALES)
  expect(classIn(full, 'sale')).toMatchObject({ stored: taken, delivered: 0, aggregated: 0, lost: {} })
  expect(classIn(full, 'alarm')).toMatchObject({ stored: classIn(full, 'alarm')?.accepted, lost: {} })
  expect(full.log.bytes).toBeLessThanOrEqual(BYTES_MAX)
  const { unacknowledged, unreadable } = full.sources[0]?.details ?? {}
  expect([Number(unacknowledged) > 0, unreadable]).toEqual([true, 0])
  // The broker's own word for it.
  const acknowledged = broker.log().match(/Received PUBACK from holdfast-hf-till-tills /g)?.length ?? 0
  expect(acknowledged).toBeGreaterThan(0)
  expect(acknowledged).toBeLessThanOrEqual(classIn(await agent.status(), 'sale')?.accepted ?? 0)

  headOffice.plug()
  const sales = () => headOffice.readings().filter((it) => it.value['class'] === 'sale')
  const textOf = ({ value }: { value: Readonly<Record<string, unknown>> }) => String(value['value_string'])
  await until('all sales are there', () => new Set(sales().map(textOf)).size >= SALES, 120_000)
  const empty = await drained(agent)
  const records = sales()
  expect(classIn(empty, 'sale')).toMatchObject({
    accepted: records.length,
    delivered: records.length,
    stored: 0,
    aggregated: 0,
    lost: {},
  })
  for (const { value } of records) expect(value).toMatchObject({ device: 'hf-till', site: 'here', quality: 'good' })
  // Where a busy machine let the broker's connection break, it has sent again what had no PUBACK yet, and that is marked: all others are there once.
  const unmarked = records.filter((it) => it.value['status_code'] !== AGAIN).map(textOf)
  expect(new Set(unmarked).size).toBe(unmarked.length)
  // To the letter.
  expect([...new Set(records.map(textOf))].toSorted()).toEqual(sold.toSorted())
})

test('drone: what says nothing new is left out before the log and counted; it stays within its memory, lands, and what is left says the rest', {
  timeout: 180_000,
}, async () => {
  const READINGS = 8_000
  const MODE_EVERY = 1_000
  /** Of 512 MB; the system has the rest. */
  const MEMORY_BYTES_MAX = 384 * 1024 * 1024
  const WITHIN = 0.5
  const broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 0'] })
  ends.push(() => broker.remove())
  const hangar = await cluster(certificates)
  ends.push(() => hangar.close())
  const places = {
    '127.0.0.1:1883': `127.0.0.1:${broker.port}`,
    'kafka.example.com:9093': hangar.address,
    // In the air it has the wrong address; this machine has no other link.
    'interface: wlan0': 'interface: lo',
  }
  const site = boxOf(folder('drone'), 'drone', places, cloudSecrets())
  const agent = await begin(site)
  const autopilot = await publisherOf(broker.port)
  const t0 = Math.floor(Date.now() / 1000) * 1000 - READINGS * 10
  // Climbs, circles and comes down, with a tremble that says nothing.
  const altitude = (n: number) => 100 * Math.sin((Math.PI * n) / READINGS) + 0.1 * Math.sin(n * 7)
  function* flight(): Iterable<readonly [string, string]> {
    for (let n = 0; n < READINGS; n++) {
      const ts = t0 + n * 10
      yield ['autopilot/altitude', JSON.stringify({ value: altitude(n), ts })]
      if (n % 10 === 0) yield ['autopilot/mode', JSON.stringify({ value: `leg ${Math.floor(n / MODE_EVERY)}`, ts })]
    }
  }
  const published = READINGS + READINGS / 10
  await publishAll(autopilot, flight())
  /** The door holds one reading of the altitude. */
  const status = await until('each is reported, withheld or held', async () => {
    const now = await agent.status()
    const { readings = 0, withheld = 0 } = now?.sources[0] ?? {}
    return readings + withheld >= published - 1 && now
  })
  const [source] = status.sources
  expect((source?.readings ?? 0) + (source?.withheld ?? 0)).toBe(published - 1)
  const flown = classIn(status, 'flight')
  expect(flown).toMatchObject({ accepted: source?.readings, delivered: 0, lost: {} })
  expect(flown?.accepted).toBeLessThan(published / 10)
  const memory = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]) * 1024
  console.log(
    `drone: ${flown?.accepted} of ${published} readings in the log, at most ${(memory / 2 ** 20).toFixed(0)} MB of memory`,
  )
  expect(memory).toBeGreaterThan(0)
  expect(memory).toBeLessThan(MEMORY_BYTES_MAX)

  // Landed, switched off, and on again in the hangar.
  await agent.end()
  hangar.plug()
  const landed = await begin(site)
  const drainedStatus = await drained(landed)
  expect(classIn(drainedStatus, 'flight')).toMatchObject({ stored: 0, lost: {}, delivered: (flown?.accepted ?? 0) + 1 })
  const records = hangar.readings().map((it) => it.value)
  expect(records).toHaveLength((flown?.accepted ?? 0) + 1)
  const modes = records.filter((it) => it['tag'] === 'autopilot/mode').map((it) => it['value_string'])
  expect(modes).toEqual(Array.from({ length: READINGS / MODE_EVERY }, (_, n) => `leg ${n}`))
  const line = records
    .filter((it) => it['tag'] === 'autopilot/altitude')
    .map((it) => ({ n: (Number(it['ts']) / 1000 - t0) / 10, value: Number(it['value_double']) }))
    .toSorted((a, b) => a.n - b.n)
  expect([line[0]?.n, line.at(-1)?.n]).toEqual([0, READINGS - 1])
  for (const [at, to] of line.slice(1).entries()) {
    const from = line[at] as (typeof line)[number]
    for (let n = from.n; n <= to.n; n++) {
      const said = from.value + ((to.value - from.value) * (n - from.n)) / (to.n - from.n)
      if (!(Math.abs(said - altitude(n)) <= WITHIN + 1e-9)) expect.fail(`reading ${n}: ${altitude(n)}, and the line says ${said}`)
    }
  }
})

test('train: a legacy system writes CSV in its own way, and local consumers have it without any link', {
  timeout: 120_000,
}, async () => {
  const LINES = 200
  const broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  ends.push(() => broker.remove())
  const own = folder('train')
  const exported = join(own, 'export')
  mkdirSync(exported)
  const places = {
    '10.20.4.2:1883': `127.0.0.1:${broker.port}`,
    '/mnt/diagnosis/export': exported,
    'every: 10s': 'every: 100ms',
    'settled: 1m': 'settled: 200ms',
  }
  const site = boxOf(own, 'train', places, { HOLDFAST_SECRET_CLOUD: 'a word', HOLDFAST_SECRET_UPDATES: 'a word' })
  const display = await subscriber(broker.port, {}, 'holdfast/#')
  ends.push(() => display.end())
  const agent = await begin(site)
  const line = (n: number) => {
    const clock = new Date(n * 1000).toISOString().slice(11, 19)
    const temperature = n % 50 === 7 ? '---' : (n / 4).toFixed(2).replace('.', ',')
    return `24.11.2026;${clock};${1 + (n % 4)};${temperature};${n % 100 === 0 ? 'Störung' : ''}`
  }
  const text = ['Datum;Zeit;Wagen;Temp °C;Bremse', ...Array.from({ length: LINES }, (_, n) => line(n)), ''].join('\r\n')
  writeFileSync(join(exported, 'fahrt-412.csv'), Buffer.from(text, 'latin1'))

  const temperatures = Array.from({ length: LINES }, (_, n) => n).filter((n) => n % 50 !== 7)
  const brakes = [0, 100]
  // In November Berlin is an hour ahead.
  const timeOf = (n: number) => Date.parse('2026-11-23T23:00:00Z') * 1000 + n * 1_000_000
  const all = temperatures.length + brakes.length
  await until('the display has all of it', () => display.heard.length >= all)
  const heard = display.heard.map(({ json }) => ({
    tag: json['tag'],
    ts: json['ts'],
    value: json['value_double'] ?? json['value_string'],
  }))
  const expected = [
    ...temperatures.map((n) => ({ tag: `coach-${1 + (n % 4)}/axle-temperature`, ts: timeOf(n), value: n / 4 })),
    ...brakes.map((n) => ({ tag: `coach-${1 + (n % 4)}/brake`, ts: timeOf(n), value: 'Störung' })),
  ]
  const sorted = (rows: readonly { tag: unknown; ts: unknown; value: unknown }[]) =>
    rows.toSorted((a, b) => Number(a.ts) - Number(b.ts) || String(a.tag).localeCompare(String(b.tag)))
  expect(sorted(heard)).toEqual(sorted(expected))
  await until('the file is put aside', () => existsSync(join(exported, 'done/fahrt-412.csv')))

  // A consumer that was switched on later reads the log itself, by the command line as by the page's address.
  const rows = []
  for await (const it of connectAgent(site.data).follow({ from: 'beginning' }, AbortSignal.timeout(30_000))) {
    if (it.type === 'reading') rows.push({ tag: it.tag, ts: it.time, value: it.value })
    if (it.type === 'position' && it.isCaughtUp) break
  }
  expect(sorted(rows)).toEqual(sorted(expected))
  const asked = ['query', 'coach-1/axle-temperature', '--from', '2026-11-23T23:00:00Z', '--to', '2026-11-24T00:00:00Z']
  const { code, out } = await holdfast(site, [...asked, '--format', 'csv', '--data', site.data])
  expect(code).toBe(0)
  expect(out.trim().split('\n')).toHaveLength(1 + temperatures.filter((n) => n % 4 === 0).length)

  // The cloud has had nothing of it and misses nothing: a display takes nothing away from it.
  const status = (await agent.status()) as Status
  const cloud = status.uplinks.find((it) => it.name === 'cloud')
  expect(cloud?.state).not.toBe('up')
  expect(status.classes.map((it) => it.stored)).toEqual([brakes.length, temperatures.length])
})
