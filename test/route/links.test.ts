// The real agent in a network namespace with two links to a real Kafka: what goes by which, and whether the budget's counter is right.
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UplinkView } from '../../src/core/links.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker } from '../kafka/broker.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { addressesAsData, answerFrame, serve } from '../sources/modbus/help.ts'
import type { Site } from './agent.ts'
import { agentArgs, siteIn, sumsOf, verify } from './agent.ts'
import type { TwoLinks } from './two-links.ts'
import { canHaveLinks, twoLinks } from './two-links.ts'
import { until } from './until.ts'

const PORT = 29_600 + (process.pid % 20) * 10
const BUDGET_BYTES = 20_000_000
/** What neighbours ask each other when a cable is plugged: no data. */
const NEIGHBOURS_BYTES_MAX = 8_000
const canRun = canHaveLinks()

let dir: string
let links: TwoLinks
let kafka: Broker
let plant: Awaited<ReturnType<typeof serve>>
let door: net.Server
let agent: Child | undefined

beforeAll(async () => {
  if (!canRun) return
  dir = mkdtempSync(join(tmpdir(), 'hf-links-'))
  links = twoLinks()
  kafka = await startBroker({
    portFrom: PORT,
    properties: {
      listeners: `PLAIN://0.0.0.0:${PORT},CONTROL://127.0.0.1:${PORT + 1}`,
      'advertised.listeners': `PLAIN://${links.kafkaAddress}:${PORT}`,
    },
  })
  expect(kafka.bootstrap).toBe(`127.0.0.1:${PORT}`)
  await createTopics(`${links.kafkaAddress}:${PORT}`, 2)
  plant = await serve((asked) => answerFrame(asked, addressesAsData(asked)))
  door = net.createServer((socket) => {
    const inner = net.connect(plant.port, '127.0.0.1')
    socket.pipe(inner).pipe(socket)
    for (const it of [socket, inner]) it.on('error', () => {})
  })
  await new Promise<void>((resolve) => door.listen(0, links.plantAddress, resolve))
}, 180_000)

afterAll(async () => {
  if (!canRun) return
  await agent?.end()
  door?.close()
  await plant?.stop()
  await kafka?.down()
  links?.close()
  rmSync(dir, { recursive: true, force: true })
}, 60_000)

function settings(): string {
  const { port } = door.address() as net.AddressInfo
  const tags = Array.from({ length: 40 }, (_, n) => `{ tag: t/${n}, register: "holding:${n}", type: uint16, class: process }`)
  return `version: 1
device: { id: hf-links }
classes: [{ name: alarm, commitEvery: 100ms }, { name: process }]
sources:
  - name: only
    protocol: modbus-tcp
    host: ${links.plantAddress}
    port: ${port}
    unit: 1
    every: 500ms
    tags: [${tags.join(', ')}, { tag: alarm, register: "holding:50", type: uint16, class: alarm }]
uplinks:
  - name: cloud
    kafka: { brokers: ["${links.kafkaAddress}:${PORT}"], insecure: test bench }
    links:
      - { interface: la, classes: all }
      - { interface: lb, classes: [alarm], budget: { bytes: 20MB, per: month } }
`
}

test.skipIf(!canRun)(
  'nothing leaves by a link that does not admit it, and the counter agrees with the far end',
  { timeout: 300_000 },
  async () => {
    const site: Site = siteIn(dir, settings())
    agent = startChild(dir, 'agent', 'ip', ['netns', 'exec', links.namespace, process.execPath, cli, ...agentArgs(site)])
    const api = connectAgent(site.data)
    const view = async (): Promise<UplinkView | undefined> => (await api.uplinks().catch(() => undefined))?.[0]
    const delivered = async (name: string) => (await api.status()).classes.find((it) => it.name === name)?.delivered ?? 0
    const by = async (link: string) => {
      const now = await view()
      if (!agent?.isRunning()) throw new Error(lastLines(join(dir, 'agent.log'), 5).join('\n'))
      return now?.link === link && now.state === 'up' && now
    }

    // Both are up: everything goes by the first, and the second is silent.
    const atFirst = await until('all goes by la', () => by('la'), 60_000)
    const countedFirst = atFirst.links[1]?.budget?.countedBytes ?? 0
    const before = { la: links.counted('la'), lb: links.counted('lb') }
    const first = await delivered('process')
    await until('it is sent', async () => (await delivered('process')) > first + 400, 60_000)
    expect(links.counted('la') - before.la).toBeGreaterThan(10_000)
    expect(links.counted('lb') - before.lb).toBeLessThan(NEIGHBOURS_BYTES_MAX)

    // The first is unplugged: alarms go by the second, and nothing else does.
    links.set('la', 'down')
    await until('alarms go by lb', () => by('lb'), 60_000)
    const [alarms, others] = [await delivered('alarm'), await delivered('process')]
    const start = links.counted('lb')
    await until('alarms are sent', async () => (await delivered('alarm')) > alarms + 30, 60_000)
    const now = (await view()) as UplinkView
    const far = links.counted('lb')
    expect(await delivered('process')).toBe(others)
    expect(now.classes.find((it) => it.name === 'process')).toMatchObject({ sent: false, code: 'link' })
    expect(now.links[0]).toMatchObject({ interface: 'la', up: false })
    expect(far - start).toBeGreaterThan(10_000)
    const budget = now.links[1]?.budget
    console.log(`lb: the far end counted ${far}, the box ${budget?.countedBytes}, spent ${budget?.spentBytes}`)
    // Since both were asked first: what the far end had counted before the agent began is none of the agent's.
    const counted = (budget?.countedBytes ?? 0) - countedFirst
    expect(Math.abs(counted / (far - before.lb) - 1)).toBeLessThan(0.02)
    expect(budget?.spentBytes).toBeGreaterThanOrEqual(counted)
    expect(budget?.spentBytes).toBeLessThan(BUDGET_BYTES)

    // It is back: a new connection, and what has waited goes out.
    links.set('la', 'up')
    await until('all goes by la again', () => by('la'), 60_000)
    const lb = links.counted('lb')
    await until('what has waited is sent', async () => (await delivered('process')) > others + 400, 60_000)
    expect(links.counted('lb') - lb).toBeLessThan(NEIGHBOURS_BYTES_MAX)

    await plant.stop()
    await until('all is delivered', async () => sumsOf(await api.status()).stored === 0, 60_000)
    await agent.end()
    const { exit, totals } = await verify({ ...site, settings: onlyKafka(site) })
    expect({ exit, ...totals }).toMatchObject({ exit: 0, missing: 0, doubled: 0, waiting: 0 })
  },
)

/** `verify` runs here, where the agent's links are not. */
function onlyKafka(site: Site): string {
  return siteIn(dir, settings().replace(/ {4}links:[\s\S]*$/, '')).settings || site.settings
}
