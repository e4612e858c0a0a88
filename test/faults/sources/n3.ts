// N3: an agent that reads from a broker at QoS 1 is killed again and again while messages come, and a storm of retained messages greets it each
// time. What the broker was told to be acknowledged is in the log; what is there twice says so; per tag the order is the publisher's.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Agent, Site } from '../../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../../route/agent.ts'
import { until } from '../../route/until.ts'
import type { Mosquitto } from '../../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../../sources/mqtt/mosquitto.ts'
import type { Dice } from '../dice.ts'

const KILLS_A_ROUND = 5
const MESSAGES = 6_000
const TOPICS = 4
const RETAINED = 300
/** It is killed in the midst of them: after so many at least, and before so many are left. */
const BEFORE_KILL_MIN = 1_000
const BACK_MS_MAX = 120_000
const AGAIN = 1
const KEPT = 2

interface Row {
  readonly tag: string
  readonly value: number
  readonly status: number
}

interface Rig {
  readonly site: Site
  readonly broker: Mosquitto
  readonly client: MqttClient
  agent: Agent
}

function settingsText(port: number, version: string): string {
  return `version: 1
device: { id: hf-n3 }
log: { bytesMax: 200MB }
classes: [{ name: process, commitEvery: 100ms }]
sources:
  - { name: hall, protocol: mqtt, url: "mqtt://127.0.0.1:${port}", insecure: loopback, version: ${version}, subscribe: [
      { topic: "n3/{case}/{n}", tag: "n3/{case}/{n}", value: v, class: process } ] }
`
}

async function openRig({ dir, dice }: Round): Promise<Rig> {
  const version = dice.oneOf(['"3.1.1"', '5'])
  const window = dice.oneOf([20, 200, 2_000])
  const broker = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 0', `max_inflight_messages ${window}`],
  })
  const site = siteIn(dir, settingsText(broker.port, version))
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { clientId: 'plant' })
  for (let n = 0; n < RETAINED; n++) client.publish(`n3/kept/${n}`, `{"v":${n}}`, { qos: 1, retain: true })
  const agent = await startAgent(site)
  const rig = { site, broker, client, agent }
  await isUp(rig)
  return rig
}

async function closeRig({ agent, broker, client }: Rig): Promise<void> {
  await agent.end()
  client.end(true)
  await broker.remove()
}

const isUp = ({ agent }: Rig) =>
  until('the source is up', async () => (await agent.status())?.sources.some((it) => it.state === 'up'), BACK_MS_MAX)

/** Messages come while it is killed and started again; some come while nobody is there. */
async function messagesAndKill(rig: Rig, n: number, dice: Dice): Promise<void> {
  const sent: Promise<unknown>[] = []
  const killAt = BEFORE_KILL_MIN + dice.below(MESSAGES - 2 * BEFORE_KILL_MIN)
  let killed: Promise<void> | undefined
  for (let m = 0; m < MESSAGES; m++) {
    sent.push(rig.client.publishAsync(`n3/${n}/${m % TOPICS}`, `{"v":${m}}`, { qos: 1 }))
    if (m % 50 === 0) await sleep(dice.below(15))
    if (m === killAt) killed = rig.agent.kill()
  }
  await killed
  await Promise.all(sent)
  rig.agent = await startAgent(rig.site)
  await rig.client.publishAsync(`n3/${n}/end`, '{"v":0}', { qos: 1 })
}

async function rowsOf({ site }: Rig, pattern: string): Promise<Row[]> {
  const { code, out, err } = await holdfast(site, ['query', pattern, '--from', '-1h', '--format', 'ndjson', '--data', site.data])
  if (code !== 0) throw new Error(`query: ${err}`)
  return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]))
}

/** Yields how many messages the broker had to send again, and how many are there twice by it. */
function check(rows: readonly Row[], n: number): { marked: number; doubled: number } {
  let doubled = 0
  for (let topic = 0; topic < TOPICS; topic++) {
    const mine = rows.filter((it) => it.tag === `n3/${n}/${topic}`)
    const byValue = Map.groupBy(mine, (it) => it.value)
    for (let m = topic; m < MESSAGES; m += TOPICS) {
      const found = byValue.get(m) ?? []
      if (found.length === 0) throw new Error(`${m} of topic ${topic} was published and is not there`)
      const unmarked = found.filter((it) => (it.status & AGAIN) === 0).length
      if (unmarked > 1) throw new Error(`${m} of topic ${topic} is there ${unmarked} times without a mark`)
      doubled += found.length - 1
    }
    const firsts = [...byValue.keys()]
    if (firsts.some((value, at) => at > 0 && value < (firsts[at - 1] as number)))
      throw new Error(`topic ${topic} is out of order`)
    if (firsts.length !== MESSAGES / TOPICS) throw new Error(`topic ${topic} has values that nobody published`)
  }
  return { doubled, marked: rows.filter((it) => (it.status & AGAIN) !== 0).length }
}

async function oneKill(rig: Rig, n: number, dice: Dice): Promise<void> {
  await messagesAndKill(rig, n, dice)
  // The session of the broker is one queue: behind this there is nothing more of the case.
  await until('the last message is in the log', async () => (await rowsOf(rig, `n3/${n}/end`)).length > 0, BACK_MS_MAX, 500)
  const { marked, doubled } = check(await rowsOf(rig, `n3/${n}/*`), n)
  if (process.env['VERBOSE']) console.log(`N3 kill ${n}: ${marked} came again, ${doubled} of them are there twice`)
  if (marked === 0) throw new Error('nothing was under way when it was killed')
}

async function checkKept(rig: Rig): Promise<void> {
  const rows = await rowsOf(rig, 'n3/kept/*')
  const values = new Set(rows.map((it) => it.tag))
  if (values.size !== RETAINED) throw new Error(`${values.size} of ${RETAINED} retained messages`)
  if (rows.some((it) => (it.status & KEPT) === 0)) throw new Error('a retained message is not marked')
}

export const n3: Campaign = {
  id: 'N3',
  what: 'MQTT at QoS 1: redelivery after kill -9, retained storms',
  short: 20,
  long: 500,
  async run(round) {
    const { dice, isOver, case: one } = round
    const rig = await openRig({ ...round, dir: join(round.dir) })
    try {
      for (let n = 0; n < KILLS_A_ROUND && !isOver(); n++) await one(`kill ${n}`, () => oneKill(rig, n, dice))
      await checkKept(rig)
    } finally {
      await closeRig(rig)
    }
  },
}
