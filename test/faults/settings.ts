// E1: the settings are changed again and again while readings come and go, with kills in between and changes that nobody confirms. After each the
// file is the text before or after, never something else; in the end every message is in Kafka, and every number once.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import type { Agent, Site } from '../route/agent.ts'
import { drained, siteIn, startAgent, verify } from '../route/agent.ts'
import { readTopics } from '../route/topic.ts'
import { until } from '../route/until.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Dice } from './dice.ts'

const PORT = 27_500
const CHANGES = 8
const EVERY_MS = 4
const KILLED_AFTER_MS_MAX = 1_500
const UNCONFIRMED_MS = 1_000
const REVERTED_MS_MAX = 30_000

interface Plan {
  readonly hasYard: boolean
  readonly hasSpare: boolean
  readonly hasLadder: boolean
  readonly hasClass: boolean
  readonly isLarge: boolean
  readonly isLively: boolean
  readonly isKept: boolean
}

const FIRST: Plan = {
  hasYard: true,
  hasSpare: false,
  hasLadder: false,
  hasClass: false,
  isLarge: false,
  isLively: false,
  isKept: false,
}

function textOf(plan: Plan, device: string, mqttPort: number, bootstrap: string): string {
  const source = (name: string, more = '') =>
    `  - { name: ${name}, protocol: mqtt, url: "mqtt://127.0.0.1:${mqttPort}", insecure: loopback, clientId: ${device}-${name}, subscribe: [
      { topic: "${device}/${name}/#", tag: "{$.tag}", value: v, qos: 1, class: process }${more}] }`
  const ladder = plan.hasLadder ? ', ladder: [{ offlineFor: 30d, keep: { aggregate: 10s } }]' : ''
  const spare = plan.hasSpare ? `, { topic: "${device}/spare/#", tag: "{$.tag}", value: v, class: process }` : ''
  return `version: 1
device: { id: ${device} }
log: { bytesMax: ${plan.isLarge ? '80MB' : '64MB'}, keepDelivered: ${plan.isKept ? '1h' : '0s'} }
classes: [{ name: process${ladder} }${plan.hasClass ? ', { name: extra }' : ''}]
sources:
${source('hall', spare)}
${plan.hasYard ? source('yard') : ''}
uplinks:
  - { name: cloud, kafka: { brokers: ["${bootstrap}"], insecure: loopback }, lanes: { liveShare: ${plan.isLively ? '50%' : '30%'} } }
`
}

function changed(plan: Plan, dice: Dice): Plan {
  const key = dice.oneOf(Object.keys(plan) as (keyof Plan)[])
  return { ...plan, [key]: !plan[key] }
}

interface Ground {
  readonly kafka: Broker
  readonly mosquitto: Mosquitto
  readonly publisher: mqtt.MqttClient
}

let ground: Ground | undefined

async function opened(): Promise<Ground> {
  if (ground) return ground
  const kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 2)
  const mosquitto = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 1000'],
  })
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  ground = { kafka, mosquitto, publisher }
  return ground
}

/** Counts up on both topics until it is stopped; resolves with how many of each. */
function publishing(publisher: mqtt.MqttClient, device: string) {
  let isOver = false
  let sent = 0
  const ended = (async () => {
    for (; !isOver; sent++) {
      await Promise.all(
        ['hall', 'yard'].map((it) =>
          publisher.publishAsync(`${device}/${it}/n`, JSON.stringify({ tag: `${it}/n`, v: sent }), { qos: 1 }),
        ),
      )
      await sleep(EVERY_MS)
    }
    return sent
  })()
  return () => {
    isOver = true
    return ended
  }
}

/** Everything that one round works with. */
interface Box {
  readonly site: Site
  agent: Agent
  plan: Plan
  textOf(plan: Plan): string
}

async function change(box: Box, dice: Dice): Promise<void> {
  const api = connectAgent(box.site.data)
  const next = changed(box.plan, dice)
  const [old, text] = [box.textOf(box.plan), box.textOf(next)]
  const end = dice.oneOf(['stays', 'stays', 'killed', 'unconfirmed'] as const)
  const { revision } = await api.settings()
  const request = { text, base: revision, by: 'campaign', ...(end === 'unconfirmed' && { confirmWithinMs: UNCONFIRMED_MS }) }
  const asked = api.settingsApply(request)
  if (end === 'killed') {
    asked.catch(() => {})
    await sleep(dice.below(KILLED_AFTER_MS_MAX))
    await box.agent.kill()
    box.agent = await startAgent(box.site)
    const now = readFileSync(box.site.settings, 'utf8')
    if (now !== old && now !== text) throw new Error('the settings are neither those before nor those after')
    if ((await api.settings()).revision !== (await api.settingsHistory())[0]?.revision && now === text)
      throw new Error('what is in force is not in the history')
    if (now === text) box.plan = next
    return
  }
  await asked
  if (end === 'stays') box.plan = next
  else await until('it is taken back', async () => (await api.settings()).text === old, REVERTED_MS_MAX)
}

const nameOf = (plan: Plan) =>
  Object.entries(plan)
    .filter(([, it]) => it)
    .map(([key]) => key)
    .join(' ')

async function run({ dice, dir, seed, number, case: one, isOver }: Round): Promise<void> {
  const { kafka, mosquitto, publisher } = await opened()
  const device = `hf-e1-${seed}-${number}`
  const textFor = (plan: Plan) => textOf(plan, device, mosquitto.port, kafka.bootstrap)
  const site = siteIn(dir, textFor(FIRST))
  const box: Box = { site, agent: await startAgent(site), plan: FIRST, textOf: textFor }
  try {
    await until('both sources are up', async () => {
      const sources = (await box.agent.status())?.sources ?? []
      return sources.length === 2 && sources.every((it) => it.state === 'up')
    })
    const stop = publishing(publisher, device)
    for (let n = 0; n < CHANGES && !isOver(); n++) await one(`after ${nameOf(box.plan)}`, () => change(box, dice))
    const sent = await stop()
    await one('in the end every message is in Kafka, and every number once', async () => {
      const api = connectAgent(site.data)
      await api.settingsApply({ text: textFor(FIRST), base: (await api.settings()).revision, by: 'campaign' })
      await until('both sources are up again', async () => {
        const sources = (await box.agent.status())?.sources ?? []
        return sources.length === 2 && sources.every((it) => it.state === 'up')
      })
      const isThere = await counted(kafka.bootstrap, device, box.agent, sent)
      const missing = ['hall', 'yard'].filter((it) => isThere(it) !== sent)
      if (missing.length > 0) throw new Error(`${sent} messages each; ${missing.map((it) => `${it}: ${isThere(it)}`).join(', ')}`)
      const { exit, totals } = await verify(site)
      console.log(`E1: ${sent} messages on each of two topics, all there; verify: ${JSON.stringify(totals)}`)
      if (exit !== 0) throw new Error(`verify ended with ${exit}: ${JSON.stringify(totals)}`)
    })
  } finally {
    await box.agent.end()
  }
}

/** How many different numbers of a source are in Kafka. */
async function counted(bootstrap: string, device: string, agent: Agent, sent: number) {
  // What the broker held back for a source that was away comes after it is up.
  let before = -1
  await until(
    'nothing more comes in',
    async () => {
      const accepted = (await agent.status())?.classes.reduce((sum, it) => sum + it.accepted, 0) ?? -1
      const isQuiet = accepted === before && accepted >= 2 * sent
      before = accepted
      return isQuiet
    },
    60_000,
    1_000,
  ).catch(() => {})
  await drained(agent)
  const mine = (it: { value: Record<string, unknown> }) => it.value['device'] === device
  const numbers = (records: readonly { value: Record<string, unknown> }[], source: string) =>
    new Set(records.filter((it) => mine(it) && it.value['tag'] === `${source}/n`).map((it) => it.value['value_double'])).size
  const enough = (all: readonly { value: Record<string, unknown> }[]) =>
    numbers(all, 'hall') === sent && numbers(all, 'yard') === sent
  const records = await readTopics(bootstrap, [TOPICS.telemetry], enough)
  return (source: string) => numbers(records, source)
}

export const e1: Campaign = {
  id: 'E1',
  what: 'settings changed under load, killed in between, not confirmed',
  short: 27,
  long: 900,
  run,
  async end() {
    ground?.publisher.end(true)
    await ground?.mosquitto.remove()
    await ground?.kafka.down()
    ground = undefined
  },
}
