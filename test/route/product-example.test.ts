// The settings example of the product as it stands, with other addresses, another link and other hours, and nothing else: taken by `check`, and driving the route from a Modbus
// device, an OPC UA server and an MQTT broker to a Kafka with TLS and SCRAM. The system's trust is lent to the agent by NODE_EXTRA_CA_CERTS.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { startDevice } from '../sources/modbus/help.ts'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { drained, holdfast, siteIn, startAgent, sumsOf, verify } from './agent.ts'
import type { Line } from './line.ts'
import { startLine } from './line.ts'
import type { Kept } from './topic.ts'
import { readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../settings/product-example.yaml'), 'utf8')
const PASSWORDS = { line: 'word of the line', hall: 'word of the hall' }
const TEMPERATURE = 74.935882
const PORT = 27_000

const NOT_IN_FORCE = ['network', 'time']

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let line: Line
let device: { stop(): Promise<void> }
let site: Site
let agent: Agent | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-example-'))
  kafka = await startBroker({ portFrom: PORT, security: true, users: ['hf-7f3a'] })
  await createTopics(kafka.bootstrap, 3)
  const certificates = makeCertificates(join(dir, 'certificates'))
  const secure = await freePort()
  mosquitto = await startMosquitto({
    lines: [
      'allow_anonymous false',
      'password_file DIR/users',
      `listener ${secure} 127.0.0.1`,
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
    ],
    files: { 'ca.pem': certificates.ca, 'server.pem': certificates.server.cert, 'server.key': certificates.server.key },
    prepare: (folder) => {
      execFileSync('mosquitto_passwd', ['-c', '-b', join(folder, 'users'), 'gateway', PASSWORDS.hall])
      execFileSync('mosquitto_passwd', ['-b', join(folder, 'users'), 'plant', 'too'])
    },
  })
  const modbus = await freePort()
  device = await startDevice({ tcp: modbus }, { 1: { holding: [[100, { type: 'FLOAT32', value: TEMPERATURE, order: 'CDAB' }]] } })
  line = await startLine({ port: await freePort(), dir: join(dir, 'line'), user: 'gateway', password: PASSWORDS.line })
  const authorities = join(dir, 'authorities.pem')
  writeFileSync(authorities, `${await kafka.pem('ca.pem')}${certificates.ca}`)
  site = siteIn(dir, at({ modbus, line: line.port, mqtts: secure, kafka: kafka.addresses.saslTls }), {
    NODE_EXTRA_CA_CERTS: authorities,
    HOLDFAST_SECRET_LINE_1: PASSWORDS.line,
    HOLDFAST_SECRET_HALL_BROKER: PASSWORDS.hall,
    HOLDFAST_SECRET_CLOUD: 'hf-7f3a-secret',
    HOLDFAST_SECRET_SIM: '0000',
    HOLDFAST_SECRET_WIFI: 'word of the harbour',
    HOLDFAST_SECRET_HAWKBIT: 'word of the updates',
  })
})
afterAll(async () => {
  await agent?.end()
  await line?.stop()
  await device?.stop()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

/** The example at other addresses, by another link, at any hour. */
function at(ports: { modbus: number; line: number; mqtts: number; kafka: string }): string {
  const addresses: readonly (readonly [string, string])[] = [
    ['host: 10.20.1.40\n', `host: 127.0.0.1\n    port: ${ports.modbus}\n`],
    ['opc.tcp://10.20.1.50:4840', `opc.tcp://127.0.0.1:${ports.line}`],
    ['mqtts://10.20.1.60:8883', `mqtts://localhost:${ports.mqtts}`],
    ['kafka.example.com:9093', ports.kafka],
    // What the example sends at night goes at once here, by the interface that every machine has.
    ['- { interface: eth1, classes: all }', '- { interface: lo, classes: all }'],
    ['at: "22:00-06:00"', 'at: "00:00-24:00"'],
  ]
  return addresses.reduce((text, [from, to]) => {
    expect(text.split(from)).toHaveLength(2)
    return text.replace(from, to)
  }, EXAMPLE)
}

test('check takes it, and names each key that does nothing yet', async () => {
  const { code, out } = await holdfast(site, ['check', site.settings, '--data', site.data, '--json'])
  const checked = JSON.parse(out) as {
    ok: boolean
    notInForce: { path: string; line: number; text: string }[]
    issues: unknown[]
  }
  expect({ code, ...checked }).toMatchObject({ code: 0, ok: true, issues: [] })
  expect(checked.notInForce.map((it) => it.path)).toEqual(NOT_IN_FORCE)
  const lines = readFileSync(site.settings, 'utf8').split('\n')
  for (const { path, line: number } of checked.notInForce)
    expect(lines[number - 1]).toContain(path.split(/[.[\]]/).findLast((it) => /^[a-z]/i.test(it)))
  const page = await holdfast(site, ['check', site.settings, '--data', site.data])
  for (const path of NOT_IN_FORCE) expect(page.out).toContain(`${path}: not in force yet`)
  const { HOLDFAST_SECRET_CLOUD: _, ...fewer } = site.env
  expect(await holdfast({ ...site, env: fewer }, ['check', site.settings, '--data', site.data])).toMatchObject({
    code: 2,
    err: expect.stringContaining('HOLDFAST_SECRET_CLOUD'),
  })
})

test('it drives the route', { timeout: 240_000 }, async () => {
  agent = await startAgent(site)
  const running = agent
  const sourceOf = async (name: string) => (await running.status())?.sources.find((it) => it.name === name)

  // A server's certificate that nobody has seen yet: no session until somebody does what the remedy says.
  const stranger = await until('the certificate waits for approval', async () => {
    const found = await sourceOf('line-1')
    return found?.code === 'certificate-untrusted' && found
  })
  expect(stranger).toMatchObject({ state: 'down', lastError: expect.stringMatching(/fingerprint [\dA-F:]{59}$/) })
  expect((await running.status())?.issues).toContainEqual(
    expect.objectContaining({ code: 'source-down', severity: 'warning', remedy: stranger.remedy }),
  )
  const [, command = ''] = /holdfast (sources trust line-1 [\dA-F:]{59})$/.exec(stranger.remedy ?? '') ?? []
  const trusted = await holdfast(site, [...command.split(' '), '--data', site.data])
  expect(trusted).toMatchObject({ code: 0, out: expect.stringContaining('trusted from now on') })
  await until('all three sources are up', async () => (await running.status())?.sources.every((it) => it.state === 'up'), 90_000)
  expect((await sourceOf('line-1'))?.details).toMatchObject({ security: 'Basic256Sha256 SignAndEncrypt', user: 'gateway' })

  const speeds = await drive(running)
  const sent = await publish()
  await until('Modbus has been read three times', async () => ((await sourceOf('press-3'))?.readings ?? 0) >= 3)
  // Nobody polls it from here on: what is delivered can be all.
  await device.stop()
  const status = await drained(running)
  expect(status).toMatchObject({ device: 'hf-7f3a', site: 'plant-1', log: { bytesMax: 2e9 } })
  expect(status.classes.map((it) => it.name)).toEqual(['sale', 'alarm', 'process', 'debug'])
  expect(status.uplinks).toMatchObject([{ name: 'cloud', state: 'up', lagReadings: 0, parked: 0, blocked: [] }])
  expect(status.log.bytes).toBeLessThanOrEqual(status.log.bytesMax)
  const sums = sumsOf(status)
  expect(sums).toMatchObject({ stored: 0, aggregated: 0, lost: 0, accepted: sums.delivered })
  const page = await holdfast(site, ['status', '--data', site.data])
  for (const name of ['press-3', 'line-1', 'hall-broker', 'cloud', 'process']) expect(page.out).toContain(name)

  const records = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (it) => it.length >= sums.delivered)
  // What came since the status was asked for may be there already.
  expect(records.length).toBeGreaterThanOrEqual(sums.delivered)
  for (const sequences of sequencesOf(records).values()) expect(sequences).toEqual(sequences.map((_, n) => n))
  for (const it of records) expect(it.value).toMatchObject({ device: 'hf-7f3a', site: 'plant-1', class: 'process' })
  expectModbus(records.filter((it) => it.key === 'hf-7f3a/hall-1/press-3/temperature'))
  expectSpeed(
    records.filter((it) => it.key === 'hf-7f3a/hall-1/line-1/speed'),
    speeds,
  )
  const fromBroker = records.filter((it) => it.key.startsWith('hf-7f3a/hall-1/press-4/'))
  expect(fromBroker.map(({ value: { tag, ts, value_double } }) => ({ tag, ts, value_double })).toSorted(byTime)).toEqual(sent)

  const proof = await verify(site)
  expect(proof).toMatchObject({ exit: 0, ok: true, absent: [], foreign: 0 })
  expect(proof.totals).toMatchObject({ missing: 0, doubled: 0, waiting: 0, maybeDuplicate: 0 })
  expect(proof.checkpoints).toBeGreaterThan(0)
})

const byTime = (a: Record<string, unknown>, b: Record<string, unknown>) => Number(a['ts']) - Number(b['ts'])

interface Speed {
  readonly value: number
  readonly ms: number
}

/** Sets the line's speed, one step after the other has arrived; every other step is within the deadband of 0.5. */
async function drive(running: Agent): Promise<Speed[]> {
  const speeds: Speed[] = []
  const readings = async () => (await running.status())?.sources.find((it) => it.name === 'line-1')?.readings ?? 0
  for (const value of [10, 10.4, 12.5, 12.9, 8.25]) {
    const before = await readings()
    const ms = await line.write(value)
    if (value === 10.4 || value === 12.9) continue
    speeds.push({ value, ms })
    await until(`speed ${value} has arrived`, async () => (await readings()) > before)
  }
  return speeds
}

/** Yields what should come of it, in the order of time. */
async function publish(): Promise<Record<string, unknown>[]> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { username: 'plant', password: 'too' })
  const now = Date.now()
  const expected: Record<string, unknown>[] = []
  for (let n = 0; n < 20; n++) {
    const sensor = n % 2 === 0 ? 'flow' : 'Größe'
    await client.publishAsync(`plant/press-4/${sensor}`, JSON.stringify({ value: n / 8, ts: now + n }), { qos: 1 })
    expected.push({ tag: `hall-1/press-4/${sensor}`, ts: (now + n) * 1000, value_double: n / 8 })
  }
  await client.endAsync()
  return expected
}

function expectModbus(records: readonly Kept[]): void {
  const good = records.filter((it) => it.value['quality'] === 'good')
  expect(good.length).toBeGreaterThanOrEqual(3)
  for (const { value } of good)
    expect(value).toMatchObject({ unit: '°C', value_double: Math.fround(TEMPERATURE), status_code: 0 })
  const times = good.map((it) => Number(it.value['ts'])).sort((a, b) => a - b)
  expect(new Set(times).size).toBe(times.length)
}

/** The first is what stood there when the subscription began; what the deadband holds back never comes. */
function expectSpeed(records: readonly Kept[], speeds: readonly Speed[]): void {
  const seen = records.map(({ value }) => ({ value: value['value_double'], ms: Number(value['ts']) / 1000 }))
  expect(seen.toSorted((a, b) => a.ms - b.ms).slice(1)).toEqual(speeds)
  for (const { value } of records) expect(value).not.toHaveProperty('unit')
}
