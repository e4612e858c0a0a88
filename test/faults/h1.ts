// H1: a box that has another box as its uplink, and that one a real Kafka. Both are killed again and again at any moment while readings come. What
// the lower box was given is in Kafka, each number of each of its streams once, and the proof over the whole chain holds.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import type { Agent } from '../route/agent.ts'
import { drained, startAgent, sumsOf, verify } from '../route/agent.ts'
import type { Tier } from '../route/boxes.ts'
import { makeTier } from '../route/boxes.ts'
import { countsOf, readTopics, sequencesOf } from '../route/topic.ts'
import { until } from '../route/until.ts'
import type { Dice } from './dice.ts'

const PORT = 25_920
const CASES_A_ROUND = 10
const MESSAGES = 400
const AWAY_MS_MAX = 1_500
const DRAIN_MS_MAX = 150_000
const TOPIC = 'process/n'

export interface BoxRig {
  readonly kafka: Broker
  readonly tier: Tier
  lower: Agent
  post: Agent
  /** So many readings were given to the lower box. */
  given: number
}

export async function openBoxRig(dir: string, portFrom: number): Promise<BoxRig> {
  const kafka = await startBroker({ portFrom })
  await createTopics(kafka.bootstrap, 2)
  const tier = await makeTier(dir, kafka.bootstrap)
  const rig = { kafka, tier, post: await startAgent(tier.post), lower: await startAgent(tier.lower), given: 0 }
  await reads(rig)
  return rig
}

export async function closeBoxRig({ kafka, tier, lower, post }: BoxRig): Promise<void> {
  await lower.end()
  await post.end()
  await tier.remove()
  await kafka.down()
}

const reads = (rig: BoxRig) =>
  until('the lower box reads', async () => (await rig.lower.status())?.sources[0]?.state === 'up', DRAIN_MS_MAX)

/** Publishes as it goes; `at` a message so far on something happens. */
export async function give(rig: BoxRig, count: number, at: number, happens: () => Promise<void>): Promise<void> {
  const sent: Promise<unknown>[] = []
  let happening: Promise<void> | undefined
  for (let n = 0; n < count; n++) {
    sent.push(rig.tier.publish(TOPIC, rig.given++))
    if (n === at) happening = happens()
    if (n % 20 === 0) await sleep(10)
  }
  await happening
  await Promise.all(sent)
}

/** Who it hits, when, and for how long it is away, by the dice. */
async function giveAndKill(rig: BoxRig, dice: Dice): Promise<void> {
  const who = dice.oneOf([['lower'], ['post'], ['lower', 'post']] as const)
  const away = dice.below(AWAY_MS_MAX)
  await give(rig, MESSAGES, dice.below(MESSAGES), async () => {
    await sleep(dice.below(50))
    await Promise.all(who.map((it) => rig[it].kill()))
    await sleep(away)
    if (who.some((it) => it === 'post')) rig.post = await startAgent(rig.tier.post)
    if (who.some((it) => it === 'lower')) rig.lower = await startAgent(rig.tier.lower)
  })
  await reads(rig)
}

/** All that was given is in Kafka, under the lower box's name alone; no number twice, none missing. */
export async function proveChain(rig: BoxRig): Promise<void> {
  await drained(rig.lower, DRAIN_MS_MAX)
  await drained(rig.post, DRAIN_MS_MAX)
  const isThere = (it: Parameters<typeof countsOf>[0]) => countsOf(it, TOPIC).size >= rig.given
  const records = await readTopics(rig.kafka.bootstrap, [TOPICS.telemetry], isThere)
  const counts = countsOf(records, TOPIC)
  if (counts.size !== rig.given) throw new Error(`${counts.size} of ${rig.given} readings are in Kafka`)
  for (const [stream, list] of sequencesOf(records)) {
    if (!stream.startsWith('hf-lower:')) throw new Error(`${stream} is in Kafka`)
    if (new Set(list).size !== list.length) throw new Error(`${stream} holds a number twice`)
  }
  const { exit, totals } = await verify(rig.tier.post)
  if (exit !== 0 || totals.missing + totals.doubled + totals.maybeDuplicate > 0)
    throw new Error(`verify: exit ${exit}, ${JSON.stringify(totals)}`)
  for (const agent of [rig.lower, rig.post]) {
    const status = await agent.status()
    const { accepted, delivered, stored, aggregated, lost } = sumsOf(status as NonNullable<typeof status>)
    if (accepted !== delivered + stored + aggregated + lost) throw new Error('the accounts do not add up')
  }
}

export const h1: Campaign = {
  id: 'H1',
  what: 'kill -9 of a box and of the box that is its uplink, at any moment: each reading is in Kafka once, under its own name',
  short: 20,
  long: 200,
  async run({ dir, dice, isOver, case: one }: Round) {
    const rig = await openBoxRig(dir, PORT)
    try {
      for (let n = 0; n < CASES_A_ROUND && !isOver(); n++)
        await one(`kill ${n}`, async () => {
          await giveAndKill(rig, dice)
          await proveChain(rig)
        })
    } finally {
      await closeBoxRig(rig)
    }
  },
}
