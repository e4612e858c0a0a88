// Several brokers: a leader that dies in the midst of a transaction takes part of the partitions with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { CLIENTS } from './cluster.ts'
import { createTopics, startBroker } from '../../kafka/broker.ts'

describe.each(CLIENTS)('%s', (client) => {
  let brokers: Broker
  let addresses = ''
  beforeAll(async () => {
    brokers = await startBroker({ portFrom: 24_900, brokers: 3 })
    const [host = '', port = ''] = brokers.bootstrap.split(':')
    addresses = [0, 10, 20].map((more) => `${host}:${Number(port) + more}`).join(',')
    await createTopics(brokers.bootstrap, 6)
  })
  afterAll(() => brokers?.down())

  test('one of three brokers is killed -9 and comes back: every sequence once', { timeout: 180_000 }, async () => {
    const [transactions, readings] = [60, 1_000]
    const script = join(import.meta.dirname, 'sender.main.ts')
    const child = spawn(process.execPath, [script, addresses, 'three', String(transactions), String(readings), client], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let committed = 0
    child.stdout.on('data', (chunk) => (committed = Number(String(chunk).trim().split('\n').at(-1))))
    const end = once(child, 'exit')
    for (const [goal, victim] of [
      [10, 2],
      [30, 3],
    ] as const) {
      await expect.poll(() => committed, { timeout: 90_000, interval: 20 }).toBeGreaterThan(goal)
      await brokers.kill(victim)
      await brokers.start(victim)
    }
    expect((await end)[0]).toBe(0)
    const report = await verifyTopics({ brokers: addresses.split(',') })
    expect(report.totals).toMatchObject({
      records: transactions * readings,
      proven: transactions * readings,
      missing: 0,
      doubled: 0,
    })
  })
})
