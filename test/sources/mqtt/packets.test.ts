// Packets as the broker may send them: too large, repeated, kept, shared.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { TestStep } from '../../../src/core/source.ts'
import type { Consumer } from './harness.ts'
import { consume, openSource, publisher, tempDir, until } from './harness.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'

let broker: Mosquitto
let folder: ReturnType<typeof tempDir>
const running: Consumer[] = []
beforeAll(async () => {
  broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
})
afterAll(() => broker.remove())
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
  folder?.remove()
})

async function start(settings: object = {}, port = broker.port, isUp = true) {
  folder = tempDir()
  const entry = { topic: 'plant/#', tag: 'a', class: 'process' }
  const opened = openSource(
    { url: `mqtt://127.0.0.1:${port}`, insecure: 'a test', clientId: `c-${Math.random()}`, subscribe: [entry], ...settings },
    folder.path,
  )
  const consumer = consume(opened.source, { commitMs: 5 })
  running.push(consumer)
  if (isUp) await until('up', () => opened.source.status().state === 'up')
  return { ...opened, consumer }
}

async function publish(messages: readonly (readonly [topic: string, payload: string | Buffer])[], options: object = {}) {
  const client = await publisher(broker.port)
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1, ...options })
  await client.endAsync()
}

/** Something between the source and the broker. */
async function startGate(join: (client: Socket, broker: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const to = connect(broker.port, '127.0.0.1')
    for (const [it, other] of [[client, to] as const, [to, client] as const]) {
      sockets.add(it)
      it.on('error', () => {}).on('close', () => other.destroy())
    }
    join(client, to)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const it of sockets) it.destroy()
  }
  return {
    port: (server.address() as { port: number }).port,
    cut,
    close() {
      cut()
      server.close()
    },
  }
}

describe('packets larger than packetBytesMax', () => {
  const large = (bytes: number) => JSON.stringify({ value: 1, more: 'x'.repeat(bytes) })

  test('in 3.1.1 are passed over, named and acknowledged; the ones beside them come whole', async () => {
    const { consumer, source } = await start({ packetBytesMax: '10kB' })
    const messages = [1, 2, 3, 4, 5, 6].flatMap((n) => [
      ['plant/a', JSON.stringify({ value: n })] as const,
      ['plant/a', large(n * 20_000)] as const,
      ['plant/a', JSON.stringify({ value: n, more: 'x'.repeat(9_000) })] as const,
    ])
    await publish(messages)
    await until('all', () => consumer.rows.length === 12 && consumer.refused['too-large'] === 6)
    expect(consumer.rows.map((it) => it.value)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
    await until('all acknowledged', () => source.status().details?.unacknowledged === 0)
    expect(source.status().state).toBe('up')
  })

  test('in 5 the broker keeps them to itself', async () => {
    const { consumer } = await start({ packetBytesMax: '10kB', version: 5 })
    await publish([
      ['plant/a', large(50_000)],
      ['plant/a', '{"value":2}'],
    ])
    await until('the other', () => consumer.rows.length === 1)
    expect(consumer.refused).toEqual({})
  })

  test('of another kind end the connection, with the reason', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      // CONNACK, then a SUBACK of 200 MB.
      socket.once('data', () => socket.write(Buffer.from('2002000090ffffff7f00', 'hex')))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { source } = await start({}, (server.address() as { port: number }).port, false)
      await until('it is told', () => source.status().code === 'packet-too-large')
      expect(source.status().lastError).toMatch(/more in one packet .* 268435455 bytes/)
    } finally {
      for (const it of sockets) it.destroy()
      server.close()
    }
  })

  test.each([
    ['PUBREL without a number', '2002000062000000'],
    ['QoS 2, which we never ask for', '20020000340700017400010000'],
    ['QoS 1 with the number 0', '200200003206000161000031'],
    ['a length without end', '2002000030ffffffff01'],
  ])('what no broker sends ends the connection and nothing else: %s', async (_what, hex) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(Buffer.from(hex, 'hex')))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { source } = await start({}, (server.address() as { port: number }).port, false)
    await until('it is told', () => source.status().code === 'packet-malformed')
    expect(source.status()).toMatchObject({ state: 'down', remedy: expect.stringMatching(/speak MQTT/) })
    await running.pop()?.stop()
    server.close()
  })

  test('cut anywhere by the network', async () => {
    // Every byte by itself, as far as headers go.
    const gate = await startGate((client, to) => {
      to.on('data', (chunk: Buffer) => {
        for (const byte of chunk.subarray(0, 4_000)) client.write(Buffer.from([byte]))
        client.write(chunk.subarray(4_000))
      })
      client.setNoDelay(true)
      client.pipe(to)
    })
    const { consumer } = await start({ packetBytesMax: '1kB' }, gate.port)
    await publish([
      ['plant/a', '{"value":1}'],
      ['plant/a', large(3_000)],
      ['plant/a', '{"value":2}'],
      ['plant/a', large(100_000)],
      ['plant/a', '{"value":3}'],
    ])
    await until('all', () => consumer.rows.length === 3 && consumer.refused['too-large'] === 2)
    gate.close()
  })
})

describe('many topics', () => {
  const BYTES_MAX = 150
  const topics = Array.from({ length: 30 }, (_, n) => `hall/machine-${n}/temperature`)
  const entry = (topic: string) => ({ topic, tag: topic, class: 'process' })

  test('are asked for in packets that the broker takes; one that fits into none is named', async () => {
    const small = await startMosquitto({ lines: ['allow_anonymous true', `max_packet_size ${BYTES_MAX}`, 'log_type all'] })
    onTestFinished(() => small.remove())
    const tooLong = `hall/${'x'.repeat(BYTES_MAX)}`
    const subscribe = [...topics.slice(0, 10), tooLong, ...topics.slice(10)].map(entry)
    const { source, consumer } = await start({ version: 5, clientId: 'c', subscribe }, small.port)
    expect(source.status()).toMatchObject({
      code: 'subscribe-refused',
      lastError: expect.stringContaining(`${tooLong} longer than the largest packet`),
      details: { subscribed: topics.length },
    })
    const client = await publisher(small.port)
    for (const [n, topic] of topics.entries()) await client.publishAsync(topic, `${n}`, { qos: 1 })
    await client.endAsync()
    await until('all', () => consumer.rows.length === topics.length)
    expect(consumer.rows.map((it) => it.value)).toEqual(topics.map((_, n) => n))
    const steps: TestStep[] = []
    for await (const it of source.test?.(new AbortController().signal) ?? []) steps.push(it)
    expect(steps.find((it) => it.step === 'SUBSCRIBE')).toMatchObject({ ok: false, detail: expect.stringContaining('wildcard') })
  })

  test('in 3.1.1, where a broker cannot say what it takes, are eight a packet; those that the settings drop go so too', async () => {
    const talks = await startMosquitto({ lines: ['allow_anonymous true', 'log_type all'] })
    onTestFinished(() => talks.remove())
    const packets = (name: string) => talks.log().split(`Received ${name} from c`).length - 1
    const first = await start({ clientId: 'c', subscribe: topics.map(entry) }, talks.port)
    expect(first.source.status().details?.subscribed).toBe(topics.length)
    expect(packets('SUBSCRIBE')).toBe(4)
    await first.consumer.stop()
    const next = openSource(
      { url: `mqtt://127.0.0.1:${talks.port}`, insecure: 'a test', clientId: 'c', subscribe: topics.slice(0, 1).map(entry) },
      folder.path,
    )
    running.push(consume(next.source))
    await until('up', () => next.source.status().state === 'up')
    await until('the others are gone', () => packets('UNSUBSCRIBE') === 4)
  })
})

describe('what the broker keeps', () => {
  test.each(['3.1.1', 5] as const)('in MQTT %s is taken and marked, or skipped', async (version) => {
    await publish([['kept/a', '{"value":1}']], { retain: true })
    const subscribe = (retained: string) => [{ topic: 'kept/#', tag: 'a', class: 'process', retained }]
    const taking = await start({ version, subscribe: subscribe('take') })
    const skipping = await start({ version, subscribe: subscribe('skip') })
    await publish([['kept/b', '{"value":2}']])
    await until('both', () => taking.consumer.rows.length === 2 && skipping.consumer.rows.length === 1)
    expect(taking.consumer.rows.map((it) => [it.value, it.status])).toEqual([
      [1, 2],
      [2, undefined],
    ])
    expect(skipping.consumer.rows.map((it) => [it.value, it.status])).toEqual([[2, undefined]])
  })
})

test('what comes again after a broken connection is marked', async () => {
  const gate = await startGate((client, to) => client.pipe(to).pipe(client))
  folder = tempDir()
  const held = openSource(
    {
      url: `mqtt://127.0.0.1:${gate.port}`,
      insecure: 'a test',
      clientId: 'again',
      subscribe: [{ topic: 'dup/a', tag: 'a', class: 'process' }],
    },
    folder.path,
  )
  // Nothing becomes durable before the connection breaks.
  const waiting = consume(held.source)
  running.push(waiting)
  await until('up', () => held.source.status().state === 'up')
  await publish([['dup/a', '{"value":1}']])
  await publish([['dup/a', '{"value":2}']])
  await until('both came', () => waiting.rows.length === 2)
  gate.cut()
  waiting.commitNow()
  await until('both came again', () => waiting.rows.length === 4)
  expect(waiting.rows.map((it) => [it.value, it.status])).toEqual([
    [1, undefined],
    [2, undefined],
    [1, 1],
    [2, 1],
  ])
  expect(held.source.status().details?.again).toBe(2)
  gate.close()
})

test('whoever stops reading and makes nothing durable waits for a while and not for ever, also where timers run ahead of the clock', async () => {
  folder = tempDir()
  const subscribe = [{ topic: 'end/a', tag: 'a', class: 'process' }]
  const held = openSource({ url: `mqtt://127.0.0.1:${broker.port}`, insecure: 'a test', clientId: 'end', subscribe }, folder.path)
  const waiting = consume(held.source)
  await until('up', () => held.source.status().state === 'up')
  await publish([['end/a', '{"value":1}']])
  await until('it came', () => waiting.rows.length === 1)
  Object.assign(held.context.clock, { monotonic: () => 0 })
  await waiting.stop()
  expect(waiting.items).toHaveLength(1)
})

test('a broker that freezes is noticed; once it goes on, so does the source, and nothing is lost', async () => {
  const frozen = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  const { consumer, source } = await start(
    { keepAlive: '2s', subscribe: [{ topic: 'f/{n}', tag: '{n}', class: 'process' }] },
    frozen.port,
  )
  const client = await publisher(frozen.port)
  await client.publishAsync('f/a', '{"value":1}', { qos: 1 })
  await until('the first', () => consumer.rows.length === 1)
  process.kill(frozen.pid(), 'SIGSTOP')
  const sent = [2, 3].map((value) => client.publishAsync('f/a', JSON.stringify({ value }), { qos: 1 }))
  await until('it is noticed', () => source.status().state === 'down')
  expect(source.status()).toMatchObject({ code: 'timeout', remedy: expect.any(String) })
  process.kill(frozen.pid(), 'SIGCONT')
  await Promise.all(sent)
  await until('the rest', () => new Set(consumer.rows.map((it) => it.value)).size === 3)
  await client.endAsync(true)
  await running.pop()?.stop()
  await frozen.remove()
})

test('a shared topic is divided between sources, and each message is read once', async () => {
  const subscribe = [{ topic: '$share/boxes/work/{n}', tag: 'n-{n}', class: 'process' }]
  const one = await start({ subscribe })
  const two = await start({ subscribe })
  const count = 200
  await publish(Array.from({ length: count }, (_, n) => ['work/x', JSON.stringify({ value: n })] as const))
  const values = () => [...one.consumer.rows, ...two.consumer.rows].map((it) => Number(it.value))
  await until('all came', () => values().length >= count)
  expect(values().toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n))
  expect(Math.min(one.consumer.rows.length, two.consumer.rows.length)).toBeGreaterThan(0)
  expect(one.consumer.rows[0]?.tag).toBe('n-x')
})

test('wildcards: + for one level, # for all that follow', async () => {
  const { consumer } = await start({
    subscribe: [
      { topic: 'w/+/t', tag: 'plus', class: 'process' },
      { topic: 'h/#', tag: 'hash', class: 'process' },
    ],
  })
  await publish(['w/a/t', 'w/a/b/t', 'w/b/t', 'h', 'h/a', 'h/a/b/c', 'hh'].map((it) => [it, `{"value":"${it}"}`] as const))
  await until('all came', () => consumer.rows.length >= 5)
  expect(consumer.rows.map((it) => [it.tag, it.value])).toEqual([
    ['plus', 'w/a/t'],
    ['plus', 'w/b/t'],
    ['hash', 'h'],
    ['hash', 'h/a'],
    ['hash', 'h/a/b/c'],
  ])
})
