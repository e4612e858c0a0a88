// What keeps a version and what does not, on a real agent between a simulated plant and a Kafka: well, a source that the new version cannot read
// though it answers, PLCs that nobody can reach, PLCs that were off before.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { TOPICS } from '../kafka/broker.ts'
import type { Model } from '../kafka-model/server.ts'
import { startModel } from '../kafka-model/server.ts'
import { until } from '../route/until.ts'
import { runHere } from '../commands/surroundings.ts'
import type { Box } from './box.ts'
import { box, canUpdate } from './box.ts'
import type { Bundle, Vendor } from './signing.ts'
import { vendor } from './signing.ts'

const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

/** An agent whose connections to the PLC come to nothing. */
const broken = (port: number) => `import net from 'node:net'
const connect = net.Socket.prototype.connect
net.Socket.prototype.connect = function (...args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (Number(first?.port ?? first) !== ${port}) return connect.apply(this, args)
  process.nextTick(() => this.destroy(new Error('this version cannot')))
  return this
}
`

describe.skipIf(!can)('a version stays only when the data path is well', { timeout: 300_000 }, () => {
  let made: Vendor
  let it: Box
  let plant: Plant
  let model: Model
  let dir: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hf-health-'))
    made = vendor()
    const plan = loadPlan(2, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 4, mqttSensors: 0 })
    mkdirSync(join(dir, 'plant'))
    plant = await startPlant({ plan, dir: join(dir, 'plant'), modbus: { port: 0 }, failed: () => undefined })
    model = await startModel({ topics: Object.fromEntries(Object.values(TOPICS).map((name) => [name, 1])) })
    const port = Object.values(plant.endpoints.modbusPorts ?? {})[0] as number
    writeFileSync(join(dir, 'broken.mjs'), broken(port))
    const tag = '{ tag: hall-1/press-3/t0, register: "holding:0", type: uint16, class: process }'
    const source = `{ name: press-3, protocol: modbus-tcp, host: 127.0.0.1, port: ${port}, unit: 1, every: 200ms, tags: [${tag}] }`
    const kafka = (name: string, at: number) => `{ name: ${name}, kafka: { brokers: ["127.0.0.1:${at}"], insecure: "a test" } }`
    const settings = `version: 1\nclasses: [{ name: process }]\nsources: [${source}]\nuplinks: [${kafka('cloud', model.port)}, ${kafka('away', 1)}]\n`
    it = await box({
      ca: made.ca,
      settings: `${settings}delivery: { process: any-uplink }\n`,
      sickness: { 'cannot-read': `--import=${join(dir, 'broken.mjs')}` },
    })
    await working()
  }, 240_000)
  afterAll(async () => {
    await it?.close()
    await plant?.stop()
    await model?.close()
    made?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const status = () =>
    connectAgent(it.data)
      .status()
      .catch(() => undefined)
  const working = () =>
    until('readings come and go', async () => {
      const now = await status()
      return now?.sources[0]?.state === 'up' && (now.uplinks[0]?.readings ?? 0) > 0
    })
  const install = (bundle: Bundle) =>
    runHere(`update install ${made.bundle(bundle)} --data ${it.data}`, { connectUpdater: async () => it.updater })
  const over = (version: string) =>
    it.sees(`${version} is over`, (now) => now.job === null && now.last?.version === version, 120_000)

  test('well: log, source and uplink as before; what was down before is no fault of it', async () => {
    await install({ version: '2.0.0' })
    const { last, checks } = await over('2.0.0')
    expect(last).toMatchObject({ outcome: 'good', text: expect.stringContaining('uplink away: took nothing before either') })
    expect(checks.map(({ what, state }) => [what, state])).toEqual([
      ['log', 'well'],
      ['source press-3', 'well'],
      ['uplink cloud', 'well'],
      ['uplink away', 'excused'],
    ])
  })

  test('a version that cannot read a PLC which answers falls back, and says which one', async () => {
    await working()
    await install({ version: '3.0.0', sick: 'cannot-read' })
    const { last, version } = await over('3.0.0')
    expect(last).toMatchObject({ outcome: 'fell-back', text: expect.stringMatching(/^not well in its time: source press-3: /) })
    expect(version).toBe('2.0.0')
    await working()
  })

  test('a PLC that goes away meanwhile, and then one that was off before: it stays, and says so', async () => {
    await working()
    const installing = install({ version: '4.0.0' })
    // Begun while it gives readings, gone before the new version is judged.
    await it.sees('what was well before is noted', (now) => now.job?.phase === 'install' || now.job?.phase === 'reboot')
    await plant.stop()
    await installing
    const away = await over('4.0.0')
    expect(away.last).toMatchObject({
      outcome: 'good',
      text: expect.stringMatching(/source press-3: 127\.0\.0\.1:\d+ does not answer us either/),
    })
    await install({ version: '5.0.0' })
    const off = await over('5.0.0')
    expect(off.last).toMatchObject({
      outcome: 'good',
      text: expect.stringContaining('source press-3: gave nothing before either'),
    })
  })
})
