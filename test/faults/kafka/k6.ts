// K6: something at the destination must be changed by somebody: a topic is missing, may not be written to, takes no such time, a quota
// is short. Its class waits and loses nothing, others go on; a record that is too large for its topic is parked.
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { adminOf, TOPICS } from '../../kafka/broker.ts'
import { untilItWorks } from '../../uplinks/kafka/cluster.ts'
import type { Dice } from '../dice.ts'
import { CLASSES } from '../readings.ts'
import { clientOf } from './clients.ts'
import { checkBox } from './landed.ts'
import type { Rig, RigBox } from './rig.ts'
import { BOX_USER, caseDir, newDevice, openRig } from './rig.ts'
import { onRig, onceOpen, tell, until } from './shared.ts'
import { setQuota } from './wire.ts'

const OTHERS_HELD_MS_MAX = 60_000
const MENDED_MS_MAX = 60_000
const UP_MS_MAX = 90_000
const TOO_LARGE_BYTES = 30_000
const SMALL_TOPIC_BYTES = 20_000
const QUOTA_BYTES_PER_S = 20_000

type Name = (typeof CLASSES)[number]

interface Trouble {
  readonly name: string
  /** What `status` says of the class; undefined: the class does not wait. */
  readonly code: string | undefined
  make(topic: string, admin: kafkajs.Admin): Promise<void>
  mend(topic: string, admin: kafkajs.Admin): Promise<void>
}

const setTopic = (admin: kafkajs.Admin, topic: string, name: string, value: string) =>
  admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
  })
const denial = (topic: string, operation: kafkajs.AclOperationTypes) => ({
  resourceType: kafkajs.AclResourceTypes.TOPIC,
  resourceName: topic,
  resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
  principal: `User:${BOX_USER}`,
  host: '*',
  operation,
  permissionType: kafkajs.AclPermissionTypes.DENY,
})
async function createTopic(
  topic: string,
  admin: kafkajs.Admin,
  configEntries: kafkajs.IResourceConfigEntry[] = [],
): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 2, configEntries }] })
  await untilItWorks(() => admin.fetchTopicOffsets(topic))
}

/** It is so from the start: a topic that is deleted takes what it had with it. */
const MISSING = 'topic-missing'

const TROUBLES: readonly Trouble[] = [
  {
    name: 'the topic is missing',
    code: MISSING,
    make: async () => {},
    mend: (topic, admin) => createTopic(topic, admin),
  },
  {
    name: 'the topic may not be written to',
    code: 'topic-denied',
    make: async (topic, admin) => void (await admin.createAcls({ acl: [denial(topic, kafkajs.AclOperationTypes.WRITE)] })),
    mend: async (topic, admin) => void (await admin.deleteAcls({ filters: [denial(topic, kafkajs.AclOperationTypes.WRITE)] })),
  },
  {
    name: 'the times are too old for the topic',
    code: undefined,
    make: async (topic, admin) => void (await setTopic(admin, topic, 'message.timestamp.before.max.ms', '1000')),
    mend: async (topic, admin) => void (await setTopic(admin, topic, 'message.timestamp.before.max.ms', '9223372036854775807')),
  },
]

interface Plan {
  readonly name: string
  readonly trouble: Trouble
  readonly class: Name
}

function planOf(dice: Dice, trouble: Trouble): Plan {
  const name = dice.oneOf(CLASSES)
  return { trouble, class: name, name: `${trouble.name} (${name})` }
}

async function runCase(rig: Rig, round: Round, plan: Plan): Promise<RigBox> {
  const { dir, dice } = round
  const began = performance.now()
  const device = newDevice()
  const topics = { ...TOPICS, telemetry: `${device}.{class}` }
  const topic = `${device}.${plan.class}`
  const admin = adminOf(rig.broker.bootstrap)
  await admin.connect()
  try {
    for (const it of CLASSES) if (it !== plan.class || plan.trouble.code !== MISSING) await createTopic(`${device}.${it}`, admin)
    const client = clientOf(round)
    const box = await rig.box({ dir: caseDir(dir, dice), dice, client, device, settings: { topics }, waits: 'life' })
    const delivered = (isIt: (name: string) => boolean) =>
      box.figures().classes.reduce((sum, it) => sum + (isIt(it.name) ? it.delivered : 0), 0)
    const [mine, others] = [(name: string) => name === plan.class, (name: string) => name !== plan.class]
    box.append()
    await until(
      () => box.report.transactions >= 2,
      UP_MS_MAX,
      () => 'it never began to forward',
    )
    await plan.trouble.make(topic, admin)
    const said = () => box.report.blocked.find((it) => it.classes.includes(plan.class))?.code
    const { code } = plan.trouble
    if (code)
      await until(
        () => said() === code,
        UP_MS_MAX,
        () => `${code} is not told; ${said()} is, last ${box.report.lastError}`,
      )
    const [minesSoFar, othersSoFar, broke] = [delivered(mine), delivered(others), performance.now()]
    await until(
      () => delivered(others) > othersSoFar,
      OTHERS_HELD_MS_MAX,
      () => 'the other classes are held up',
    )
    const othersMs = performance.now() - broke
    await sleep(3_000)
    if (code && delivered(mine) > minesSoFar) throw new Error(`${plan.class} was forwarded in spite of it`)
    await plan.trouble.mend(topic, admin)
    const mended = performance.now()
    if (code)
      await until(
        () => delivered(mine) > minesSoFar,
        MENDED_MS_MAX,
        () => `${plan.class} does not go on: ${box.report.lastError}`,
      )
    const mendedMs = performance.now() - mended
    box.still()
    await box.drained(MENDED_MS_MAX)
    const lost = box
      .figures()
      .classes.flatMap((it) => Object.values(it.lost))
      .reduce((sum, it) => sum + it, 0)
    if (lost > 0) throw new Error(`${lost} readings were given up`)
    tell(`${plan.name}: others ${Math.round(othersMs)} ms, it ${Math.round(mendedMs)} ms after`, box, performance.now() - began)
    await box.stop()
    return box
  } finally {
    await admin.disconnect()
  }
}

/** Delivered slowly, and nothing else. */
async function runQuota(rig: Rig, round: Round): Promise<RigBox> {
  const { dir, dice } = round
  const began = performance.now()
  const device = newDevice()
  await setQuota(rig.broker.bootstrap, `holdfast.${device}.kafka`, QUOTA_BYTES_PER_S)
  const box = await rig.box({ dir: caseDir(dir, dice), dice, client: clientOf(round), device, waits: 'life' })
  box.fill(20_000)
  await box.drained(120_000)
  tell('a quota', box, performance.now() - began)
  await setQuota(rig.broker.bootstrap, `holdfast.${device}.kafka`, undefined)
  await box.stop()
  return box
}

/** What is too large for its topic by itself is parked; all others are delivered. */
async function runLarge(rig: Rig, round: Round): Promise<void> {
  const { dir, dice } = round
  const device = newDevice()
  const admin = adminOf(rig.broker.bootstrap)
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: String(SMALL_TOPIC_BYTES) }]
  await createTopic(device, admin, configEntries)
  await admin.disconnect()
  const topics = { ...TOPICS, telemetry: device }
  const box = await rig.box({
    dir: caseDir(dir, dice),
    dice,
    client: clientOf(round),
    device,
    settings: { topics },
    bytes: TOO_LARGE_BYTES,
  })
  box.fill(400)
  // Two of eight are of class debug: their bytes are too many.
  await until(
    () => box.waiting() === 100 && box.figures().parked === 100,
    UP_MS_MAX,
    () => `${box.waiting()} of 100 wait, ${box.figures().parked} are parked`,
  )
  const { parked, classes } = box.figures()
  const debug = classes.find((it) => it.name === 'debug')
  if (parked !== 100 || debug?.stored !== 100) throw new Error(`${parked} are parked, ${debug?.stored} stored`)
  const landed = (await rig.read(device)).get(device) ?? []
  if (landed.length !== 300) throw new Error(`${landed.length} of 300 have arrived`)
  await box.stop()
}

const rigs = onceOpen(() => openRig({ security: true }))

export const k6: Campaign = {
  id: 'K6',
  what: 'topic missing, no ACL, times refused, quota, record too large',
  short: 10,
  long: 100,
  run: onRig(rigs, async (rig, round) => {
    const { dice, case: one } = round
    const name = (it: string) => `${clientOf(round).name}: ${it}`
    const plans = TROUBLES.map((it) => planOf(dice, it))
    const ends = await Promise.allSettled(plans.map((it) => runCase(rig, round, it)))
    for (const [n, plan] of plans.entries())
      await one(name(plan.name), async () => {
        const end = ends[n] as PromiseSettledResult<RigBox>
        if (end.status === 'rejected') throw end.reason
        const landed = await Promise.all(CLASSES.map((it) => rig.read(`${end.value.device}.${it}`)))
        checkBox(end.value, new Map([[end.value.device, landed.flatMap((it) => [...it.values()].flat())]]))
      })
    await one(name('a quota'), async () => {
      const box = await runQuota(rig, round)
      checkBox(box, await rig.read())
    })
    await one(name('a record too large'), () => runLarge(rig, round))
  }),
  end: rigs.close,
}
