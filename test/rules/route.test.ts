// The whole way: lines of a file, the real agent with rules, Kafka. What the rules say stands there once, over a kill -9, and their windows are those of
// Kafka Streams over the same records, late ones too.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Agent } from '../route/agent.ts'
import { drained, siteIn, startAgent, verify } from '../route/agent.ts'
import type { Kept } from '../route/topic.ts'
import { readTopics } from '../route/topic.ts'
import { until } from '../route/until.ts'
import { createDice } from '../faults/dice.ts'

const LENGTH_MS = 400
const GRACE_MS = 150
const READINGS = 600
const T0 = Date.parse('2026-03-01T10:00:00Z')
const MS_MAX = 400_000

let dir: string
let broker: Broker
let agent: Agent | undefined
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-rules-'))
  mkdirSync(join(dir, 'in'))
  broker = await startBroker({ portFrom: 25_940 })
  await createTopics(broker.bootstrap, 1)
}, MS_MAX)
afterAll(async () => {
  await agent?.end()
  await broker?.down()
  rmSync(dir, { recursive: true, force: true })
})

const settings = () => `version: 1
device: { id: hf-rules }
log: { bytesMax: 32MB }
classes: [{ name: alarm, commitEvery: 20ms }, { name: process }]
sources:
  - { name: lines, protocol: files, path: "${dir}/in", every: 100ms, settled: 200ms, whenDone: move, format: csv, time: time,
      tags: [{ tag: press/temperature, column: value, class: process }] }
rules:
  - { name: tumbling, reads: { classes: [process] }, window: { tumbling: ${LENGTH_MS}ms, grace: ${GRACE_MS}ms }, when: "window.count > 0.0", yields: { class: alarm } }
  - { name: sliding, reads: { tags: "press/*" }, window: { sliding: ${LENGTH_MS}ms, grace: ${GRACE_MS}ms }, when: "true", yields: { class: alarm } }
  - { name: session, reads: { tags: [press/temperature] }, window: { session: ${LENGTH_MS}ms, grace: ${GRACE_MS}ms }, when: "true", yields: { class: alarm } }
  - { name: hot, reads: { classes: [process] }, when: "value > 990.0", yields: { class: alarm, on: rise } }
uplinks:
  - { name: cloud, kafka: { brokers: ["${broker.bootstrap}"], insecure: loopback } }
`

interface Line {
  readonly time: number
  readonly value: number
}

/** Now and then late, now and then very late, now and then after a silence; the last one closes all. */
function lines(): Line[] {
  const dice = createDice(7)
  let now = 0
  const all = Array.from({ length: READINGS }, (_, n) => {
    now += dice.once(25) ? 900 + dice.below(600) : dice.below(120)
    const late = dice.once(6) ? dice.below(dice.once(3) ? 1_500 : 200) : 0
    return { time: Math.max(0, now - late), value: n + dice.below(100) / 100 }
  })
  return [...all, { time: now + 100_000, value: 0 }]
}

function bring(name: string, all: readonly Line[]): void {
  const rows = all.map((it) => `${new Date(T0 + it.time).toISOString()},${it.value}\n`)
  writeFileSync(join(dir, name), `time,value\n${rows.join('')}`)
  renameSync(join(dir, name), join(dir, 'in', name))
}

interface Told {
  readonly rule: string
  readonly time: number
  readonly value: number
  readonly window: { start: number; end: number; count: number; mean: number; min: number; max: number }
}

const toldIn = (all: readonly Kept[]) =>
  all.flatMap(({ value }) =>
    String(value['tag']).startsWith('rules/') ? [JSON.parse(String(value['value_string'])) as Told] : [],
  )

const textOf = ({ rule, window: { start, end, count, min, max } }: Told) =>
  `${rule} ${start / 1000} ${end / 1000} ${count} ${min} ${max}`

/**
 * Times of readings that came when the sliding window that ends with them had closed, but not yet those of later readings. Ours have them; Streams only those
 * that it had begun by then: such a reading begins no window of its own there, and is forgotten.
 */
const straysOf = (times: readonly number[]) => times.filter((it, n) => n > 0 && it <= Math.max(...times.slice(0, n)) - GRACE_MS)

/** Lines of the Streams app until all of `wanted` are there. */
async function windowsOfStreams(wanted: ReadonlySet<string>): Promise<Map<string, number>> {
  const script = join(import.meta.dirname, '../consumers/consumers.sh')
  const args = ['windows', broker.bootstrap, 'windows', TOPICS.telemetry, 'press/temperature', `${LENGTH_MS}`, `${GRACE_MS}`]
  const child = spawn('bash', [script, ...args, join(dir, 'state')], { stdio: ['pipe', 'pipe', 'pipe'] })
  let problem = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (problem = `${problem}${text}`.slice(-2_000)))
  const means = new Map<string, number>()
  const left = new Set(wanted)
  const timer = setTimeout(() => child.kill('SIGKILL'), MS_MAX - 60_000)
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [kind, start, end, count, sum, min, max] = line.split(' ')
    const text = [kind, start, end, count, Number(min), Number(max)].join(' ')
    means.set(text, Number(sum) / Number(count))
    left.delete(text)
    if (left.size === 0) child.stdin.end('.')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (code !== 0)
    throw new Error(
      `exit ${code}; ${means.size} windows, ${left.size} of ours are not among them: ${[...left].slice(0, 3).join(' | ')} ${problem}`,
    )
  return means
}

test('readings, rules, events, Kafka: once each over a kill, and the windows of Kafka Streams', {
  timeout: 2 * MS_MAX,
}, async () => {
  const site = siteIn(dir, settings())
  const started = (agent = await startAgent(site))
  await until('uplink and rules are up', async () => {
    const status = await started.status()
    return status?.uplinks[0]?.state === 'up' && status.rules?.lagReadings === 0
  })
  const all = lines()
  const half = READINGS / 2
  bring('first.csv', all.slice(0, half))
  await until('some of it is in the log', async () => ((await started.status())?.classes[0]?.accepted ?? 0) > 50)
  await started.kill()
  const again = (agent = await startAgent(site))
  // The rest comes behind it in Kafka too.
  await drained(again, MS_MAX)
  bring('second.csv', all.slice(half))
  await until(
    'the rules are through',
    async () => {
      const status = await again.status()
      return status && status.rules?.lagReadings === 0 && (status.classes[1]?.accepted ?? 0) === all.length
    },
    MS_MAX,
  )
  const { rules } = await drained(again, MS_MAX)
  expect(rules).toMatchObject({ missed: 0, lastError: null })
  const records = await readTopics(broker.bootstrap, [TOPICS.telemetry], (found) => found.length >= all.length)
  const told = toldIn(records)
  const texts = told.map((it) => (it.window ? textOf(it) : `hot ${it.time}`))
  expect(new Set(texts).size).toBe(texts.length)
  const readings = records.filter((it) => it.value['tag'] === 'press/temperature').map((it) => it.value)
  // They stand in Kafka as they came: else its windows would be of another order.
  expect(readings.map((it) => it['value_double'])).toEqual(all.map((it) => it.value))
  const rises = readings.filter((it, n) => Number(it['value_double']) > 990 && !(Number(readings[n - 1]?.['value_double']) > 990))
  expect(told.filter((it) => it.rule === 'hot').map((it) => it.time)).toEqual(rises.map((it) => it['ts']))
  const windows = told.filter((it) => it.window)
  for (const kind of ['tumbling', 'sliding', 'session'])
    expect(windows.filter((it) => it.rule === kind).length).toBeGreaterThan(12)
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0 } })

  const times = readings.map((it) => Number(it['ts']) / 1000)
  const strays = straysOf(times)
  const isSame = (kind: string, start: number, end: number) =>
    kind !== 'sliding' || !strays.some((it) => start <= it && it <= end)
  const same = windows.filter(({ rule, window }) => isSame(rule, window.start / 1000, window.end / 1000))
  expect(same.length).toBeGreaterThan(windows.length * 0.8)
  // Of each kind, windows are held against Streams in which readings count that came behind later ones.
  const behind = times.filter((it, n) => n > 0 && it < Math.max(...times.slice(0, n)))
  const withLate = same.filter(({ window }) => behind.some((it) => it >= window.start / 1000 && it < window.end / 1000))
  for (const kind of ['tumbling', 'sliding', 'session'])
    expect(withLate.filter((it) => it.rule === kind).length).toBeGreaterThan(5)
  // The last reading closes all others' windows and stays in an open one.
  const isLate = (it: number, n: number) =>
    Math.floor(it / LENGTH_MS) * LENGTH_MS + LENGTH_MS + GRACE_MS <= Math.max(...times.slice(0, n + 1))
  const counted = windows.filter((it) => it.rule === 'tumbling').reduce((sum, it) => sum + it.window.count, 0)
  expect(times.filter(isLate).length).toBeGreaterThan(5)
  expect(counted).toBe(times.length - 1 - times.filter(isLate).length)
  const ours = new Set(same.map(textOf))
  const streams = await windowsOfStreams(ours)
  for (const it of same) expect(streams.get(textOf(it))).toBeCloseTo(it.window.mean, 9)
  // Streams has sliding windows that end between two readings as well. Of the others it has none that we lack.
  const theirs = [...streams.keys()].filter((text) => {
    const [kind = '', start, end] = text.split(' ')
    return isSame(kind, Number(start), Number(end)) && (kind !== 'sliding' || times.includes(Number(end)))
  })
  expect(theirs.filter((it) => !ours.has(it))).toEqual([])
  const { late = 0 } = rules?.rules.find((it) => it.name === 'tumbling') ?? {}
  expect(late).toBeGreaterThan(0)
})
