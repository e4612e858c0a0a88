// A box whose clock begins in 1970 at each start and that reaches no time server: a plant by OPC UA that signs and encrypts, Kafka by TLS, log-in and a
// bundle from a stick all work; and the time that a person gave it outlasts the start.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import type { Authority } from '../access/authority.ts'
import { authority } from '../access/authority.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker } from '../kafka/broker.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { brokerOf, flows, forTheBox, statusNow, verified } from './far-end.ts'
import { OURS, readPlant } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const NEXT = '99.9.0-development'
const PLANT = loadPlan(13, { opcuaItems: 40, opcuaPeriodMs: 500, modbusDevices: 0, mqttSensors: 0 })
const [SOURCE = ''] = PLANT.devices.map((it) => it.name)
const KAFKA_PORT = 28_950
const USER = { name: 'gateway', password: 'a word of the plant' }
const DAY_MS = 86_400_000
/** When the image was made: what a box without a clock begins with. */
const IMAGE_MS = statSync(join(import.meta.dirname, `../../.cache/images/${board}/root/usr/lib/clock-epoch`)).mtimeMs
/** Certificates are from the day before: a box that nobody tells the time can know them to hold. */
const CERTIFIED_MS = IMAGE_MS - DAY_MS
const FROM = { fromDays: (CERTIFIED_MS - Date.now()) / DAY_MS, days: 3650 }
const NO_CLOCK = ['-rtc', 'base=1970-01-01T00:00:00']

let dir: string
let ours: Authority
let kafka: Broker
let plant: Plant
let box: Box
let id: string

/** The box's listener wants to know who comes. */
const wantsToKnow = (port: number) => ({
  ...forTheBox(port, 'SSL'),
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': join(dir, 'kafka.pem'),
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': join(dir, 'ca.pem'),
  'listener.name.box.ssl.client.auth': 'required',
})

async function startKafka(): Promise<Broker> {
  const { cert, key } = await ours.issue({ name: 'kafka', names: [{ type: 'ip', value: OURS.uplink }], ...FROM })
  writeFileSync(join(dir, 'kafka.pem'), key + cert + ours.cert)
  writeFileSync(join(dir, 'ca.pem'), ours.cert)
  const broker = await startBroker({ portFrom: KAFKA_PORT, properties: wantsToKnow })
  await createTopics(broker.bootstrap, 3)
  return broker
}

const PLANT_CERTIFICATE = 'pki/server/own/certs/certificate.pem'

/** The one that the plant finds when it starts. */
async function certifyPlant(): Promise<void> {
  const manager = new OPCUACertificateManager({ rootFolder: join(dir, 'pki/server'), disableFileWatchers: true })
  await manager.initialize()
  await manager.createSelfSignedCertificate({
    applicationUri: 'urn:holdfast:plant:server',
    subject: '/CN=Plant',
    dns: [],
    ip: [OURS.plant],
    startDate: new Date(CERTIFIED_MS),
    validity: 3650,
    outputFile: join(dir, PLANT_CERTIFICATE),
  })
  await manager.dispose()
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-clock-'))
  ours = await authority('Authority of a test', FROM)
  kafka = await startKafka()
  await certifyPlant()
  plant = await startPlant({
    plan: PLANT,
    dir,
    opcua: { port: 0, users: { [USER.name]: USER.password } },
    failed: (error) => console.error(error),
  })
  box = newBox(board, { [NEXT]: {} }, { plantReachesUs: true, qemu: NO_CLOCK })
  const [, found = ''] = await box.up()
  id = found
  await box.claim()
}, 3 * BOOT_MS_MAX)
afterAll(async () => {
  await box?.remove()
  await plant?.stop()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

/** The system's own, by which certificates are judged: as the page dates its answers. */
async function boxMs(): Promise<number> {
  const { headers } = await box.anna().ask('/')
  return Date.parse(headers.date ?? '')
}

const source = async () => (await statusNow(box))?.sources.find((it) => it.name === SOURCE)

test('nobody has told it the time: its clock begins when its version was made', async () => {
  const now = await boxMs()
  expect(now).toBeGreaterThanOrEqual(IMAGE_MS)
  expect(now - IMAGE_MS).toBeLessThan(2 * BOOT_MS_MAX + TRIAL_MS_MAX)
  const { clock } = await until('the agent answers', () => statusNow(box), BOOT_MS_MAX, 2_000)
  expect(clock).toMatchObject({ synchronised: false, trusted: false, source: null })
})

test('what a plant gives that signs and encrypts comes to Kafka by TLS, each end knowing the other', {
  timeout: 4 * BOOT_MS_MAX + TRIAL_MS_MAX,
}, async () => {
  const mine = await ours.issue({ name: id, usage: 'client', ...FROM })
  await box.ask('secrets set', { name: 'plant', text: USER.password })
  await box.ask('secrets set', { name: 'cloud', text: mine.key })
  await readPlant(box, id, PLANT, plant, [brokerOf(kafka)], {
    opcuaUser: USER.name,
    kafka: { tls: { ca: ours.cert, cert: mine.cert, key: { secret: 'cloud' } } },
  })
  await until('the certificate waits', async () => (await source())?.code === 'certificate-untrusted', BOOT_MS_MAX, 2_000)
  const { fingerprint } = new X509Certificate(readFileSync(join(dir, PLANT_CERTIFICATE)))
  expect(await box.anna().call('sources trust', { name: SOURCE, fingerprint })).toMatchObject({ status: 200 })
  const delivered = await flows(box, 1_000)
  box.took(`${delivered} readings came through`)
  expect((await source())?.details).toMatchObject({ security: 'Basic256Sha256 SignAndEncrypt', user: USER.name })
  await verified(kafka, id)
})

test('a bundle comes from the stick and stays, everything flows on, and the time that a person gave is not lost', {
  timeout: 6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  const givenMs = Date.now()
  await box.ask('clock set', { ms: givenMs })
  expect(Math.abs((await boxMs()) - Date.now())).toBeLessThan(60_000)
  await box.installFromStick(NEXT)
  const [, , version] = await box.up()
  expect(version).toBe(NEXT)
  await box.logIn()
  expect(await boxMs()).toBeGreaterThanOrEqual(givenMs - 1_000)
  const now = await box.sees('the trial is over', (it) => it.job === null)
  expect(now).toMatchObject({ version: NEXT, last: { outcome: 'good', version: NEXT } })
  const delivered = await flows(box, 500)
  box.took(`the next version is good, ${delivered} readings came through`)
  await verified(kafka, id)
})
