// `rules test` on the real agent: the events that the running rules have put into the log, found again by the command, in a shell and over the socket.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Agent, Site } from '../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'

const T0 = Date.parse('2026-03-01T10:00:00Z')
const READINGS = 900
const RANGE = ['--from', '2026-03-01', '--to', '2026-03-02'] as const
const NAMES = ['high', 'minute', 'odd'] as const

let dir: string
let site: Site
let agent: Agent | undefined
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-tried-'))
  mkdirSync(join(dir, 'in'))
  const settings = `version: 1
device: { id: hf-tried }
log: { bytesMax: 32MB }
classes: [{ name: alarm, commitEvery: 20ms }, { name: process }]
sources:
  - { name: lines, protocol: files, path: "${dir}/in", every: 100ms, settled: 200ms, whenDone: move, format: csv, time: time,
      tags: [{ tag: press/temperature, column: a, class: process, unit: "°C" }, { tag: press/pressure, column: b, class: process }] }
rules:
  - { name: high, reads: { tags: "press/*" }, when: "value > 90.0", yields: { class: alarm, on: rise } }
  - { name: minute, reads: { classes: [process] }, window: { tumbling: 1m, grace: 5s }, when: "window.max > 97.0", yields: { class: alarm } }
  - { name: odd, reads: { tags: press/temperature }, window: { sliding: 5m }, when: "abs(window.robustZ) > 1.3", yields: { class: alarm } }
`
  site = siteIn(dir, settings)
  const started = (agent = await startAgent(site))
  await until('the rules have begun', async () => (await started.status())?.rules?.lagReadings === 0)
  const rows = Array.from({ length: READINGS }, (_, n) => {
    const at = new Date(T0 + n * 7_000 - (n % 13 === 0 ? 60_000 : 0)).toISOString()
    return `${at},${(n * 37) % 101},${(n * n) % 103}\n`
  })
  writeFileSync(join(dir, 'all.csv'), `time,a,b\n${rows.join('')}`)
  renameSync(join(dir, 'all.csv'), join(dir, 'in', 'all.csv'))
  await until('the rules are through', async () => {
    const status = await started.status()
    return status?.rules?.lagReadings === 0 && (status.classes[1]?.accepted ?? 0) === READINGS * 2
  })
}, 120_000)
afterAll(async () => {
  await agent?.end()
  rmSync(dir, { recursive: true, force: true })
})

interface Told {
  readonly found: readonly { readonly time: number; readonly event: unknown }[]
}

/** What the running rule has said. */
async function said(name: string): Promise<string[]> {
  const found: string[] = []
  const request = { tag: `rules/${name}`, from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10_000 }
  for await (const it of connectAgent(site.data).query(request, new AbortController().signal))
    found.push(`${it.time} ${String(it.value)}`)
  return found.toSorted()
}

test.each(NAMES)('%s: the events of the running rule, in --json', { timeout: 60_000 }, async (name) => {
  const ran = await holdfast(site, ['rules', 'test', name, ...RANGE, '--events', '10000', '--json', '--data', site.data])
  expect(ran, ran.err).toMatchObject({ code: 0 })
  const { found, ...sums } = JSON.parse(ran.out) as Told
  const expected = await said(name)
  expect(expected.length).toBeGreaterThan(20)
  expect(found.map((it) => `${it.time} ${JSON.stringify(it.event)}`).toSorted()).toEqual(expected)
  const status = (await agent?.status())?.rules?.rules.find((it) => it.name === name)
  expect(sums).toMatchObject({ events: expected.length, late: status?.late, readings: name === 'odd' ? READINGS : READINGS * 2 })
})

test('a rule that is not in the settings, and one that cannot be', { timeout: 60_000 }, async () => {
  const api = connectAgent(site.data)
  const tried = async (text: string) => {
    const steps = []
    const range = { from: (T0 - 60_000) * 1000, to: (T0 + 86_400_000) * 1000, limit: 3 }
    for await (const it of api.testRule({ text, ...range }, new AbortController().signal)) steps.push(it)
    return steps.at(-1)
  }
  const rule = (when: string) => `- { name: new, reads: { tags: press/pressure }, when: "${when}", yields: { class: alarm } }`
  expect(await tried(rule('value >= 0.0'))).toMatchObject({ rule: 'new', events: READINGS, isLast: true })
  await expect(tried(rule('pressure > 1.0'))).rejects.toMatchObject({
    name: 'BadInput',
    message: expect.stringMatching(/^rule:1:\d+ \[0\]\.when: rule "new": .*pressure at character 1; known: tag/),
  })
  await expect(
    api.testRule({ from: 0, to: 1, limit: 1 }, new AbortController().signal)[Symbol.asyncIterator]().next(),
  ).rejects.toThrow(/must have one of name and text/)
})
