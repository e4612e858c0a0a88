import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { MqttClient } from 'mqtt'
import type { Consumer } from './harness.ts'
import { consume, openSource, publisher, tempDir, until } from './harness.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'

const UNBOUNDED = ['allow_anonymous true', 'max_queued_messages 0', 'max_queued_bytes 0', 'max_inflight_messages 60000']

let broker: Mosquitto
let folder: ReturnType<typeof tempDir>
const running: Consumer[] = []
const publishers: MqttClient[] = []
beforeAll(async () => {
  broker = await startMosquitto({ lines: UNBOUNDED })
})
afterAll(() => broker.remove())
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
  for (const it of publishers.splice(0)) await it.endAsync(true)
  folder?.remove()
})

function defaults(port: number) {
  return {
    url: `mqtt://127.0.0.1:${port}`,
    insecure: 'a test',
    subscribe: [{ topic: 'plant/{n}', tag: 'tag-{n}', class: 'process' }],
  }
}

function start(settings: object = {}, options: { commitMs?: number; keepRows?: boolean; port?: number; dir?: string } = {}) {
  if (options.dir === undefined) folder = tempDir()
  const opened = openSource(
    {
      ...defaults(options.port ?? broker.port),
      clientId: `source-${Math.random()}`,
      ...settings,
    },
    options.dir ?? folder.path,
  )
  const consumer = consume(opened.source, options)
  running.push(consumer)
  return { ...opened, consumer, isUp: () => until('up', () => opened.source.status().state === 'up') }
}

async function publish(
  count: number,
  options: { from?: number; qos?: 0 | 1; topic?: string; port?: number; payload?: (n: number) => unknown } = {},
) {
  const { from = 0, qos = 1, topic = 'plant/a', payload = (n: number) => ({ value: n }) } = options
  const client = await publisher(options.port ?? broker.port)
  publishers.push(client)
  for (let n = from; n < from + count - 1; n++) client.publish(topic, JSON.stringify(payload(n)), { qos })
  await client.publishAsync(topic, JSON.stringify(payload(from + count - 1)), { qos })
}

const countTo = (count: number) => Array.from({ length: count }, (_, n) => n)
/** PUBACKs that mosquitto says it has received of a client, as packet ids. */
const pubacks = (of: Mosquitto, clientId: string) =>
  [...of.log().matchAll(new RegExp(`Received PUBACK from ${clientId} \\(Mid: (\\d+)`, 'g'))].map((it) => Number(it[1]))
const dups = (of: Mosquitto, clientId: string) =>
  (of.log().match(new RegExp(`Sending PUBLISH to ${clientId} \\(d1`, 'g')) ?? []).length

describe.each(['3.1.1', 5] as const)('MQTT %s', (version) => {
  test('acknowledges only what is durable, in order', async () => {
    const clientId = `order-${version}`
    const { consumer, isUp, source } = start({ version, clientId })
    await isUp()
    await publish(500)
    await until('something came', () => consumer.rows.length > 0)
    await until('as much is held as came', () => Number(source.status().details?.unacknowledged) === 500)
    expect(pubacks(broker, clientId)).toEqual([])
    while (consumer.rows.length < 500 || consumer.items.length > 0) {
      consumer.commitNow()
      await new Promise(setImmediate)
    }
    await until('all acknowledged', () => pubacks(broker, clientId).length === 500)
    expect(pubacks(broker, clientId)).toEqual(countTo(500).map((n) => n + 1))
    expect(consumer.rows.map((it) => it.value)).toEqual(countTo(500))
    expect(source.status()).toMatchObject({ state: 'up', details: { unacknowledged: 0 } })
  })

  test('killed: what was not durable comes again, with DUP, and nothing is lost', async () => {
    const clientId = `again-${version}`
    folder = tempDir()
    const settings = { ...defaults(broker.port), version, clientId }
    // It shall have subscribed before the messages come, and find them all waiting.
    const early = start({ version, clientId }, { dir: folder.path })
    await early.isUp()
    await early.consumer.stop()
    await publish(200)
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'half-durable.main.ts'), JSON.stringify(settings), folder.path],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      const durable = JSON.parse(line.toString()) as number[]
      expect(durable.length).toBeGreaterThan(0)
      await until('its PUBACKs are there', () => pubacks(broker, clientId).length >= durable.length)
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect(pubacks(broker, clientId)).toHaveLength(durable.length)
      const sentBefore = dups(broker, clientId)
      const { consumer } = start({ version, clientId }, { commitMs: 5, dir: folder.path })
      await until('the rest came', () => consumer.rows.length >= 200 - durable.length)
      expect([...durable, ...consumer.rows.map((it) => it.value)]).toEqual(countTo(200))
      expect(dups(broker, clientId) - sentBefore).toBeGreaterThan(0)
      await until('and acknowledged', () => pubacks(broker, clientId).length === 200)
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('a restart finds its session, what came meanwhile, and drops subscriptions of earlier settings', async () => {
    const clientId = `restart-${version}`
    const both = [
      { topic: 'plant/{n}', tag: '{n}', class: 'process' },
      { topic: 'old/#', tag: 'old', class: 'process' },
    ]
    const one = start({ version, clientId, subscribe: both }, { commitMs: 5 })
    await one.isUp()
    await one.consumer.stop()
    expect(one.source.status().state).toBe('stopped')
    await publish(50)
    const two = start({ version, clientId, subscribe: both.slice(0, 1) }, { commitMs: 5, dir: folder.path })
    await until('what came meanwhile is here', () => two.consumer.rows.length === 50)
    await two.isUp()
    await until('the old subscription is gone', () => broker.log().includes(`Received UNSUBSCRIBE from ${clientId}`))
    expect(two.source.status()).toMatchObject({ details: { session: 'resumed' } })
    expect(two.source.status().notes).toBeUndefined()
  })
})

test('a session that the broker has lost is counted, also across a restart of ours', async () => {
  const fragile = await startMosquitto({ lines: UNBOUNDED })
  try {
    const clientId = 'forgotten'
    const one = start({ clientId }, { commitMs: 5, port: fragile.port })
    await one.isUp()
    await publish(10, { port: fragile.port })
    await until('received', () => one.consumer.rows.length === 10)
    await fragile.stop()
    await until('down', () => one.source.status().state === 'down')
    expect(one.source.status().remedy).not.toBe('')
    await fragile.start()
    await one.isUp()
    expect(one.source.status().notes).toEqual({ 'session-lost': 1 })
    await publish(10, { port: fragile.port, from: 10 })
    await until('received again', () => one.consumer.rows.length === 20)
    await one.consumer.stop()
    await fragile.stop()
    await fragile.start()
    const two = start({ clientId }, { commitMs: 5, port: fragile.port, dir: folder.path })
    await two.isUp()
    expect(two.source.status().notes).toEqual({ 'session-lost': 1 })
    expect(two.lines.filter((it) => it.fields.code === 'session-lost')).toHaveLength(1)
  } finally {
    await fragile.remove()
  }
})

test('a broker that keeps its sessions may restart: nothing is lost', async () => {
  const lasting = await startMosquitto({ lines: [...UNBOUNDED, 'persistence true', 'persistence_location DIR/'] })
  try {
    const { consumer, isUp, source } = start({}, { port: lasting.port })
    await isUp()
    await publish(100, { port: lasting.port })
    await until('something came', () => consumer.rows.length > 0)
    // Nothing was acknowledged: the broker saves all of it.
    await lasting.stop('SIGTERM')
    await until('down', () => source.status().state === 'down')
    // Before it is back: what it sends again may be here before we see that it is up.
    consumer.rows.length = 0
    await lasting.start()
    await isUp()
    await until('all here again', () => {
      consumer.commitNow()
      return new Set(consumer.rows.map((it) => it.value)).size === 100
    })
    expect(source.status().notes).toBeUndefined()
  } finally {
    await lasting.remove()
  }
})

describe('nobody pulls', () => {
  const items = Array.from({ length: 1_000 }, (_, n) => ({ id: `t${n}`, value: n }))
  const subscribe = (qos: 0 | 1) => [{ topic: 'many', tag: '{$.id}', items: '$', class: 'process', qos }]

  test('QoS 1 waits at the broker within bounds and loses nothing', async () => {
    const { consumer, isUp, source } = start({ subscribe: subscribe(1), keepAlive: '2s' }, { keepRows: false })
    await isUp()
    await publish(300, { topic: 'many', payload: () => items })
    await until('two batches wait', () => consumer.items.length === 2)
    // Two batches with the consumer, and at most the bound and one message here.
    await until('full', () => Number(source.status().details?.unacknowledged) > 100)
    const held = () => Number(source.status().details?.unacknowledged)
    let before = -1
    await until('it has stopped', () => {
      const isStill = held() === before
      before = held()
      return isStill && before < 300
    })
    // Longer than any keep alive would bear without an answer to its pings.
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    expect(source.status().state).toBe('up')
    expect(held()).toBeLessThan(300)
    let count = 0
    await until('all came', () => {
      count += consumer.items.reduce((sum, it) => sum + it.batch.count, 0)
      consumer.commitNow()
      return count === 300_000
    })
    await until('all acknowledged', () => {
      consumer.commitNow()
      return held() === 0
    })
    expect(consumer.refused).toEqual({})
  })

  test('QoS 0 is counted as overflow, to the last reading', async () => {
    const { consumer, isUp } = start({ subscribe: subscribe(0) }, { keepRows: false })
    await isUp()
    await publish(300, { topic: 'many', qos: 0, payload: () => items })
    let count = 0
    const collect = () => {
      count += consumer.items.reduce((sum, it) => sum + it.batch.count, 0)
      consumer.commitNow()
    }
    await until('two batches wait', () => consumer.items.length === 2)
    const marker = await publisher(broker.port)
    publishers.push(marker)
    // The consumer stands still until the last of the 300 went through the socket.
    await until(
      'all were sent',
      () => (broker.log().match(/Sending PUBLISH to source-[\d.]+ \(d0, q0, r0, m0, 'many'/g) ?? []).length === 300,
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await until('all accounted for', () => {
      collect()
      return count + (consumer.refused.overflow ?? 0) === 300_000
    })
    expect(consumer.refused.overflow).toBeGreaterThan(0)
    expect(count).toBeGreaterThanOrEqual(100_000)
  })
})

test('messages without a reading are acknowledged in their turn', async () => {
  const clientId = 'empty'
  const { consumer, isUp } = start({ clientId, subscribe: [{ topic: 'many', tag: '{$.id}', items: '$', class: 'process' }] })
  await isUp()
  await publish(1, { topic: 'many', payload: () => [] })
  await until('acknowledged, as there is nothing to wait for', () => pubacks(broker, clientId).length === 1)
  await publish(1, { topic: 'many', payload: () => [{ id: 'x', value: 1 }] })
  await until('a batch', () => consumer.items.length === 1)
  await publish(1, { topic: 'many', payload: () => [] })
  await publish(1, { topic: 'many', payload: () => [{ id: 'x', value: 2 }] })
  await until('another', () => consumer.items.length === 2)
  expect(pubacks(broker, clientId)).toHaveLength(1)
  consumer.commitNow()
  await until('all', () => pubacks(broker, clientId).length === 4)
})

test('the end: what was taken in is handed out, and acknowledged once durable', async () => {
  const clientId = 'ending'
  const { consumer, isUp, source } = start({ clientId }, { commitMs: 100 })
  await isUp()
  await publish(100)
  await until('something came', () => consumer.rows.length > 0)
  await consumer.stop()
  expect(source.status().state).toBe('stopped')
  await until('the broker knows', () => broker.log().includes(`Received DISCONNECT from ${clientId}`))
  expect(pubacks(broker, clientId)).toHaveLength(consumer.rows.length)
})

test('bad payloads are bad readings or counted, and the good ones go on', async () => {
  const { consumer, isUp, source, lines } = start({}, { commitMs: 5 })
  await isUp()
  const client = await publisher(broker.port)
  publishers.push(client)
  for (const payload of ['{"value":1}', '\u0000\u0001', '', '{"value":', '{"value":2}'])
    await client.publishAsync('plant/a', payload, { qos: 1 })
  await until('five readings', () => consumer.rows.length === 5)
  expect(consumer.rows.map((it) => [it.value, it.quality])).toEqual([
    [1, 0],
    [undefined, 2],
    [undefined, 2],
    [undefined, 2],
    [2, 0],
  ])
  expect(source.status().details?.unreadable).toBe(3)
  expect(lines.filter((it) => it.fields.code === 'unreadable')).toHaveLength(1)
})
