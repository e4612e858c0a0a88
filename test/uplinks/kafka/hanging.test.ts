// Transactions that nobody will ever end, as a cluster leaves them behind that lost all its brokers at once: the next that takes the identity ends them,
// and every sequence is there once. The broker is told not to check who is in a transaction, so that one can be written that its coordinator knows
// only in part.
import type { AclEntry } from 'kafkajs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Brokers } from '../../../src/clients/kafka/direct/brokers.ts'
import { brokersOf } from '../../../src/clients/kafka/direct/brokers.ts'
import type { Placed, Producer } from '../../../src/clients/kafka/direct/transaction-calls.ts'
import {
  addOffsets,
  addPartitions,
  endTxn,
  initProducerId,
  produce,
  txnOffsetCommit,
} from '../../../src/clients/kafka/direct/transaction-calls.ts'
import { Unreachable } from '../../../src/core/errors.ts'
import type { Position } from '../../../src/core/position.ts'
import { encodePosition } from '../../../src/uplinks/kafka/position.ts'
import { jsonFormat } from '../../../src/uplinks/kafka/format.ts'
import { packer } from '../../../src/uplinks/kafka/pack.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { CLIENTS, NEVER, ofDevice, openFor, readTopic, settled, untilItWorks } from './cluster.ts'
import { batchOf, doubles, positionOf, rawStream } from './slices.ts'

const PARTITIONS = 3
const READINGS = 300
const OLD_PRODUCE = 11
const CALL_MS = 10_000

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({
    portFrom: 24_820,
    security: true,
    properties: { 'transaction.partition.verification.enable': 'false' },
  })
  await createTopics(broker.bootstrap, PARTITIONS)
  await settled(broker.bootstrap)
}, 120_000)
afterAll(() => broker?.down())

interface Parts {
  readonly brokers: Brokers
  readonly producer: Producer
  readonly identity: string
}

/** Readings [from, from + READINGS) as the uplink would send them. */
function packed(device: string, from: number): Placed[] {
  const pack = packer({ site: 'plant-1', headers: 'id' }, new Set(), jsonFormat)
  const topic = {
    name: TOPICS.telemetry,
    partitions: PARTITIONS,
    batchBytesMax: 900_000,
    pastMsMax: Infinity,
    aheadMsMax: Infinity,
  }
  pack.begin(Date.now() * 1000)
  const { slice, series } = doubles(rawStream(device), from, READINGS)
  pack.addReadings(slice, series, topic, [])
  return [...pack.take().batches].flatMap(([name, batches]) => batches.map((batch) => ({ topic: name, batch, sequence: 0 })))
}

async function taken(device: string): Promise<Parts> {
  const identity = `holdfast.${device}.cloud`
  const brokers = brokersOf({ brokers: [broker.bootstrap] }, { clientId: identity, localAddress: undefined })
  let producer: Producer | undefined
  await untilItWorks(async () => {
    const coordinator = await brokers.node(await brokers.coordinator('transaction', identity))
    producer = await coordinator.send(initProducerId(identity, 30_000))
  })
  return { brokers, producer: producer as Producer, identity }
}

/** Writes transaction number `number`; `known`: what of it the coordinator hears of, and therefore ends. */
async function halfDone(
  { brokers, producer, identity }: Parts,
  placed: readonly Placed[],
  device: string,
  number: number,
  known: { partitions: readonly number[]; position: boolean; end: 'commit' | 'abort' },
): Promise<void> {
  const coordinator = await brokers.node(await brokers.coordinator('transaction', identity))
  const group = await brokers.node(await brokers.coordinator('group', identity))
  if (known.partitions.length > 0)
    await untilItWorks(async () => {
      const results = await coordinator.send(addPartitions(producer, [{ topic: TOPICS.telemetry, partitions: known.partitions }]))
      expect(results.map((it) => it.error)).toEqual(known.partitions.map(() => 0))
    })
  if (known.position) await untilItWorks(() => coordinator.send(addOffsets(producer, identity)))
  await brokers.metadata([TOPICS.telemetry])
  const answers = await (await brokers.any()).send(produce(producer, OLD_PRODUCE, CALL_MS, placed))
  expect(answers.map((it) => it.error)).toEqual(placed.map(() => 0))
  const metadata = encodePosition(positionOf(number, rawStream(device), number * READINGS).delivered)
  await untilItWorks(() =>
    group.send(txnOffsetCommit(producer, 3, { group: identity, topic: TOPICS.events, offset: String(number), metadata })),
  )
  if (known.partitions.length > 0 || known.position) await coordinator.send(endTxn(producer, 3, known.end))
}

describe.each(CLIENTS)('%s', (client) => {
  /** One transaction that is committed in an orderly way, a second one as `known` says; then the uplink comes back and sends what is left of three. */
  async function comesBack(
    device: string,
    told: number,
    known: { partitions: number[]; position: boolean; end: 'commit' | 'abort' },
  ): Promise<number> {
    const stream = rawStream(device)
    const first = await openFor(broker.bootstrap, device, { client, headers: 'id' })
    await first.position(NEVER)
    await first.send(batchOf(doubles(stream, 0, READINGS)), positionOf(1, stream, READINGS), NEVER)
    await first.close()
    const parts = await taken(device)
    try {
      await halfDone(parts, packed(device, READINGS), device, 2, known)
    } finally {
      parts.brokers.destroy()
    }
    const uplink = await openFor(broker.bootstrap, device, { client, headers: 'id' })
    const found = await uplink.position(NEVER, told)
    if (found === 'none') throw new Error('the position is gone')
    for (let number = found.transaction + 1; number <= 3; number++) {
      const batch = batchOf(doubles(stream, (number - 1) * READINGS, READINGS))
      const checkpoint = { reason: 'drained' as const, streams: {} }
      await uplink.send(number === 3 ? { ...batch, checkpoint } : batch, positionOf(number, stream, number * READINGS), NEVER)
    }
    await uplink.close()
    return found.transaction
  }

  async function everySequenceOnce(device: string): Promise<void> {
    const { totals, ok } = await verifyTopics({ brokers: [broker.bootstrap], device })
    expect(totals).toMatchObject({ proven: 3 * READINGS, missing: 0, doubled: 0 })
    expect(ok).toBe(true)
  }

  test('one that nobody was told of and nobody could read is aborted, and sent again', { timeout: 60_000 }, async () => {
    const device = `${client}-unseen`
    expect(await comesBack(device, 1, { partitions: [], position: false, end: 'commit' })).toBe(1)
    await everySequenceOnce(device)
  })

  test('one that we were told is committed is committed', { timeout: 60_000 }, async () => {
    const device = `${client}-told`
    expect(await comesBack(device, 2, { partitions: [], position: false, end: 'commit' })).toBe(2)
    await everySequenceOnce(device)
  })

  test('one that is committed in one partition is committed in all', { timeout: 60_000 }, async () => {
    const device = `${client}-seen`
    expect(await comesBack(device, 1, { partitions: [1], position: false, end: 'commit' })).toBe(2)
    await everySequenceOnce(device)
  })

  test('one that is aborted in one partition is aborted in all', { timeout: 60_000 }, async () => {
    const device = `${client}-unwanted`
    expect(await comesBack(device, 1, { partitions: [1], position: false, end: 'abort' })).toBe(1)
    await everySequenceOnce(device)
  })

  test('records that the position covers are committed where they hang', { timeout: 60_000 }, async () => {
    const device = `${client}-covered`
    expect(await comesBack(device, 1, { partitions: [0], position: true, end: 'commit' })).toBe(2)
    await everySequenceOnce(device)
  })

  test('records that the position does not cover are aborted where they hang', { timeout: 60_000 }, async () => {
    const device = `${client}-beyond`
    expect(await comesBack(device, 1, { partitions: [0, 2], position: true, end: 'abort' })).toBe(1)
    await everySequenceOnce(device)
  })
})

test('whoever only looks is told that it is busy; a first transaction that hangs leaves no position', async () => {
  const parts = await taken('seen-by-others')
  try {
    await halfDone(parts, packed('seen-by-others', 0), 'seen-by-others', 1, { partitions: [], position: false, end: 'commit' })
    const uplink = await openFor(broker.bootstrap, 'seen-by-others')
    expect(await uplink.peek?.(NEVER)).toBe('busy')
    expect(await uplink.position(NEVER)).toBe('none')
    await uplink.close()
  } finally {
    parts.brokers.destroy()
  }
})

describe('where the topic of the readings may not be read', () => {
  const sasl = { mechanism: 'scram-sha-256', user: 'box', password: 'box-secret' } as const
  /** Where a topic has any such rule, what none allows is denied; without one all is allowed here. */
  const rules = ['WRITE', 'DESCRIBE'].map(
    (operation): AclEntry => ({
      resourceType: kafkajs.AclResourceTypes.TOPIC,
      resourceName: TOPICS.telemetry,
      resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
      operation: kafkajs.AclOperationTypes[operation as 'WRITE'],
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
      host: '*',
      principal: 'User:box',
    }),
  )

  /** Whether the box may read it. */
  async function reading(isAllowed: boolean): Promise<void> {
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    if (isAllowed) await admin.deleteAcls({ filters: rules })
    else await admin.createAcls({ acl: rules })
    await admin.disconnect()
  }

  async function left(device: string): Promise<void> {
    const parts = await taken(device)
    await halfDone(parts, packed(device, 0), device, 1, { partitions: [], position: false, end: 'commit' })
    parts.brokers.destroy()
    await reading(false)
  }

  async function positionOfBox(device: string, told: number): Promise<Position | 'none'> {
    const uplink = await openFor(broker.addresses.sasl, device, { sasl, headers: 'id' })
    try {
      return await uplink.position(NEVER, told)
    } finally {
      await uplink.close()
    }
  }

  test('what we were told is committed is committed in every partition', { timeout: 60_000 }, async () => {
    await left('told-only')
    try {
      expect(await positionOfBox('told-only', 1)).toMatchObject({ transaction: 1 })
    } finally {
      await reading(true)
    }
    const records = ofDevice(
      await readTopic(broker.bootstrap, TOPICS.telemetry, (all) => ofDevice(all, 'told-only').length >= READINGS),
      'told-only',
    )
    expect(records).toHaveLength(READINGS)
  })

  test('what nobody can decide is said, with what to do, and is ended once it may be read', { timeout: 60_000 }, async () => {
    await left('undecided')
    try {
      const error = await positionOfBox('undecided', 0).catch((it: unknown) => it)
      expect(error).toBeInstanceOf(Unreachable)
      expect(error).toMatchObject({ code: 'hanging-transaction', remedy: expect.stringContaining('allow Read') })
    } finally {
      await reading(true)
    }
    await untilItWorks(async () => expect(await positionOfBox('undecided', 0)).toBe('none'))
  })
})
