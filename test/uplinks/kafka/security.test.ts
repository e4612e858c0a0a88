// How the uplink gets into a cluster that wants to know who comes, and what it says when it does not.
import type { AclEntry } from 'kafkajs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Blocked, Unreachable } from '../../../src/core/errors.ts'
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../../kafka/broker.ts'
import { CLIENTS, NEVER, openFor, settingsOf } from './cluster.ts'
import { batchOf, contextOf, doubles, positionOf, rawStream } from './slices.ts'

describe.each(CLIENTS)('%s', (client) => {
  let broker: Broker
  let ca = ''
  beforeAll(async () => {
    broker = await startBroker({ portFrom: 24_500, security: true })
    await createTopics(broker.bootstrap, 3)
    ca = await broker.pem('ca.pem')
  })
  afterAll(() => broker?.down())

  const box = (mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', password = 'box-secret') => ({
    mechanism,
    user: 'box',
    password,
  })

  async function ways(): Promise<[string, string, Partial<KafkaSettings>][]> {
    const mine = { cert: await broker.pem('client.pem'), key: await broker.pem('client.key') }
    return [
      ['plain', broker.addresses.sasl, { sasl: box('plain') }],
      ['scram-256', broker.addresses.sasl, { sasl: box('scram-sha-256') }],
      ['scram-512-tls', broker.addresses.saslTls, { sasl: box('scram-sha-512'), tls: { ca } }],
      ['mutual', broker.addresses.mutual, { tls: { ca, ...mine } }],
      ['tls-name', broker.addresses.tls, { tls: { ca, serverName: 'localhost' } }],
    ]
  }

  test('SASL PLAIN, SCRAM, TLS and client certificates let readings through, and verify reads the same way', async () => {
    for (const [device, address, access] of await ways()) {
      const stream = rawStream(device)
      const uplink = await openFor(address, device, { ...access, client })
      expect(await uplink.position(NEVER), device).toBe('none')
      await uplink.send(batchOf(doubles(stream, 0, 50)), positionOf(1, stream, 50), NEVER)
      await uplink.close()
      const report = await verifyTopics({ brokers: [address], tls: access.tls, sasl: access.sasl, device })
      expect(report.totals, device).toMatchObject({ proven: 50, missing: 0, doubled: 0 })
    }
  })

  async function refusal(address: string, access: Partial<KafkaSettings>): Promise<unknown> {
    const uplink = await openFor(address, 'outside', { ...access, client }).catch((error: unknown) => error)
    if (uplink instanceof Error) return uplink
    throw new Error('it was let in')
  }

  test('what keeps it out has a code and a remedy', async () => {
    const stranger = await broker.pem('stranger.pem')
    const cases: [string, string, Partial<KafkaSettings>][] = [
      ['sasl-failed', broker.addresses.sasl, { sasl: box('scram-sha-512', 'wrong') }],
      ['sasl-failed', broker.addresses.sasl, { sasl: box('plain', 'wrong') }],
      ['tls-untrusted', broker.addresses.tls, { tls: { ca: stranger } }],
      ['tls-untrusted', broker.addresses.tls, { tls: {} }],
      ['tls-hostname', broker.addresses.tls, { tls: { ca, serverName: 'kafka.example.com' } }],
      ['tls-expected', broker.addresses.plain, { tls: { ca } }],
      ['refused', '127.0.0.1:24999', {}],
      ['dns', 'no-such-host.invalid:9092', {}],
    ]
    for (const [code, address, access] of cases) {
      const error = await refusal(address, access)
      expect(error, code).toBeInstanceOf(Unreachable)
      if (code !== 'tls-expected') expect(error, code).toMatchObject({ code })
      else expect(['tls-expected', 'tls-refused', 'closed']).toContain((error as Unreachable).code)
      expect((error as Unreachable).remedy, code).toBeTruthy()
      expect(String(error)).not.toContain('box-secret')
    }
  }, 120_000)

  test('`uplinks test` names the step that fails', async () => {
    const steps = []
    const settings = settingsOf(broker.addresses.tls, { client, tls: { ca, serverName: 'kafka.example.com' } })
    for await (const it of kafka.test(settings, contextOf('tested'), NEVER)) steps.push(it)
    expect(steps.map((it) => it.ok)).toEqual([true, true, false])
    expect(steps.at(-1)?.step).toMatch(/^TLS/)
    expect(steps.at(-1)?.remedy).toMatch(/serverName/)
  })

  async function allow(...acls: Pick<AclEntry, 'resourceType' | 'resourceName' | 'operation' | 'principal'>[]): Promise<void> {
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    const rest = {
      host: '*',
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
      resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    }
    await admin.createAcls({ acl: acls.map((it) => ({ ...it, ...rest })) })
    await admin.disconnect()
  }

  test('a topic that we may see and not write blocks its class; nothing is committed; others go on', async () => {
    const device = 'denied'
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    await createLed(
      admin,
      ['acl.open', 'acl.shut'].map((topic) => ({ topic, numPartitions: 2 })),
    )
    await admin.disconnect()
    await allow({
      resourceType: kafkajs.AclResourceTypes.TOPIC,
      resourceName: 'acl.shut',
      operation: kafkajs.AclOperationTypes.DESCRIBE,
      principal: 'User:box',
    })
    const uplink = await openFor(broker.addresses.sasl, device, {
      client,
      sasl: box('plain'),
      topics: { ...TOPICS, telemetry: 'acl.{class}' },
    })
    const [open, shut] = [rawStream(device, 'open'), rawStream(device, 'shut')]
    const both = batchOf(doubles(open, 0, 30), doubles(shut, 0, 30))
    await uplink.position(NEVER)
    const error = await uplink.send(both, positionOf(1, open, 30), NEVER).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(Blocked)
    expect(error).toMatchObject({ code: 'topic-denied', topics: ['acl.shut'], classes: ['shut'] })
    const topics = { telemetry: ['acl.open', 'acl.shut'] }
    const before = await verifyTopics({ brokers: [broker.bootstrap], device, topics })
    expect(before.totals.records).toBe(0)
    await uplink.send(batchOf(doubles(open, 0, 40)), positionOf(1, open, 40), NEVER)
    expect(await uplink.position(NEVER)).toEqual(positionOf(1, open, 40))
    await uplink.close()
    const after = await verifyTopics({ brokers: [broker.bootstrap], device, topics })
    expect(after.totals).toMatchObject({ records: 40, proven: 40, doubled: 0, missing: 0 })
  })

  test('a transactional id that belongs to another is said with what to allow', async () => {
    await allow({
      resourceType: kafkajs.AclResourceTypes.TRANSACTIONAL_ID,
      resourceName: 'holdfast.foreign.cloud',
      operation: kafkajs.AclOperationTypes.WRITE,
      principal: 'User:guest',
    })
    const uplink = await openFor(broker.addresses.sasl, 'foreign', { client, sasl: box('plain') })
    const error = await uplink.position(NEVER).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(Unreachable)
    expect((error as Unreachable).remedy).toMatch(/transactional id/)
    await uplink.close()
  })
})
