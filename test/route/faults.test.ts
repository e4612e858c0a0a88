// An agent with faults at every edge, then killed again and again. What does not work is told with reason and remedy, what works goes on,
// and in Kafka each reading stands once.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { addressesAsData, answerFrame, exceptionFrame, serve } from '../sources/modbus/help.ts'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { drained, holdfast, siteIn, startAgent, sumsOf, verify } from './agent.ts'
import type { Line } from './line.ts'
import { startLine } from './line.ts'
import type { Kept } from './topic.ts'
import { countsOf, readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const PORT = 27_300
const KILLS = 5
const KAFKA_KILL_AT = 2
const RATE = 2_000
const BEAT_MS = 20
const LIFE_MS = [1_500, 4_000] as const
const STOP_MS_MAX = 5_000
const ILLEGAL_ADDRESS = 500
const BROKEN = 7
const READINGS = [TOPICS.telemetry, TOPICS.gaps]
const WRONG_FILES = ['unknown-keys', 'secret-in-the-clear', 'deep', 'not-a-map', 'bad-yaml', 'tag-twice']

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let line: Line
let device: Awaited<ReturnType<typeof serve>>
let site: Site
let agent: Agent
let publisher: mqtt.MqttClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-faults-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 3)
  const certificates = makeCertificates(join(dir, 'certificates'))
  const secure = await freePort()
  mosquitto = await startMosquitto({
    lines: [
      'allow_anonymous false',
      'password_file DIR/users',
      'max_queued_messages 0',
      'max_inflight_messages 500',
      `listener ${secure} 127.0.0.1`,
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
    ],
    files: { 'ca.pem': certificates.ca, 'server.pem': certificates.server.cert, 'server.key': certificates.server.key },
    prepare: (folder) => {
      execFileSync('mosquitto_passwd', ['-c', '-b', join(folder, 'users'), 'gateway', 'right'])
      execFileSync('mosquitto_passwd', ['-b', join(folder, 'users'), 'plant', 'too'])
    },
  })
  device = await serve((asked) => {
    const isIllegal = asked.from <= ILLEGAL_ADDRESS && ILLEGAL_ADDRESS < asked.from + asked.count
    return isIllegal ? exceptionFrame(asked, 2) : answerFrame(asked, addressesAsData(asked))
  })
  line = await startLine({ port: await freePort(), dir: join(dir, 'line') })
  site = siteIn(dir, settingsText({ secure, absent: await freePort(), ca: certificates.ca }), {
    HOLDFAST_SECRET_RIGHT: 'right',
    HOLDFAST_SECRET_WRONG: 'wrong',
  })
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { username: 'plant', password: 'too' })
  agent = await startAgent(site)
})
afterAll(async () => {
  publisher?.end(true)
  await agent?.end()
  await line?.stop()
  await device?.stop()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

function settingsText({ secure, absent, ca }: { secure: number; absent: number; ca: string }): string {
  const broker = `protocol: mqtt, user: gateway, insecure: loopback`
  const nothing = (name: string) => `[{ topic: "${name}/x", tag: ${name}, class: process }]`
  return `version: 1
device: { id: hf-faults }
classes: [{ name: process }, { name: slow, commitEvery: 60s }]
sources:
  - { name: press, protocol: modbus-tcp, host: 127.0.0.1, port: ${device.port}, every: 250ms, maxGap: 0, tags: [
      { tag: press/good, register: "holding:10", type: uint16, class: process },
      { tag: press/illegal, register: "holding:${ILLEGAL_ADDRESS}", type: uint16, class: process }] }
  - { name: absent, protocol: modbus-tcp, host: 127.0.0.1, port: ${absent}, every: 1s, tags: [
      { tag: absent, register: "holding:1", type: uint16, class: process }] }
  - { name: line, protocol: opcua, endpoint: "opc.tcp://127.0.0.1:${line.port}", security: { policy: None, mode: None, insecure: loopback },
      tags: [{ tag: line/speed, node: "nsu=urn:acme:line;s=Speed", sampling: 100ms, class: process }] }
  - { name: no-line, protocol: opcua, endpoint: "opc.tcp://127.0.0.1:${absent}", security: { policy: None, mode: None, insecure: loopback },
      tags: [{ tag: no-line/speed, node: "nsu=urn:acme:line;s=Speed", class: process }] }
  - { name: hall, ${broker}, url: "mqtt://127.0.0.1:${mosquitto.port}", password: { secret: right }, subscribe: [
      { topic: "count/{n}", tag: "count/{n}", value: v, class: process },
      { topic: "list/{n}", tag: "list/{$.name}", items: all, class: process },
      { topic: "slow/{n}", tag: "slow/{n}", items: all, class: slow }] }
  - { name: locked, ${broker}, url: "mqtt://127.0.0.1:${mosquitto.port}", password: { secret: wrong }, subscribe: ${nothing('locked')} }
  - { name: liar, ${broker}, url: "mqtts://127.0.0.1:${secure}", password: { secret: right }, subscribe: ${nothing('liar')},
      tls: { ca: ${JSON.stringify(ca)} } }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback } }
`
}

async function sourceOf(name: string) {
  return (await agent.status())?.sources.find((it) => it.name === name)
}

/** Nothing but what each stream numbers from 0, each number once, but for those that a gap record names. */
function expectEachOnce(records: readonly Kept[]): void {
  const gaps = records.filter((it) => it.topic === TOPICS.gaps).map((it) => it.value)
  for (const [stream, sequences] of sequencesOf(records)) {
    const [, epoch, name, form] = stream.split(':')
    const mine = form === 'raw' ? gaps.filter((it) => it['epoch'] === epoch && it['class'] === name) : []
    const named = mine.flatMap(({ seq_from, seq_to }) => {
      const from = Number(seq_from)
      return Array.from({ length: Number(seq_to) - from + 1 }, (_, n) => from + n)
    })
    const all = [...sequences, ...named].sort((a, b) => a - b)
    expect(
      all.findIndex((it, n) => it !== n),
      `${stream}: the first number that is missing or there twice`,
    ).toBe(-1)
  }
}

test('what is wrong at an edge is told; the others deliver', { timeout: 180_000 }, async () => {
  await until('press, line and hall are up', async () => {
    const states = await Promise.all(['press', 'line', 'hall'].map(sourceOf))
    return states.every((it) => it?.state === 'up' && (it.name === 'hall' || it.readings > 0))
  })
  for (const speed of [1, 2, 3]) {
    await line.write(speed)
    await sleep(300)
  }
  for (let n = 0; n < BROKEN; n++) {
    await publisher.publishAsync('list/a', n % 2 === 0 ? '{"all": [' : '\u0000\u0001', { qos: 1 })
    await publisher.publishAsync('count/broken', 'not JSON', { qos: 1 })
  }
  await publisher.publishAsync('list/a', '{"all":[{"name":"x","value":1},{"value":2},{"name":"y","value":3}]}', { qos: 1 })
  const refusedCount = BROKEN + 1

  const expected = {
    absent: ['down', /^refused$/],
    'no-line': ['down', /^(refused|timeout|opcua-error|unreachable)$/],
    locked: ['down', /^(bad-credentials|not-authorised)$/],
    liar: ['down', /^(certificate|tls)-/],
  } as const
  for (const [name, [state, code]] of Object.entries(expected)) {
    const found = await until(`${name} is ${state}`, async () => {
      const it = await sourceOf(name)
      return it?.state === state && it
    })
    expect(found).toMatchObject({ code: expect.stringMatching(code), lastError: expect.any(String), remedy: expect.any(String) })
  }
  const issues = (await agent.status())?.issues.filter((it) => it.code === 'source-down') ?? []
  for (const name of Object.keys(expected)) expect(issues.some((it) => it.text.includes(`Source ${name} `))).toBe(true)

  await until('the refusals are counted', async () => {
    const status = await agent.status()
    return status?.classes[0]?.lost['unreadable'] === refusedCount
  })
  const named = (records: readonly Kept[]) =>
    records
      .filter((it) => it.topic === TOPICS.gaps && it.value['reason'] === 'unreadable')
      .reduce((sum, it) => sum + Number(it.value['count']), 0)
  const records = await readTopics(kafka.bootstrap, READINGS, (it) => named(it) >= refusedCount)
  expect(named(records)).toBe(refusedCount)
  for (const it of records.filter(({ topic }) => topic === TOPICS.gaps))
    expect(it.value).toMatchObject({ action: 'refused', class: 'process', exact: true })
  const of = (tag: string) => records.filter((it) => it.value['tag'] === tag).map((it) => it.value)
  expect(of('list/x')).toMatchObject([{ value_double: 1 }])
  expect(of('list/y')).toMatchObject([{ value_double: 3 }])
  expect(of('count/broken')).toHaveLength(BROKEN)
  for (const it of of('count/broken')) expect(it).toMatchObject({ quality: 'bad', value_double: null })
  expect(of('press/good').length).toBeGreaterThan(0)
  for (const it of of('press/good')) expect(it).toMatchObject({ quality: 'good', value_long: 10 })
  expect(of('press/illegal').length).toBeGreaterThan(0)
  for (const it of of('press/illegal')) expect(it).toMatchObject({ quality: 'bad', value_long: null, status_code: 2 })
  expect(of('line/speed').map((it) => it['value_double'])).toEqual(expect.arrayContaining([1, 2, 3]))
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0 } })
})

test('wrong files are refused by check and leave the agent as it is', { timeout: 60_000 }, async () => {
  const before = (await sourceOf('press'))?.readings ?? 0
  const cases = join(import.meta.dirname, '../settings/cases')
  const answers = await Promise.all(
    WRONG_FILES.map((name) => holdfast(site, ['check', join(cases, `${name}.input`), '--data', site.data])),
  )
  for (const { code, out, err } of answers) {
    expect(code).toBe(2)
    expect(`${out}${err}`).toMatch(/\.input:\d+/)
  }
  await until('the agent reads on', async () => ((await sourceOf('press'))?.readings ?? 0) > before)
  expect(agent.isRunning()).toBe(true)
})

test('kill -9 of the agent and of Kafka at any moment: each message is there, each number once', {
  timeout: 300_000,
}, async () => {
  await until('hall is up', async () => (await sourceOf('hall'))?.state === 'up')
  const stop = new AbortController()
  const counting = count(stop.signal)
  const lives = Array.from({ length: KILLS }, () => Math.round(LIFE_MS[0] + Math.random() * (LIFE_MS[1] - LIFE_MS[0])))
  console.log(`lives of ${lives.join(', ')} ms`)
  let broker: Promise<void> | undefined
  for (const [at, life] of lives.entries()) {
    await sleep(life)
    if (at === KAFKA_KILL_AT) broker = kafka.kill().then(() => kafka.start())
    await agent.kill()
    agent = await startAgent(site)
  }
  await broker
  stop.abort()
  const published = await counting
  await until('all has come', async () => ((await sourceOf('hall'))?.details?.['unacknowledged'] ?? 1) === 0, 90_000)
  const seen = (records: readonly Kept[]) => countsOf(records, 'count/n').size >= published
  const records = await readTopics(kafka.bootstrap, READINGS, seen)
  const counts = countsOf(records, 'count/n')
  expect(counts.size).toBe(published)
  // What was stored and not acknowledged when the agent died came again: a second reading with a number of its own.
  const again = [...counts.values()].reduce((sum, it) => sum + it - 1, 0)
  console.log(`${published} messages, ${again} of them delivered by the broker again`)
  for (const [stream, list] of sequencesOf(records))
    expect(new Set(list).size, `${stream} holds a number twice`).toBe(list.length)
  const status = (await agent.status()) as NonNullable<Awaited<ReturnType<Agent['status']>>>
  const sums = sumsOf(status)
  expect(sums.accepted).toBe(sums.delivered + sums.stored + sums.aggregated + sums.lost)
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, maybeDuplicate: 0 } })
})

/** Publishes 0, 1, 2 … at RATE a second; yields how many the broker has taken. */
async function count(signal: AbortSignal): Promise<number> {
  const start = performance.now()
  const sent: Promise<unknown>[] = []
  while (!signal.aborted) {
    const due = ((performance.now() - start) * RATE) / 1000
    while (sent.length < due) sent.push(publisher.publishAsync('count/n', `{"v":${sent.length}}`, { qos: 1 }))
    await sleep(BEAT_MS)
  }
  await Promise.all(sent)
  return sent.length
}

test('SIGTERM ends it within 5 s, and what waited for its commit is on disk', { timeout: 180_000 }, async () => {
  await until('hall is up', async () => (await sourceOf('hall'))?.state === 'up')
  await kafka.kill()
  const before = (await sourceOf('hall'))?.readings ?? 0
  // QoS 0: nobody will send it again. The class commits once a minute.
  const all = Array.from({ length: 100 }, (_, value) => ({ value }))
  await publisher.publishAsync('slow/n', JSON.stringify({ all }), { qos: 0 })
  await until('the agent has them', async () => ((await sourceOf('hall'))?.readings ?? 0) === before + 100)
  const began = performance.now()
  await agent.end()
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX)
  expect(await agent.ended).toBe(0)
  await kafka.start()
  await device.stop()
  agent = await startAgent(site)
  await drained(agent)
  const records = await readTopics(kafka.bootstrap, READINGS, (it) => countsOf(it, 'slow/n').size >= 100)
  const counts = countsOf(records, 'slow/n')
  expect([...counts.values()].every((it) => it === 1)).toBe(true)
  expect(counts.size).toBe(100)
  expectEachOnce(records)
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, waiting: 0 } })
})
