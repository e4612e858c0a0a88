// The application as an image has it, made and run: each protocol and each kind of uplink finds all that it is made of. A plant's readings are kept by
// those that it serves; what has nobody to talk to says so, and not that its own program ended.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { buildOf } from '../../images/build-id.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Status } from '../../src/core/status.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { plantSettings } from '../../src/plant/settings-yaml.ts'
import { acceptedFile } from '../../src/settings/accepted.ts'
import { protocols } from '../../src/sources/index.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'

const root = join(import.meta.dirname, '../..')
const PLAN = loadPlan(5, { opcuaItems: 10, opcuaPeriodMs: 500, modbusDevices: 1, modbusRegisters: 4, mqttSensors: 0 })
/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1'
const WHY = 'a test on loopback'

let dir: string
let plant: Plant
let agent: Child

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-application-'))
  for (const it of ['plant', 'data', 'files']) mkdirSync(join(dir, it))
  bundle(join(dir, 'holdfast'))
  plant = await startPlant({
    plan: PLAN,
    dir: join(dir, 'plant'),
    opcua: { port: 0 },
    modbus: { port: 0, portEach: true },
    failed: (error) => console.error(error),
  })
  writeFileSync(join(dir, 'files/a.csv'), 'time,value\n2026-11-30T10:00:00Z,1.5\n')
  writeFileSync(join(dir, 'settings.yaml'), settings())
  const words = [join(dir, 'holdfast/application/cli.js'), 'agent', '--settings', join(dir, 'settings.yaml')]
  agent = startChild(dir, 'agent', process.execPath, [...words, '--data', join(dir, 'data')], {
    HOLDFAST_SECRET_OTHER_BOX: 'of a test',
  })
}, 240_000)
afterAll(async () => {
  await agent?.end()
  await plant?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** As images/application.ts lays it; packages that are native are those of this machine. */
function bundle(folder: string): void {
  mkdirSync(folder)
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const to = ['--outDir', join(folder, 'application'), '--emptyOutDir', '--logLevel', 'warn']
  const { NODE_ENV: _, VITEST: __, ...env } = process.env
  execFileSync(process.execPath, [vite, 'build', '--config', join(root, 'images/vite.application.ts'), ...to], {
    cwd: root,
    env,
    stdio: 'pipe',
  })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'holdfast', version, build: buildOf(folder), type: 'module' }),
  )
}

/** Beside the plant, of each protocol and kind of uplink one that comes to nothing. */
function settings(): string {
  const text = plantSettings(PLAN, plant.endpoints, { device: { id: 'hf-ships', site: 'hall' }, brokers: [NOWHERE] })
  const all = parse(text) as { sources: object[]; uplinks: object[] }
  const tag = (name: string) => [{ tag: `hall/${name}`, register: 'holding:0', type: 'uint16', class: 'process' }]
  const subscribe = [{ topic: 'a/{b}', tag: 'hall/{b}', value: 'value', class: 'process' }]
  const broker = { url: `mqtt://${NOWHERE}`, insecure: WHY }
  const sources = [
    { name: 'rtu', protocol: 'modbus-rtu', path: '/dev/ttyS9', baud: 9600, unit: 1, every: '1s', tags: tag('a') },
    { name: 'rtu-over-tcp', protocol: 'modbus-rtu-over-tcp', host: '127.0.0.1', port: 1, unit: 1, every: '1s', tags: tag('b') },
    { name: 'broker', protocol: 'mqtt', ...broker, subscribe },
    { name: 'sparkplug', protocol: 'sparkplug', ...broker, groups: ['g'], class: 'process' },
    {
      name: 'files',
      protocol: 'files',
      path: join(dir, 'files'),
      format: 'csv',
      time: 'time',
      tags: [{ tag: 'hall/c', column: 'value', class: 'process' }],
    },
  ]
  const uplinks = [
    { name: 'other-box', box: { url: `https://${NOWHERE}`, password: { secret: 'other-box' } } },
    { name: 'other-broker', mqtt: broker },
  ]
  return stringify({ ...all, sources: [...all.sources, ...sources], uplinks: [...all.uplinks, ...uplinks] })
}

test('what ships reads a plant by OPC UA and Modbus, and nothing of it lacks a part', async () => {
  const names = PLAN.devices.map((it) => it.name)
  const isDecided = ({ code, readings }: { code?: string | undefined; readings: number }) => code !== undefined || readings > 0
  let seen: Status | undefined
  const now = await until(
    'each source and uplink has come to something',
    async () => {
      if (!agent.isRunning()) throw new Error(lastLines(agent.logFile, 20).join('\n'))
      const status = (seen = await connectAgent(join(dir, 'data'))
        .status()
        .catch(() => undefined))
      const served = status?.sources.filter((it) => names.includes(it.name))
      const isRead =
        served?.length === names.length &&
        served.every((it) => (it.state === 'up' && it.readings > 0) || it.code === 'protocol-crashed')
      return isRead && status?.sources.every(isDecided) ? status : undefined
    },
    90_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(seen?.sources)}`, { cause: error })
  })
  expect(now.sources.filter((it) => it.code === 'protocol-crashed')).toEqual([])
  expect(now.sources.filter((it) => names.includes(it.name)).map((it) => it.state)).toEqual(names.map(() => 'up'))
  expect(now.uplinks).toHaveLength(3)
  expect(now.uplinks.filter((it) => /ended|crash|polyfill|is not a/.test(JSON.stringify(it)))).toEqual([])
  expect(new Set(Object.keys(protocols)).size).toBe(7)
}, 120_000)

test('what is loaded only once somebody asks is there: exports by stick, models; and the next start finds its settings accepted', async () => {
  const api = connectAgent(join(dir, 'data'))
  expect(await api.exportKey()).toMatchObject({ device: 'hf-ships', key: expect.stringMatching(/^ed25519:/) })
  expect(await api.models()).toMatchObject({ models: [] })
  const { size, mode } = statSync(acceptedFile(join(dir, 'data')))
  expect([size > 0, mode & 0o777]).toEqual([true, 0o600])
})
