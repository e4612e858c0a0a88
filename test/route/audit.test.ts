// What was done on the box stands in a real Kafka, each event once: over kill -9 of the panel and of the agent at any moment, with events of the time
// when no agent ran, and without a secret.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Access } from '../../src/access/index.ts'
import { openAccess } from '../../src/access/index.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { browser } from '../web/panel.ts'
import type { Agent, Site } from './agent.ts'
import { siteIn, startAgent, verify } from './agent.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const CANARY = 'canary-5d2e-secret'
const PASSWORD = 'four words by chance'
/** After so long from the first of its events: from before they are handed over to after they are sent. */
const KILLS_AFTER_MS = [250, 700, 1_300, 2_200]
let broker: Broker
let dir: string
let site: Site
let access: Access
let panel: Child
let agent: Agent | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-audit-'))
  broker = await startBroker({ portFrom: 25_460 })
  await createTopics(broker.bootstrap, 1)
  site = siteIn(
    dir,
    `version: 1
device: { id: hf-audit }
log: { bytesMax: 64MB }
classes: [{ name: process }]
sources: []
uplinks:
  - { name: cloud, kafka: { brokers: ["${broker.bootstrap}"], insecure: loopback } }
`,
  )
  access = await openAccess(site.data)
  await startPanel()
}, 300_000)

afterAll(async () => {
  await panel?.end()
  await agent?.end()
  access?.close()
  await broker?.down()
  rmSync(dir, { recursive: true, force: true })
})

const said = join('run', 'panel.json')

async function startPanel(): Promise<void> {
  rmSync(join(site.data, said), { force: true })
  panel = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', site.data, '--listen', '127.0.0.1:0'])
  await until('the panel is up', () => existsSync(join(site.data, said)), 120_000)
}

const url = () => (JSON.parse(readFileSync(join(site.data, said), 'utf8')) as { url: string }).url

/** As the console does, from another process. */
function happen(count: number, what: string): void {
  for (let at = 0; at < count; at++) access.audit({ what, by: 'console', address: 'console', detail: { at: String(at) } })
}

test('once each, whatever is killed', { timeout: 600_000 }, async () => {
  // Nobody forwards yet.
  const anna = browser(url())
  expect((await anna.claim(access.claimCode() ?? '')).status).toBe(200)
  for (const user of ['anna', CANARY])
    expect((await browser(url()).call('login', { name: user, password: CANARY })).status).toBe(401)
  agent = await startAgent(site)
  for (const [kill, afterMs] of KILLS_AFTER_MS.entries()) {
    happen(30, `before kill ${kill}`)
    await sleep(afterMs)
    await (kill % 2 === 0 ? panel : (agent as Agent)).kill()
    happen(30, `after kill ${kill}`)
    if (kill % 2 === 0) await startPanel()
    else agent = await startAgent(site)
  }
  expect((await browser(url()).logIn('anna', PASSWORD)).status).toBe(200)
  const { events } = access.auditFrom(0, 10_000)
  const records = await readTopics(
    broker.bootstrap,
    [TOPICS.events],
    (all) => all.filter((it) => it.value['type'] === 'audit').length >= events.length,
  )
  const audit = records.filter((it) => it.value['type'] === 'audit')
  const list = access.eventsId()
  expect(audit.map((it) => it.id).toSorted()).toEqual(events.map((it) => `hf-audit:${list}::event:${it.position - 1}`).toSorted())
  for (const { value } of audit) {
    const event = events[(value['seq'] as number) - (events[0]?.position ?? 1) + 1]
    expect(value).toMatchObject({ device: 'hf-audit', ts: event?.at, what: event?.what, by: event?.by, detail: event?.detail })
  }
  const whats = audit.map((it) => it.value['what'])
  expect(whats.filter((it) => it === 'log-in-failed')).toHaveLength(2)
  expect(whats).toEqual(expect.arrayContaining(['claim', 'log-in']))
  const text = JSON.stringify(records)
  for (const secret of [CANARY, PASSWORD, anna.csrf ?? '', ...anna.cookies.values()]) expect(text).not.toContain(secret)
  await until(
    'verify has what it works from',
    async () => {
      const report = await verify(site)
      const stream = report.streams.find((it) => it.stream.form === 'event')
      expect(report).toMatchObject({ ok: true, exit: 0 })
      expect(stream).toMatchObject({ doubled: 0, missing: 0, maybeDuplicate: 0 })
      return stream?.proven === events.length && stream.waiting === 0
    },
    120_000,
    2_000,
  )
})
