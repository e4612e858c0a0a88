// A disk that came into other hardware, as root leaves it there, with a real agent: nobody's, and from its history of settings the box that it was.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { holdfast, siteIn, startAgent, sumsOf } from './agent.ts'
import { until } from './until.ts'

/** Nobody listens there: what is accepted stays. */
const NOWHERE = '127.0.0.1:9'
const NOBODYS = `# What a box begins with.
version: 1
device: { site: unnamed }
log: { bytesMax: 64MB }
classes:
  - { name: process }
sources: []
uplinks: []
`
/** Its name is the one that was drawn for it. */
const owners = () => `# Of the hall.
version: 1
device: { site: hall } # by the gate
log: { bytesMax: 64MB }
classes: [{ name: alarm }, { name: bulk }]
sources:
  - name: hall
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe: [{ topic: "hall/#", tag: "{$.tag}", value: v, class: alarm }]
uplinks:
  - name: cloud
    kafka:
      brokers: ["${NOWHERE}"]
      insecure: loopback
      sasl: { mechanism: plain, user: box, password: { secret: cloud } }
`

let mosquitto: Mosquitto
let publisher: mqtt.MqttClient
let dir: string
let site: Site
let agent: Agent
let api: AgentApi

beforeAll(async () => {
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true'] })
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
})
afterAll(async () => {
  await publisher.endAsync()
  await mosquitto.remove()
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-moved-'))
  site = siteIn(dir, owners())
  mkdirSync(site.data)
  identify('hf-one')
  writeFileSync(join(site.data, 'secrets.json'), '{"cloud":"of the owner"}', { mode: 0o600 })
  await start()
})
afterEach(async () => {
  await agent.end()
  rmSync(dir, { recursive: true, force: true })
})

const identify = (id: string) => writeFileSync(join(site.data, 'identity.json'), `{"id":"${id}"}\n`)
const aside = (name = '') => join(site.data, 'before', name)

async function start(): Promise<void> {
  agent = await startAgent(site)
  api = connectAgent(site.data)
}

/** As `tell-hardware`, `prepare-state` and `first-boot` leave the agent's folder. */
async function move(id: string): Promise<void> {
  await agent.end()
  if (!existsSync(aside())) {
    mkdirSync(aside())
    renameSync(site.settings, aside('settings.yaml'))
    renameSync(join(site.data, 'identity.json'), aside('identity.json'))
  }
  writeFileSync(site.settings, NOBODYS)
  identify(id)
  await start()
}

const moved = async () => (await api.status()).issues.find((it) => it.code === 'other-hardware')
const ofOne = async () => (await api.settingsHistory()).find((it) => it.note === 'of hf-one, in other hardware')?.revision ?? ''

/** How many are kept, then. */
async function readSome(before = 0): Promise<number> {
  await until('the source is up', async () => (await api.status()).sources[0]?.state === 'up')
  for (let n = 0; n < 20; n++) await publisher.publishAsync('hall/x', JSON.stringify({ tag: `t${n}`, v: n }))
  return until('they are kept', async () => {
    const { stored } = sumsOf(await api.status())
    return stored === before + 20 && stored
  })
}

test("it is nobody's and says whose it was; from there people go back to that, asked whether they mean it: nothing is missing", {
  timeout: 120_000,
}, async () => {
  const kept = await readSome()
  await move('hf-two')
  expect(await api.status()).toMatchObject({ device: 'hf-two', sources: [], uplinks: [] })
  const revision = await ofOne()
  expect(await moved()).toMatchObject({
    of: 'hf-one',
    text: 'this disk was hf-one in other hardware',
    remedy: expect.stringContaining(`settings revert ${revision.slice(0, 12)}`),
  })
  // What is in force stands behind it.
  expect((await api.settingsHistory()).map((it) => [it.by, it.outcome])).toEqual([
    ['file', 'current'],
    ['holdfast', 'replaced'],
    ['file', 'replaced'],
  ])
  // Comments stay where they were.
  const text = await api.settingsText(revision)
  expect(text).toContain('# Of the hall.')
  expect(text).toMatch(/^device: \{ site: hall, id: hf-one \} # by the gate$/m)

  // Not by asking for what was before, and not without the question.
  const { code, err } = await holdfast(site, ['settings', 'revert', '--data', site.data])
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(/another box of it, hf-one/) })
  expect((await api.settingsCheck(text)).warnings[0]).toMatch(/^replace hf-one\? /)
  const { out } = await holdfast(site, ['settings', 'revert', revision.slice(0, 12), '--data', site.data])
  expect(out.replaceAll(/\s+/g, ' ')).toContain('mind: replace hf-one?')
  const status = await until('it is the box that it was', async () => {
    const now = await api.status().catch(() => undefined)
    return now?.device === 'hf-one' && now
  })
  expect(sumsOf(status)).toMatchObject({ stored: kept, lost: 0 })
  await until('the issue is gone', async () => (await moved()) === undefined)
  await until('what lay beside is gone', () => !existsSync(aside()))
  expect(await api.secrets()).toMatchObject([{ name: 'cloud', from: 'store' }])
  expect(readFileSync(site.settings, 'utf8')).toBe(text)
  expect(await readSome(kept)).toBe(kept + 20)
})

test('the issue goes when somebody sets the box up as another, and comes back with what was taken back', {
  timeout: 120_000,
}, async () => {
  await move('hf-two')
  expect(await moved()).toBeDefined()
  const apply = async (confirmWithinMs?: number) => {
    const { revision: base } = await api.settings()
    return api.settingsApply({ text: owners(), base, by: 'anna', ...(confirmWithinMs !== undefined && { confirmWithinMs }) })
  }
  await apply(60_000)
  await until('it is set up', async () => (await api.status().catch(() => undefined))?.sources.length === 1)
  await until('the issue is gone', async () => (await moved()) === undefined)
  await api.settingsRevert(undefined, 'anna')
  await until('the issue is there again', async () => moved().catch(() => undefined))
  expect(existsSync(aside('settings.yaml'))).toBe(true)
  await apply()
  await until('what lay beside is gone', () => !existsSync(aside()))
  // In the history it stays.
  expect(await ofOne()).not.toBe('')
  expect((await api.status()).device).toBe('hf-two')
})

test('moved twice and started again, it enters what ran once, and behind it what is in force', { timeout: 120_000 }, async () => {
  await move('hf-two')
  const revision = await ofOne()
  await agent.end()
  await start()
  await move('hf-three')
  expect(await ofOne()).toBe(revision)
  expect((await api.settingsHistory()).filter((it) => it.revision === revision)).toHaveLength(1)
  expect((await moved())?.of).toBe('hf-one')
  // Somebody goes on as a third box; then its disk is moved, and what it begins with there ran here already.
  await api.settingsApply({ text: owners(), base: (await api.settings()).revision, by: 'anna' })
  await until('what lay beside is gone', () => !existsSync(aside()))
  await move('hf-four')
  expect((await moved())?.of).toBe('hf-three')
  expect((await api.settingsHistory()).slice(0, 2).map((it) => [it.note, it.outcome])).toEqual([
    [undefined, 'current'],
    ['of hf-three, in other hardware', 'replaced'],
  ])
})

test('what is no settings, or no name, is told all the same, and nothing keeps the agent from starting', {
  timeout: 120_000,
}, async () => {
  await agent.end()
  writeFileSync(site.settings, 'version: 1\n\tdevice: [')
  mkdirSync(aside())
  renameSync(site.settings, aside('settings.yaml'))
  writeFileSync(aside('identity.json'), 'nothing')
  writeFileSync(site.settings, NOBODYS)
  await start()
  expect((await moved())?.text).toBe('this disk was another box in other hardware')
})
