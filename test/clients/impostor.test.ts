// Somebody sits between us and the far end, with a certificate that is not right: they see no byte of us behind the handshake, no password
// and no reading, and what is said names why. The same way with the right certificate brings bytes, so the count is one.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:tls'
import { createServer } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { tokenSource } from '../../src/clients/kafka/oauth.ts'
import { socketKeeper } from '../../src/clients/kafka/sockets.ts'
import { Unreachable } from '../../src/core/errors.ts'
import { box } from '../../src/uplinks/box/index.ts'
import { openUplink as openMqtt } from '../../src/uplinks/mqtt/uplink.ts'
import type { Issued } from '../access/authority.ts'
import { authority, selfSigned } from '../access/authority.ts'
import { consume, openSource, tempDir, until } from '../sources/mqtt/harness.ts'
import { openFor } from '../uplinks/kafka/cluster.ts'
import { contextWith, settingsOf as mqttSettingsOf } from '../uplinks/mqtt/harness.ts'

const SECRETS = { user: 'gateway', password: 'canary-to-nobody' }
const folder = tempDir()
let ca = ''
let shown: Record<'right' | 'another host' | 'expired' | 'self-signed' | 'another authority', Issued>
const impostors: Impostor[] = []

beforeAll(async () => {
  const [plant, other] = [await authority('Plant'), await authority('Other')]
  ca = plant.cert
  const name = 'localhost'
  shown = {
    right: await plant.issue({ name }),
    'another host': await plant.issue({ name: 'elsewhere.plant' }),
    expired: await plant.issue({ name, fromDays: -3, days: 2 }),
    'self-signed': await selfSigned(name),
    'another authority': await other.issue({ name }),
  }
})
afterEach(async () => {
  for (const it of impostors.splice(0)) await it.close()
})
afterAll(() => folder.remove())

interface Impostor {
  readonly port: number
  /** Bytes of us that were read, behind the handshake. */
  seen(): number
  /** There was a connection, and all that came are closed. */
  isOver(): boolean
  close(): Promise<void>
}

/** Answers nothing; whoever has spoken is cut off. */
async function listen({ cert, key }: Issued): Promise<Impostor> {
  let seen = 0
  let [begun, ended] = [0, 0]
  const server: Server = createServer({ cert, key }, (socket) => {
    socket
      .on('error', () => {})
      .on('data', (part: Buffer) => {
        seen += part.length
        socket.destroy()
      })
  })
  // Above is known only who has finished the handshake.
  server
    .on('tlsClientError', () => {})
    .on('connection', (socket) => {
      begun++
      socket.once('close', () => ended++)
    })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const impostor = {
    port: (server.address() as AddressInfo).port,
    seen: () => seen,
    isOver: () => begun > 0 && ended === begun,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
  impostors.push(impostor)
  return impostor
}

/** Tries to come in, until it is known that it does not go; gives what is said then. */
type Way = (port: number) => Promise<unknown>
const failing = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined).catch((error: unknown) => error)
const signal = AbortSignal.timeout(600_000)

const kafkaWay =
  (client: 'direct' | 'kafkajs'): Way =>
  (port) => {
    const sasl = { mechanism: 'plain', ...SECRETS } as const
    const open = openFor(`localhost:${port}`, 'hf-1', { client, tls: { ca }, sasl })
    return failing(open.then((it) => it.position(signal).finally(() => it.close())))
  }

const tokenWay: Way = async (port) => {
  const sockets = socketKeeper(undefined)
  const { user: clientId, password: clientSecret } = SECRETS
  const access = { mechanism: 'oauthbearer', tokenEndpoint: `https://localhost:${port}/token`, clientId, clientSecret } as const
  return await failing(tokenSource(access, { ca, sockets })()).finally(() => sockets.destroy())
}

const boxWay: Way = async (port) => {
  const { password } = SECRETS
  const uplink = await box.open({ url: `https://localhost:${port}`, password, tls: { ca } }, contextWith())
  return await failing(uplink.position(signal)).finally(() => uplink.close())
}

const mqttWay: Way = (port) =>
  failing(openMqtt(mqttSettingsOf(0, { url: `mqtts://localhost:${port}`, tls: { ca }, ...SECRETS }), contextWith()))

const mqttSourceWay: Way = async (port) => {
  const subscribe = [{ topic: 'plant/#', tag: 't', class: 'process' }]
  const { source } = openSource({ url: `mqtts://localhost:${port}`, tls: { ca }, ...SECRETS, subscribe }, folder.path)
  const consumer = consume(source)
  await until('it says so', () => source.status().code !== undefined)
  await consumer.stop()
  const { code = '', lastError, remedy } = source.status()
  return new Unreachable(code, lastError ?? '', remedy === undefined ? {} : { remedy })
}

const KAFKA_CODES = { host: 'tls-hostname', time: 'tls-expired', trust: 'tls-untrusted' }
const MQTT_CODES = { host: 'certificate-wrong-name', time: 'certificate-expired', trust: 'certificate-untrusted' }

describe.each([
  ['Kafka, our client', kafkaWay('direct'), KAFKA_CODES],
  ['Kafka, kafkajs', kafkaWay('kafkajs'), KAFKA_CODES],
  ["Kafka's token endpoint", tokenWay, KAFKA_CODES],
  ['another box', boxWay, KAFKA_CODES],
  ['MQTT uplink', mqttWay, MQTT_CODES],
  ['MQTT source', mqttSourceWay, MQTT_CODES],
] as const)('%s', (_, way, codes) => {
  const wrong = { 'another host': 'host', expired: 'time', 'self-signed': 'trust', 'another authority': 'trust' } as const

  test('no certificate that is wrong gets a byte', async () => {
    const all = Object.entries(wrong) as [keyof typeof wrong, keyof typeof codes][]
    await Promise.all(
      all.map(async ([certificate, why]) => {
        const { port, seen, isOver } = await listen(shown[certificate])
        const said = await way(port)
        expect(said, certificate).toMatchObject({
          name: 'Unreachable',
          code: codes[why],
          remedy: expect.stringMatching(/\w/),
        })
        expect(String(said)).not.toContain(SECRETS.password)
        // All of a connection has been read once it is closed, and whoever has said so opens no other.
        await until('all connections ended', isOver)
        expect(seen(), certificate).toBe(0)
      }),
    )
  })

  test('the right one does', async () => {
    const { port, seen } = await listen(shown.right)
    await way(port)
    expect(seen()).toBeGreaterThan(0)
  })
})
