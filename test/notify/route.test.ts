// The whole way: lines of a file, the real agent with a rule, receivers on site. Each event is told at least once, over kills and while nobody listens.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Notification } from '../../src/core/notify.ts'
import type { Agent, Site } from '../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Receiver } from './receiver.ts'
import { startReceiver } from './receiver.ts'

const T0 = Date.parse('2026-03-01T10:00:00Z')
const TOKEN = 'three-words-for-the-shift'

let dir: string
let receiver: Receiver
let site: Site
let agent: Agent | undefined
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-notify-'))
  mkdirSync(join(dir, 'in'))
  receiver = await startReceiver()
  site = siteIn(dir, settings(), { HOLDFAST_SECRET_SHIFT: TOKEN })
})
afterAll(async () => {
  await agent?.end()
  await receiver.close()
  rmSync(dir, { recursive: true, force: true })
})

const settings = () => `version: 1
device: { id: hf-notify, site: hall }
log: { bytesMax: 32MB }
classes: [{ name: alarm, commitEvery: 20ms }, { name: process }]
sources:
  - { name: lines, protocol: files, path: "${dir}/in", every: 100ms, settled: 200ms, whenDone: move, format: csv, time: time,
      tags: [{ tag: press/temperature, column: value, class: process }] }
rules:
  - { name: hot, reads: { classes: [process] }, when: "value > 80.0", yields: { class: alarm } }
notify:
  - { name: all, on: { rules: [hot] }, webhook: { url: "http://127.0.0.1:${receiver.port}/all", token: { secret: shift }, insecure: a test }, limit: { perHour: 3600 } }
  - { name: few, on: { classes: [alarm] }, webhook: { url: "http://127.0.0.1:${receiver.port}/few", insecure: a test }, limit: { perHour: 3 } }
`

let next = 0
/** Each has a value of its own, above the rule's threshold. */
function bring(count: number): number[] {
  const values = Array.from({ length: count }, () => 1_000 + next++)
  const rows = values.map((value) => `${new Date(T0 + value * 1000).toISOString()},${value}\n`)
  const name = `${next}.csv`
  writeFileSync(join(dir, name), `time,value\n${rows.join('')}`)
  renameSync(join(dir, name), join(dir, 'in', name))
  return values
}

const valueOf = ({ event }: Notification) => Number(event?.said?.['value'])
const toldTo = (path: string) => receiver.at(path).filter((it) => it.kind === 'event')

async function begun(): Promise<Agent> {
  const started = (agent = await startAgent(site))
  await until('the notifiers have begun', async () => {
    const status = await started.status()
    return status?.notify?.every((it) => it.state !== 'starting') && status.sources[0]?.state === 'up'
  })
  return started
}

test('events are told, with the token; what is beyond a limit is counted; kills and a receiver that is away lose none', async () => {
  const first = await begun()
  const expected = bring(5)
  await until('five are told', () => toldTo('/all').length >= 5)
  expect(toldTo('/all').map(valueOf)).toEqual(expected)
  expect(receiver.got.find((it) => it.path === '/all')?.headers.authorization).toBe(`Bearer ${TOKEN}`)
  const few = await until('the rest is held back', async () =>
    (await first.status())?.notify?.find((it) => it.name === 'few' && it.heldBack === 2),
  )
  expect(few).toMatchObject({ state: 'up', sent: 3, kind: 'webhook' })
  expect(toldTo('/few').map(valueOf)).toEqual(expected.slice(0, 3))

  // Killed while the receiver has the message and has not answered: it is told again, under the same id.
  receiver.answer(0)
  expected.push(...bring(1))
  await until('the receiver has it', () => toldTo('/all').length >= 6)
  await first.kill()
  receiver.answer(204)
  const second = await begun()
  await until('it is told again', () => toldTo('/all').length >= 7)
  expect(new Set(toldTo('/all').map((it) => it.id)).size).toBe(6)

  receiver.answer(503)
  expected.push(...bring(20))
  const issue = await until(
    'an issue shows',
    async () => (await second.status())?.issues.find((it) => it.code === 'notify-failing'),
    30_000,
  )
  expect(issue.text).toContain('Notifier all cannot tell anybody: 127.0.0.1:')
  await second.kill()
  receiver.got.length = 0
  receiver.answer(204)
  const third = await begun()
  // What the killed agent had just written may still come: told twice, under one id.
  const once = () => [...new Map(toldTo('/all').map((it) => [it.id, it])).values()]
  await until('all are told', () => once().length >= 20)
  const again = once()
  expect(again.map(valueOf)).toEqual(expected.slice(6))
  expect(toldTo('/few')).toEqual([])
  const status = await until('it is well', async () => {
    const found = await third.status()
    return found?.notify?.every((it) => it.state === 'up' && it.missed === 0) ? found : undefined
  })
  expect(status.notify?.map((it) => it.sent)).toEqual([26, 3])
  expect(status.issues.map((it) => it.code).filter((it) => it.startsWith('notif'))).toEqual([
    'notifier-insecure',
    'notifier-insecure',
  ])
})

test('a notifier that is sent elsewhere goes on behind what it told; one that is gone is told of no more', async () => {
  const text = settings().replace('/all', '/elsewhere')
  writeFileSync(join(dir, 'next.yaml'), text)
  const apply = async () => holdfast(site, ['settings', 'apply', join(dir, 'next.yaml'), '--data', site.data])
  expect(await apply()).toMatchObject({ code: 0 })
  const [value] = bring(1)
  await until('it is told there', () => toldTo('/elsewhere').length > 0)
  expect(toldTo('/elsewhere').map(valueOf)).toEqual([value])
  writeFileSync(join(dir, 'next.yaml'), settings().replace(/^ {2}- \{ name: few.*\n/m, ''))
  expect(await apply()).toMatchObject({ code: 0 })
  const status = await until('one is left', async () => {
    const found = await agent?.status()
    return found?.notify?.length === 1 && found.notify[0]?.state === 'up' ? found : undefined
  })
  expect(status.notify).toMatchObject([{ name: 'all', sent: 27, missed: 0 }])
})

test('a test says step by step what holds, and sends a message that says what it is', async () => {
  const { code, out } = await holdfast(site, ['notify', 'test', 'all', '--data', site.data, '--json'])
  expect(JSON.parse(out)).toMatchObject({ ok: true, steps: [{ step: 'DNS' }, { step: 'TCP' }, { step: 'POST' }] })
  expect(code).toBe(0)
  expect(receiver.at('/all').at(-1)).toMatchObject({ kind: 'test', title: 'hall hf-notify: test message' })
  const wrong = await holdfast(site, ['notify', 'test', 'nobody', '--data', site.data])
  expect(wrong.code).not.toBe(0)
  expect(wrong.err).toContain('there is no notifier of this name')
})
