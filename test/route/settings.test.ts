// Changes of the settings of a running agent: what they touch, what they do not, and what takes them back.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { AgentApi } from '../../src/core/agent-api.ts'
import type { LiveValue } from '../../src/core/operator.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { siteIn, startAgent, sumsOf } from './agent.ts'
import { until } from './until.ts'

const SECRET = 'canary-3f9d1c77'
/** Nobody listens there: what is accepted stays. */
const NOWHERE = '127.0.0.1:9'

let mosquitto: Mosquitto
let publisher: mqtt.MqttClient
let dir: string
let site: Site
let agent: Agent
let api: AgentApi

const source = (name: string, topic: string, more = '') => `
  - name: ${name}
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe: [{ topic: "${topic}/#", tag: "{$.tag}", value: v, qos: 0, class: process${more} }]`

const textOf = ({
  sources = source('hall', 'hall'),
  classes = '[{ name: process }, { name: debug }]',
  uplinks = '',
} = {}) => `# of the hall
version: 1
device: { id: hf-set }
log: { bytesMax: 64MB }
classes: ${classes}
sources:${sources || ' []'}
uplinks:
  - { name: cloud, kafka: { brokers: ["${NOWHERE}"], insecure: loopback } }${uplinks}
`

beforeAll(async () => {
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true'] })
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
})

afterAll(async () => {
  await publisher.endAsync()
  await mosquitto.remove()
})

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-settings-'))
  site = siteIn(dir, textOf())
  agent = await startAgent(site)
  api = connectAgent(site.data)
})

afterEach(async () => {
  await agent.end()
  rmSync(dir, { recursive: true, force: true })
})

const isUp = (name: string) =>
  until(`${name} is up`, async () => (await agent.status())?.sources.some((it) => it.name === name && it.state === 'up'))

async function publish(topic: string, tag: string, v: unknown): Promise<void> {
  await publisher.publishAsync(topic, JSON.stringify({ tag, v }))
}

async function apply(text: string, more: { confirmWithinMs?: number; by?: string } = {}) {
  return api.settingsApply({ text, base: (await api.settings()).revision, by: 'anna', ...more })
}

const accepted = async () => sumsOf((await agent.status()) as NonNullable<Awaited<ReturnType<Agent['status']>>>).accepted

async function liveNow(): Promise<Map<string, LiveValue>> {
  const found = new Map<string, LiveValue>()
  for await (const it of api.live({ limit: 100, everyMs: 0 }, AbortSignal.timeout(10_000))) found.set(it.tag, it)
  return found
}

test('a source comes, changes and goes; another of the same protocol misses no message of QoS 0', {
  timeout: 60_000,
}, async () => {
  await isUp('hall')
  let sent = 0
  let isOver = false
  const sending = (async () => {
    for (; !isOver; sent++) {
      await publish('hall/x', 'hall/x', sent)
      await sleep(2)
    }
  })()
  const two = textOf({ sources: source('hall', 'hall') + source('yard', 'yard') })
  expect((await api.settingsCheck(two)).restarts).toEqual(['sources[yard]'])
  await apply(two)
  await isUp('yard')
  await publish('yard/x', 'yard/x', 1)
  await until('yard is read', async () => (await liveNow()).has('yard/x'))
  await apply(textOf({ sources: source('hall', 'hall') + source('yard', 'gate') }))
  await isUp('yard')
  await publish('gate/x', 'gate/x', 1)
  await until('gate is read', async () => (await liveNow()).has('gate/x'))
  expect((await liveNow()).has('yard/x')).toBe(false)
  await apply(textOf())
  expect((await agent.status())?.sources.map((it) => it.name)).toEqual(['hall'])
  isOver = true
  await sending
  expect(sent).toBeGreaterThan(100)
  await until('all is in the log', async () => (await accepted()) === sent + 2)
  await sleep(300)
  expect(await accepted()).toBe(sent + 2)
})

test('another ladder, class and bound: the log is opened anew and has all that it had', { timeout: 60_000 }, async () => {
  await isUp('hall')
  for (let n = 0; n < 50; n++) await publish('hall/x', 'hall/x', n)
  await until('50 are in the log', async () => (await accepted()) === 50)
  const { epoch } = (await agent.status()) ?? {}
  const classes = '[{ name: alarm, floor: 1MB }, { name: process, ladder: [{ offlineFor: 1d, keep: { aggregate: 1m } }] }]'
  const next = textOf({ classes }).replace('64MB', '80MB')
  expect((await api.settingsCheck(next)).restarts).toEqual(['agent'])
  await apply(next)
  await isUp('hall')
  for (let n = 0; n < 50; n++) await publish('hall/x', 'hall/x', n)
  await until('100 are in the log', async () => (await accepted()) === 100)
  const status = await agent.status()
  expect(status?.epoch).toBe(epoch)
  expect(status?.log.bytesMax).toBe(80e6)
  expect(status?.classes.map((it) => it.name)).toContain('alarm')
})

test('what is wrong is said with its place, and nothing is changed', async () => {
  const before = readFileSync(site.settings, 'utf8')
  const wrong = textOf().replace('protocol: mqtt', 'protocol: mqqt')
  const { problems } = await api.settingsCheck(wrong)
  expect(problems).toMatchObject([{ line: 8, path: 'sources[0].protocol' }])
  await expect(apply(wrong)).rejects.toThrow('mqtt')
  await expect(api.settingsApply({ text: before, base: '0'.repeat(64), by: 'anna' })).rejects.toThrow('changed meanwhile')
  expect(readFileSync(site.settings, 'utf8')).toBe(before)
  expect(await api.settingsHistory()).toHaveLength(1)
})

test('differences are named, the history keeps each text, and any can be had again', async () => {
  const first = await api.settings()
  const next = textOf({ sources: source('hall', 'hall') + source('yard', 'yard') }).replace('64MB', '65MB')
  const { changes } = await api.settingsCheck(next)
  expect(changes.map((it) => it.path)).toEqual(['log.bytesMax', 'sources[yard]'])
  expect(changes[0]).toEqual({ path: 'log.bytesMax', old: '64MB', new: '65MB' })
  await apply(next)
  await api.settingsRevert(undefined, 'berta')
  expect((await api.settings()).text).toBe(first.text)
  expect((await api.settingsHistory()).map((it) => [it.by, it.outcome])).toEqual([
    ['berta', 'current'],
    ['anna', 'replaced'],
    ['file', 'replaced'],
  ])
  const anna = (await api.settingsHistory())[1]
  expect(await api.settingsText(anna?.revision ?? '')).toBe(next)
})

test('a change that nobody confirms is taken back, also over a kill of the agent; one that is confirmed stays', {
  timeout: 60_000,
}, async () => {
  const before = (await api.settings()).text
  const next = textOf({ sources: '' })
  const now = await apply(next, { confirmWithinMs: 6_000 })
  expect(now.pending).toMatchObject({ by: 'anna' })
  await expect(apply(textOf({ classes: '[{ name: process }]' }))).rejects.toThrow('waits for its confirmation')
  expect((await agent.status())?.issues.map((it) => it.code)).toContain('settings-pending')
  await agent.kill()
  expect(readFileSync(site.settings, 'utf8')).toBe(next)
  agent = await startAgent(site)
  await until('it is taken back', async () => (await api.settings()).text === before, 20_000)
  expect((await api.settingsHistory()).map((it) => it.outcome)).toEqual(['current', 'reverted', 'replaced'])
  await until('nothing waits', async () => (await api.settings()).pending === null, 20_000)

  await apply(next, { confirmWithinMs: 60_000 })
  await api.settingsRevert(undefined, 'berta')
  expect((await api.settingsHistory())[0]).toMatchObject({ by: 'berta', note: 'taken back', outcome: 'current' })
  expect((await api.settings()).text).toBe(before)

  const again = await apply(next, { confirmWithinMs: 2_000 })
  await api.settingsConfirm(again.revision)
  await sleep(2_500)
  expect((await api.settings()).text).toBe(next)
})

test('a change of another boot that nobody confirmed is taken back before anything runs', async () => {
  const before = (await api.settings()).text
  await apply(textOf({ sources: '' }), { confirmWithinMs: 600_000 })
  await agent.kill()
  const file = join(site.data, 'settings', 'pending.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), boot: 'another' }))
  agent = await startAgent(site)
  expect((await api.settings()).text).toBe(before)
})

test('secrets: set, used, named and never shown; one that is in use stays', async () => {
  const uses = source('hall', 'hall').replace(
    'insecure: loopback',
    'insecure: loopback, user: box, password: { secret: hall }'.replaceAll(', ', '\n    '),
  )
  const text = textOf({ sources: uses })
  expect((await api.settingsCheck(text)).problems).toMatchObject([{ text: expect.stringContaining('hall') }])
  await api.setSecret('hall', SECRET)
  await apply(text)
  await api.setSecret('spare', `${SECRET}-2`)
  expect(await api.secrets()).toEqual([
    { name: 'hall', usedBy: ['sources[0].password'], from: 'store' },
    { name: 'spare', usedBy: [], from: 'store' },
  ])
  await expect(api.removeSecret('hall')).rejects.toThrow('the settings use it')
  await api.removeSecret('spare')
  await expect(api.removeSecret('spare')).rejects.toThrow('no secret of this name')
  await expect(api.setSecret('../etc', 'x')).rejects.toThrow('must be a name')
  const shown = JSON.stringify([await api.settings(), await api.settingsHistory(), await api.secrets(), await agent.status()])
  expect(shown).not.toContain(SECRET)
  const files = readdirSync(join(site.data, 'settings')).map((it) => readFileSync(join(site.data, 'settings', it), 'utf8'))
  expect(files.join('\n')).not.toContain(SECRET)
  expect(readFileSync(agent.logFile, 'utf8')).not.toContain(SECRET)
})

test('a class that waits is full: its source can still be taken out', { timeout: 120_000 }, async () => {
  const sale = source('till', 'till').replace('qos: 0, class: process', 'qos: 1, class: sale')
  const classes = '[{ name: sale, whenFull: wait }, { name: process }]'
  const full = (sources: string) => textOf({ classes, sources }).replace('64MB', '32MB')
  await apply(full(sale + source('hall', 'hall')))
  await isUp('till')
  const isFull = async () => (await agent.status())?.issues.some((it) => it.code === 'class-waits')
  for (let n = 0; n < 6_000 && !(n % 100 === 0 && (await isFull())); n++)
    await publisher.publishAsync('till/x', JSON.stringify({ tag: 'till/x', v: randomBytes(6_000).toString('base64') }), {
      qos: 1,
    })
  await until('the class is full', isFull)
  const began = performance.now()
  await apply(full(source('hall', 'hall')))
  expect(performance.now() - began).toBeLessThan(60_000)
  expect((await agent.status())?.sources.map((it) => it.name)).toEqual(['hall'])
  await isUp('hall')
  await publish('hall/x', 'hall/x', 1)
  await until('hall is read', async () => (await liveNow()).has('hall/x'))
})

test('live: the last value of each tag, then what changes', async () => {
  await isUp('hall')
  await publish('hall/a', 'hall/a', 1.5)
  await publish('hall/b', 'hall/b', 'shut')
  await until('both are there', async () => (await liveNow()).size === 2)
  expect((await liveNow()).get('hall/b')).toMatchObject({
    source: 'hall',
    value: 'shut',
    kind: 'string',
    quality: 'good',
    class: 'process',
  })
  const stop = new AbortController()
  const seen: unknown[] = []
  const watching = (async () => {
    for await (const it of api.live({ tag: 'hall/a', limit: 10, everyMs: 100 }, stop.signal)) seen.push(it.value)
  })().catch(() => {})
  await until('the first value', () => seen.length === 1)
  await publish('hall/b', 'hall/b', 'open')
  await publish('hall/a', 'hall/a', 2.5)
  await until('the second value', () => seen.length === 2)
  stop.abort()
  await watching
  expect(seen).toEqual([1.5, 2.5])
})

test('what the log holds by day', async () => {
  await isUp('hall')
  for (let n = 0; n < 10; n++) await publish('hall/x', 'hall/x', n)
  await until('10 are in the log', async () => (await accepted()) === 10)
  const days = await api.logDays()
  expect(days.filter((it) => it.class === 'process').reduce((sum, it) => sum + it.readings, 0)).toBe(10)
})
