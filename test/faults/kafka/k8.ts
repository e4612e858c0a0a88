// K8: a box comes back after so long that the cluster has forgotten its position, its transactional id, its producer id; in peace, or with a
// transaction of which it does not know the end. What is unknown is never taken for nothing: nothing is missing, and what is there twice says so.
import { setTimeout as sleep } from 'node:timers/promises'
import type kafkajs from 'kafkajs'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { adminOf } from '../../kafka/broker.ts'
import { identityOf } from '../../../src/uplinks/kafka/uplink.ts'
import { UPLINK } from '../options.ts'
import { clientOf } from './clients.ts'
import type { Box } from './box.ts'
import { checkBox } from './landed.ts'
import type { Rig } from './rig.ts'
import { caseDir, newDevice, openRig } from './rig.ts'
import { onceOpen, onRig, struckOrUnused, tell, until } from './shared.ts'

const BOXES = 4
const UP_MS_MAX = 90_000
const DRAINED_MS_MAX = 60_000
/** Ids of producers and transactions are forgotten after so long. */
const EXPIRES_MS = 20_000
const ENDS = ['in peace', 'in peace', 'an answer is missing', 'an end is missing'] as const
/** What one intent may cover, at the pace of these boxes. */
const DOUBLED_MAX = 20_000

interface Outcome {
  readonly box: Box
  readonly isPeace: boolean
}

async function runCase(rig: Rig, round: Round, end: (typeof ENDS)[number]): Promise<Outcome> {
  const { dice } = round
  const device = newDevice()
  const dir = caseDir(round.dir, dice)
  const client = clientOf(round)
  const first = await rig.box({ dir, dice, client, device })
  first.append()
  await until(
    () => first.report.transactions > 3,
    UP_MS_MAX,
    () => 'it never began to forward',
  )
  if (end === 'in peace') {
    first.still()
    await first.drained(DRAINED_MS_MAX)
  } else {
    let isGone = false
    first.link.rule((frame) => {
      const isIt = frame.api === 'EndTxn' && frame.what === (end === 'an end is missing' ? 'request' : 'answer')
      if (isIt && !isGone) {
        isGone = true
        // The frame that is seen is lost with all that follow.
        first.link.weather('lost', 'lost')
      }
      return 'pass'
    })
    await struckOrUnused(first, 'EndTxn', () => isGone, UP_MS_MAX)
  }
  await first.stop()
  await sleep(EXPIRES_MS + 5_000)
  const admin = adminOf(rig.broker.bootstrap)
  await admin.connect()
  await forget(admin, identityOf({ device, name: UPLINK }))
  await admin.disconnect()
  first.link.rule(undefined)
  first.link.heal('silent')
  const second = await rig.box({ dir, dice, client, device, from: first.given })
  second.fill(500)
  await second.drained(DRAINED_MS_MAX)
  tell(end, second, 0)
  await second.stop()
  const box = { ...second, from: 0, given: second.given, epochs: new Set([...first.epochs, ...second.epochs]) }
  return { box, isPeace: end === 'in peace' }
}

async function forget(admin: kafkajs.Admin, group: string): Promise<void> {
  // A transaction that is still open keeps the group until its time-out.
  for (let i = 0; ; i++) {
    const failed = await admin.deleteGroups([group]).then(
      () => undefined,
      (error: { groups?: { error?: { type?: string } }[] }) => error,
    )
    const type = failed?.groups?.[0]?.error?.type
    if (!failed || type === 'GROUP_ID_NOT_FOUND') return
    if (i > 60) throw failed
    await sleep(1_000)
  }
}

const rigs = onceOpen(() =>
  openRig({
    properties: {
      'transactional.id.expiration.ms': EXPIRES_MS,
      'transaction.remove.expired.transaction.cleanup.interval.ms': 1_000,
      'producer.id.expiration.ms': EXPIRES_MS,
      'producer.id.expiration.check.interval.ms': 1_000,
    },
  }),
)

export const k8: Campaign = {
  id: 'K8',
  what: 'position, transactional id and producer id are forgotten',
  short: 8,
  long: 200,
  run: onRig(rigs, async (rig, round) => {
    const plans = ENDS.slice(0, BOXES)
    const ends = await Promise.allSettled(plans.map((it) => runCase(rig, round, it)))
    const landed = await rig.read()
    for (const [n, plan] of plans.entries())
      await round.case(`${clientOf(round).name}: ${plan}`, async () => {
        const end = ends[n] as PromiseSettledResult<Outcome>
        if (end.status === 'rejected') throw end.reason
        const { doubled, marked } = checkBox(end.value.box, landed)
        if (end.value.isPeace && doubled + marked > 0)
          throw new Error(`${doubled} are there twice, ${marked} say so, without a doubt`)
        if (doubled > DOUBLED_MAX) throw new Error(`${doubled} are there twice: all were sent once more`)
      })
  }),
  end: rigs.close,
}
