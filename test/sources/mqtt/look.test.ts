// Looking round: topics of a broker, a test of a source at work, brokers of a host.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findBrokers } from '../../../src/clients/mqtt/find.ts'
import type { BrowseEntry, TestStep } from '../../../src/core/source.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { makeCertificates } from './certificates.ts'
import type { Consumer } from './harness.ts'
import { consume, openSource, publisher, tempDir, until } from './harness.ts'
import type { Mosquitto } from './mosquitto.ts'
import { freePort, startMosquitto } from './mosquitto.ts'

let broker: Mosquitto
let folder: ReturnType<typeof tempDir>
const running: Consumer[] = []
beforeAll(async () => {
  broker = await startMosquitto()
})
afterAll(() => broker.remove())
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
  folder?.remove()
})

async function start() {
  folder = tempDir()
  const subscribe = [{ topic: 'none/#', tag: 'a', class: 'process' }]
  const { source } = openSource({ url: `mqtt://127.0.0.1:${broker.port}`, insecure: 'a test', subscribe }, folder.path)
  const consumer = consume(source, { commitMs: 5 })
  running.push(consumer)
  await until('up', () => source.status().state === 'up')
  return { source, consumer }
}

async function listOf<T>(entries: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const it of entries ?? []) all.push(it)
  return all
}

describe('browse', () => {
  test('shows what is kept and what comes, level by level, with the line that reads it', async () => {
    const { source, consumer } = await start()
    const client = await publisher(broker.port)
    await client.publishAsync('hall/1/t', '{"ts":1790000000000,"temp":21.5,"unit":"C"}', { retain: true })
    await client.publishAsync('hall/1', 'on', { retain: true })
    await client.publishAsync('hall/raw', Buffer.from([0, 255]), { retain: true })
    const live = setInterval(() => client.publish('hall/2/v', '{"value":true}'), 20)
    try {
      const browse = (request: object) => listOf(source.browse?.({ limit: 100, ...request }, new AbortController().signal))
      const [root, hall, one, searched, few] = await Promise.all([
        browse({}),
        browse({ node: 'hall' }),
        browse({ node: 'hall/1/' }),
        browse({ search: 'HALL v' }),
        browse({ node: 'hall/+/+', limit: 1 }),
      ])
      expect(root.map((it) => [it.node, it.isFolder, it.value])).toEqual([['hall', true, null]])
      expect(hall.map((it) => [it.node, it.isFolder, it.value?.text, it.value?.type])).toEqual([
        ['hall/1', true, 'on', 'text'],
        ['hall/2', true, undefined, undefined],
        ['hall/raw', false, '00ff', 'bytes'],
      ])
      expect(one).toEqual<BrowseEntry[]>([
        {
          node: 'hall/1/t',
          name: 't',
          path: ['hall', '1'],
          isFolder: false,
          value: { kind: 'string', text: '{"ts":1790000000000,"temp":21.5,"unit":"C"}', quality: 'good', type: 'JSON object' },
          line: { topic: 'hall/1/t', qos: 1, tag: 'hall/1/t', value: 'temp', time: 'ts' },
        },
      ])
      expect(searched.map((it) => [it.node, it.line])).toEqual([['hall/2/v', { topic: 'hall/2/v', qos: 1, tag: 'hall/2/v' }]])
      expect(few).toHaveLength(1)
      // Each line is one that the settings take.
      for (const { line } of [...one, ...searched])
        mqttSettings.parse({ url: 'mqtt://h', insecure: 'a test', subscribe: [{ ...line, class: 'process' }] })
      await expect(browse({ node: 'a/#/b' })).rejects.toThrow('comes last')
    } finally {
      clearInterval(live)
      await client.endAsync(true)
    }
    expect([consumer.rows, consumer.refused, source.status().state]).toEqual([[], {}, 'up'])
    await broker.stop()
    await expect(listOf(source.browse?.({ limit: 1 }, new AbortController().signal))).rejects.toMatchObject({ code: 'refused' })
    await broker.start()
  })
})

test('a test of the source at work uses its connection; without one, the steps of a new one say why', async () => {
  const { source } = await start()
  const client = await publisher(broker.port)
  const clients = () => (broker.log().match(/New client connected/g) ?? []).length
  const before = clients()
  const steps = () => listOf<TestStep>(source.test?.(new AbortController().signal))
  const first = steps()
  await client.publishAsync('none/x', '{"value":7}')
  expect(await first).toMatchObject([
    { step: 'CONNECT', ok: true },
    { step: 'SUBSCRIBE', ok: true, detail: '1 filters' },
    { step: 'next message', ok: true, detail: 'on none/x, 11 bytes: {"value":7}' },
  ])
  expect(clients()).toBe(before)
  await client.endAsync()
  await broker.stop()
  await until('down', () => source.status().state === 'down')
  expect((await steps()).at(-1)).toMatchObject({ step: 'TCP', ok: false, remedy: expect.stringMatching(/broker running/) })
  await broker.start()
})

test('find: brokers that let anybody in, that want a user, that have TLS; and what is none', async () => {
  const signal = new AbortController().signal
  folder = tempDir()
  const certificates = makeCertificates(join(folder.path, 'certificates'))
  const tlsPort = await freePort()
  const guarded = await startMosquitto({
    lines: [
      'per_listener_settings true',
      'allow_anonymous false',
      'password_file DIR/users',
      `listener ${tlsPort} 127.0.0.1`,
      'allow_anonymous true',
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
    ],
    files: { 'ca.pem': certificates.ca, 'server.pem': certificates.server.cert, 'server.key': certificates.server.key },
    prepare: (dir) => execFileSync('mosquitto_passwd', ['-c', '-b', join(dir, 'users'), 'gateway', 'right']),
  })
  const other = createServer((socket) => socket.end('220 mail\r\n')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  try {
    const plain = (port: number) => ({ port, isEncrypted: false })
    const ports = [
      plain(broker.port),
      plain(guarded.port),
      { port: tlsPort, isEncrypted: true },
      plain((other.address() as { port: number }).port),
      plain(await freePort()),
      { port: broker.port, isEncrypted: true },
    ]
    expect(await findBrokers('127.0.0.1', signal, ports)).toEqual([
      {
        address: `127.0.0.1:${broker.port}`,
        detail: 'an MQTT broker: it lets anybody in',
        entry: { protocol: 'mqtt', url: `mqtt://127.0.0.1:${broker.port}`, subscribe: [] },
      },
      {
        address: `127.0.0.1:${guarded.port}`,
        detail: 'an MQTT broker: it wants a user and a password',
        entry: { protocol: 'mqtt', url: `mqtt://127.0.0.1:${guarded.port}`, subscribe: [] },
      },
      {
        address: `127.0.0.1:${tlsPort}`,
        detail: 'an MQTT broker with TLS: it lets anybody in',
        entry: { protocol: 'mqtt', url: `mqtts://127.0.0.1:${tlsPort}`, subscribe: [] },
      },
    ])
  } finally {
    await guarded.remove()
    other.close()
  }
})
