// The thread of MQTT as the agent has it: sources beside others that a hostile broker and publishers of nonsense do their worst to.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { ingest } from '../../../src/pipeline/ingest.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { sparkplugSettings } from '../../../src/sources/sparkplug/settings.ts'
import { protocolHost } from '../../../src/workers/protocol-host.ts'
import { createDice } from '../../faults/dice.ts'
import { script, startHostileBroker } from '../../faults/sources/hostile-broker.ts'
import { payloadOf } from '../../faults/sources/json-payloads.ts'
import { sparkplugPayload } from '../../faults/sources/sparkplug-payloads.ts'
import { publisher, rowReader, tempDir, until } from './harness.ts'
import { startMosquitto } from './mosquitto.ts'

const BAD_SOURCES = 12
const BAD_CONNECTIONS = 30
const GOOD = 200
const silent = { debug() {}, info() {}, warn() {}, error() {} }

test('broken packets and payloads end no thread, and what is good beside them comes through', { timeout: 120_000 }, async () => {
  const dice = createDice(7)
  const folder = tempDir()
  const broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  let connections = 0
  const hostile = await startHostileBroker(() => {
    connections++
    const bytes = script(connections % 2 === 0, dice)
    return { bytes, cutAt: dice.below(bytes.length + 1) }
  })
  const mqtt = (port: number, more: object = {}) =>
    mqttSettings.parse({
      url: `mqtt://127.0.0.1:${port}`,
      insecure: 'a test',
      subscribe: [
        { topic: 'good/{n}', tag: 'good/{n}', class: 'process' },
        { topic: 'bad/{n}', tag: 'bad/{n}', class: 'process' },
      ],
      ...more,
    })
  const sp = sparkplugSettings.parse({ url: `mqtt://127.0.0.1:${broker.port}`, insecure: 'a test', class: 'process', host: 'H' })
  const bad = Array.from({ length: BAD_SOURCES }, (_, n) => ({
    name: `bad-${n}`,
    protocol: 'mqtt',
    settings: mqtt(hostile.port, { version: n % 2 === 0 ? 5 : '3.1.1' }),
  }))
  const sources = [
    { name: 'good', protocol: 'mqtt', settings: mqtt(broker.port) },
    { name: 'sp', protocol: 'sparkplug', settings: sp },
    ...bad,
  ]
  const values: unknown[] = []
  const readers = new Map<number, ReturnType<typeof rowReader>>()
  const log = {
    append: async (batch: ReadingBatch) => {
      const read = readers.get(batch.origin) ?? rowReader()
      readers.set(batch.origin, read)
      values.push(...read(batch).flatMap((it) => (it.tag.startsWith('good/') ? [it.value] : [])))
    },
    hurry() {},
    forget() {},
  }
  const stop = new AbortController()
  const host = protocolHost('mqtt', { sources, dir: folder.path, device: 'box', commitEveryMs: 50 }, log, silent, Math.random)
  const ends = [host.run(stop.signal), ...[...host.sources.values()].map((it) => ingest(it, log, () => {}, stop.signal))]
  const client = await publisher(broker.port)
  try {
    const stateOf = (name: string) => host.sources.get(name)?.status().state
    await until('both are up', () => stateOf('good') === 'up' && stateOf('sp') === 'up', 60_000)
    for (let n = 0; n < GOOD; n++) {
      for (let m = 0; m < 5; m++) {
        client.publish('bad/x', payloadOf(dice), { qos: 1 })
        const kind = dice.oneOf(['NBIRTH', 'NDATA', 'NDEATH'])
        client.publish(`spBv1.0/g/${kind}/n`, sparkplugPayload(dice.below(256), dice.below(3), dice), {
          qos: dice.below(2) as 0 | 1,
        })
      }
      await client.publishAsync('good/x', JSON.stringify({ value: n }), { qos: 1 })
    }
    await until('all that was good is here', () => values.length >= GOOD, 60_000)
    await until('the hostile broker had its say', () => connections >= BAD_CONNECTIONS, 60_000)
    await sleep(0)
    expect(values).toEqual(Array.from({ length: GOOD }, (_, n) => n))
    expect(host.restarts).toBe(0)
    expect([stateOf('good'), stateOf('sp')]).toEqual(['up', 'up'])
  } finally {
    await client.endAsync(true)
    stop.abort()
    await Promise.all(ends)
    hostile.close()
    await broker.remove()
    folder.remove()
  }
})
