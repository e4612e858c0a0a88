import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { mqttProtocol } from '../../../src/sources/mqtt/source.ts'
import type { TestStep } from '../../../src/core/source.ts'
import type { Certificates } from './certificates.ts'
import { makeCertificates } from './certificates.ts'
import type { Consumer } from './harness.ts'
import { consume, openSource, publisher, tempDir, until } from './harness.ts'
import type { Mosquitto } from './mosquitto.ts'
import { freePort, startMosquitto } from './mosquitto.ts'

const folder = tempDir()
let certificates: Certificates
let tlsPort = 0
let mutualPort = 0
/** Users on its plain port; TLS with users on another; TLS that asks for a client's certificate on a third. */
let broker: Mosquitto
const running: Consumer[] = []

beforeAll(async () => {
  certificates = makeCertificates(join(folder.path, 'certificates'))
  tlsPort = await freePort()
  mutualPort = await freePort()
  const tls = (port: number) => [
    `listener ${port} 127.0.0.1`,
    'cafile DIR/ca.pem',
    'certfile DIR/server.pem',
    'keyfile DIR/server.key',
  ]
  broker = await startMosquitto({
    lines: [
      'per_listener_settings true',
      'allow_anonymous false',
      'password_file DIR/users',
      'acl_file DIR/acl',
      ...tls(tlsPort),
      'allow_anonymous true',
      ...tls(mutualPort),
      'require_certificate true',
      'use_identity_as_username true',
    ],
    files: {
      'ca.pem': certificates.ca,
      'server.pem': certificates.server.cert,
      'server.key': certificates.server.key,
      acl: 'user gateway\ntopic read plant/#\nuser plant\ntopic write plant/#\n',
    },
    prepare: (dir) => {
      execFileSync('mosquitto_passwd', ['-c', '-b', join(dir, 'users'), 'gateway', 'right'])
      execFileSync('mosquitto_passwd', ['-b', join(dir, 'users'), 'plant', 'too'])
    },
  })
})
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
})
afterAll(async () => {
  await broker.remove()
  folder.remove()
})

const subscribe = [{ topic: 'plant/#', tag: 't', class: 'process' }]
const insecure = 'a test'
const plain = (more: object = {}) => ({
  url: `mqtt://127.0.0.1:${broker.port}`,
  insecure,
  subscribe,
  clientId: `s-${Math.random()}`,
  ...more,
})
const secured = (more: object = {}) => plain({ url: `mqtts://localhost:${tlsPort}`, tls: { ca: certificates.ca }, ...more })

function start(settings: object) {
  const { source, lines } = openSource(settings, folder.path)
  const consumer = consume(source, { commitMs: 5 })
  running.push(consumer)
  return { source, lines, consumer }
}

describe('state, reason and remedy', () => {
  test.each([
    ['a wrong password, 3.1.1', () => plain({ user: 'gateway', password: 'wrong' }), 'not-authorised|bad-credentials', /user/],
    [
      'a wrong password, 5',
      () => plain({ user: 'gateway', password: 'wrong', version: 5 }),
      'not-authorised|bad-credentials',
      /user/,
    ],
    ['no user where one is needed', () => plain(), 'not-authorised|bad-credentials', /user/],
    ['an authority that did not sign', () => secured({ tls: { ca: certificates.otherCa } }), 'certificate-untrusted', /tls\.ca/],
    ['an authority that nobody named', () => secured({ tls: {} }), 'certificate-untrusted', /tls\.ca/],
    [
      'a certificate for another host',
      () => secured({ url: `mqtts://127.0.0.1:${tlsPort}` }),
      'certificate-wrong-name',
      /tls\.serverName/,
    ],
    [
      'no client certificate where one is needed',
      () => secured({ url: `mqtts://localhost:${mutualPort}` }),
      'client-certificate-refused',
      /tls\.cert/,
    ],
    ['TLS on a plain port', () => secured({ url: `mqtts://localhost:${broker.port}` }), 'no-tls|reset|closed|failed', /./],
    [
      'a PEM that is none',
      () => secured({ tls: { ca: '-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----' } }),
      'certificate-unreadable|certificate-untrusted',
      /PEM|tls/,
    ],
    ['nobody there', () => plain({ url: 'mqtt://127.0.0.1:9' }), 'refused', /running/],
    ['a name that nobody knows', () => plain({ url: 'mqtt://nobody.invalid' }), 'dns', /name/],
  ])('%s', async (_what, settings, code, remedy) => {
    const { source } = start(settings())
    await until('it says so', () => source.status().code !== undefined)
    const status = source.status()
    expect(status.state).toBe('down')
    expect(status.code).toMatch(new RegExp(`^(${code})$`))
    expect(status.remedy).toMatch(remedy)
    expect(status.lastError).not.toContain('undefined')
  })

  test('a failure that goes on is one line in the log', async () => {
    const { source, lines } = start(plain({ url: 'mqtt://127.0.0.1:9' }))
    await until('tried twice', () => lines.filter((it) => it.fields.code === 'refused').length >= 2)
    expect(lines.filter((it) => it.fields.code === 'refused' && it.level === 'warn')).toHaveLength(1)
    expect(source.status().state).toBe('down')
  })
})

test('a user, TLS with our own authority, another name, a client certificate: readings come', async () => {
  const ways = [
    plain({ user: 'gateway', password: 'right' }),
    plain({ user: 'gateway', password: 'right', version: 5 }),
    secured(),
    secured({ url: `mqtts://127.0.0.1:${tlsPort}`, tls: { ca: certificates.ca, serverName: 'broker.plant' } }),
    secured({ url: `mqtts://localhost:${mutualPort}`, tls: { ca: certificates.ca, ...certificates.client } }),
  ]
  const sources = ways.map(start)
  await until('all are up', () => sources.every(({ source }) => source.status().state === 'up'))
  const client = await publisher(broker.port, { username: 'plant', password: 'too' })
  await client.publishAsync('plant/x', '{"value":7}', { qos: 1 })
  await client.endAsync(true)
  await until('all have it', () => sources.every(({ consumer }) => consumer.rows.length === 1))
})

test('a broker whose certificate has expired and is renewed: the source is back by itself', async () => {
  const port = await freePort()
  const renewed = await startMosquitto({
    lines: [
      'allow_anonymous true',
      `listener ${port} 127.0.0.1`,
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
    ],
    files: { 'ca.pem': certificates.ca, 'server.pem': certificates.expired.cert, 'server.key': certificates.expired.key },
  })
  const { source, consumer } = start(secured({ url: `mqtts://localhost:${port}` }))
  await until('it is told', () => source.status().code === 'certificate-expired')
  await renewed.stop()
  writeFileSync(join(renewed.dir, 'server.pem'), certificates.server.cert)
  writeFileSync(join(renewed.dir, 'server.key'), certificates.server.key)
  await renewed.start()
  await until('up', () => source.status().state === 'up')
  const client = await publisher(renewed.port)
  await client.publishAsync('plant/x', '{"value":9}', { qos: 1 })
  await client.endAsync(true)
  await until('it reads', () => consumer.rows.length === 1)
  await running.pop()?.stop()
  await renewed.remove()
})

async function steps(settings: object): Promise<TestStep[]> {
  const { context } = openSource(plain(), folder.path)
  const list: TestStep[] = []
  for await (const it of mqttProtocol.test(mqttSettings.parse(settings), context, AbortSignal.timeout(40_000))) list.push(it)
  return list
}
const shown = (list: TestStep[]) => list.map(({ step, ok }) => `${step} ${ok ? 'ok' : 'failed'}`)

describe('sources test', () => {
  test('all is well, and a message comes', async () => {
    const client = await publisher(broker.port, { username: 'plant', password: 'too' })
    const timer = setInterval(() => client.publish('plant/x', '{"value":7}'), 50)
    const list = await steps(plain({ user: 'gateway', password: 'right' }))
    clearInterval(timer)
    await client.endAsync(true)
    expect(shown(list)).toEqual(['DNS ok', 'TCP ok', 'CONNECT ok', 'SUBSCRIBE ok', 'first message ok'])
    expect(list.at(-1)?.detail).toBe('on plant/x, 11 bytes: {"value":7}')
    expect(list[3]?.detail).toBe('plant/#: granted with QoS 1')
  })

  test('TLS: the certificate is shown; no message is no failure', async () => {
    const list = await steps(secured())
    expect(shown(list)).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'CONNECT ok', 'SUBSCRIBE ok', 'first message ok'])
    expect(list[2]?.detail).toMatch(
      /certificate of server \(DNS:localhost, DNS:broker\.plant\), signed by ca, valid until .*trusted, and for localhost/,
    )
    expect(list[5]?.detail).toMatch(/none within 5 s/)
  })

  test.each([
    ['wrong password', () => plain({ user: 'gateway', password: 'wrong' }), ['DNS ok', 'TCP ok', 'CONNECT failed'], /user/],
    ['wrong authority', () => secured({ tls: { ca: certificates.otherCa } }), ['DNS ok', 'TCP ok', 'TLS failed'], /tls\.ca/],
    [
      'wrong name',
      () => secured({ tls: { ca: certificates.ca, serverName: 'x.y' } }),
      ['DNS ok', 'TCP ok', 'TLS failed'],
      /serverName/,
    ],
    ['nobody there', () => plain({ url: 'mqtt://127.0.0.1:9' }), ['DNS ok', 'TCP failed'], /running/],
    ['unknown name', () => plain({ url: 'mqtt://nobody.invalid' }), ['DNS failed'], /name/],
  ])('%s: the step that fails is the last, with what to do', async (_what, settings, expected, remedy) => {
    const list = await steps(settings())
    expect(shown(list)).toEqual(expected)
    expect(list.at(-1)?.remedy).toMatch(remedy)
  })

  test('a port that takes connections and says nothing', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const list = await steps(plain({ url: `mqtt://127.0.0.1:${(silent.address() as { port: number }).port}` }))
    expect(shown(list)).toEqual(['DNS ok', 'TCP ok', 'CONNECT failed'])
    expect(list.at(-1)?.remedy).toMatch(/firewall|MQTT/)
    silent.close()
  })
})

describe('what the broker does not grant', () => {
  let strict: Mosquitto | undefined
  afterEach(async () => {
    await strict?.remove()
    strict = undefined
  })
  const some = [...subscribe, { topic: 'secret/#', tag: 's', class: 'process' }]

  /** A broker whose only user may do all below plant/, and nothing else. */
  async function startStrict(): Promise<Mosquitto> {
    const plugin = globSync('/usr/lib/*/mosquitto_dynamic_security.so')[0] as string
    return await startMosquitto({
      lines: ['allow_anonymous false', `plugin ${plugin}`, 'plugin_opt_config_file DIR/dynamic.json'],
      prepare: (dir) => {
        const file = join(dir, 'dynamic.json')
        execFileSync('mosquitto_ctrl', ['dynsec', 'init', file, 'gateway', 'right'], { stdio: 'ignore' })
        const rules = JSON.parse(readFileSync(file, 'utf8')) as { roles: { acls: object[] }[] }
        const [role] = rules.roles
        if (role) {
          const types = ['subscribePattern', 'publishClientReceive', 'publishClientSend']
          role.acls = types.map((acltype) => ({ acltype, topic: 'plant/#', priority: 0, allow: true }))
        }
        writeFileSync(file, JSON.stringify(rules))
      },
    })
  }

  test.each(['3.1.1', 5] as const)('a refused topic is named, and the others go on (%s)', async (version) => {
    strict = await startStrict()
    const settings = plain({
      url: `mqtt://127.0.0.1:${strict.port}`,
      user: 'gateway',
      password: 'right',
      version,
      subscribe: some,
    })
    const { source, consumer } = start(settings)
    await until('it says so', () => source.status().code !== undefined)
    expect(source.status()).toMatchObject({ state: 'up', code: 'subscribe-refused', details: { subscribed: 1 } })
    expect(source.status().lastError).toMatch(/secret\/# (refused|not authorised)/)
    const client = await publisher(strict.port, { username: 'gateway', password: 'right' })
    await client.publishAsync('plant/x', '{"value":7}', { qos: 1 })
    await client.endAsync(true)
    await until('it has it', () => consumer.rows.length === 1)
    const list = await steps(settings)
    expect(shown(list)).toEqual(['DNS ok', 'TCP ok', 'CONNECT ok', 'SUBSCRIBE failed'])
  })

  test('all refused is down', async () => {
    strict = await startStrict()
    const { source } = start(
      plain({ url: `mqtt://127.0.0.1:${strict.port}`, user: 'gateway', password: 'right', subscribe: some.slice(1) }),
    )
    await until('it says so', () => source.status().code !== undefined)
    expect(source.status()).toMatchObject({ state: 'down', code: 'subscribe-refused' })
  })

  test('QoS 0 where 1 was asked for is said', async () => {
    strict = await startMosquitto({ lines: ['max_qos 0', 'allow_anonymous true'] })
    const { source } = start(plain({ url: `mqtt://127.0.0.1:${strict.port}` }))
    await until('it says so', () => source.status().code !== undefined)
    expect(source.status()).toMatchObject({ state: 'up', code: 'qos-lowered' })
  })
})
