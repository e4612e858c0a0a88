// Who the broker is and who we are is settled before the first byte of a reading; and `uplinks test` says what is wrong, step by step.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestStep } from '../../../src/core/source.ts'
import { mqttSettingsSchema } from '../../../src/uplinks/mqtt/settings.ts'
import { testUplink } from '../../../src/uplinks/mqtt/test-steps.ts'
import { openUplink } from '../../../src/uplinks/mqtt/uplink.ts'
import type { Certificates } from '../../sources/mqtt/certificates.ts'
import { makeCertificates } from '../../sources/mqtt/certificates.ts'
import type { Mosquitto } from '../../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../../sources/mqtt/mosquitto.ts'
import { contextWith, NEVER, settingsOf, subscriber, withSlices } from './harness.ts'
import { doubles, positionOf, rawStream } from '../kafka/slices.ts'

let dir: string
let certificates: Certificates
let tlsPort = 0
/** Users on its plain port; TLS that asks for a client's certificate on another. */
let broker: Mosquitto

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-mqtt-security-'))
  certificates = makeCertificates(dir)
  tlsPort = await freePort()
  broker = await startMosquitto({
    lines: [
      'per_listener_settings true',
      'allow_anonymous false',
      'password_file DIR/users',
      'acl_file DIR/acl',
      `listener ${tlsPort} 127.0.0.1`,
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
      'require_certificate true',
      'use_identity_as_username true',
    ],
    files: {
      'ca.pem': certificates.ca,
      'server.pem': certificates.server.cert,
      'server.key': certificates.server.key,
      acl: 'user gateway\ntopic readwrite #\nuser reader\ntopic read #\n',
    },
    prepare(folder) {
      execFileSync('mosquitto_passwd', ['-c', '-b', join(folder, 'users'), 'gateway', 'right'])
      execFileSync('mosquitto_passwd', ['-b', join(folder, 'users'), 'reader', 'too'])
    },
  })
})
afterAll(async () => {
  await broker.remove()
  rmSync(dir, { recursive: true, force: true })
})

const secured = (tls: object = {}) => ({
  url: `mqtts://localhost:${tlsPort}`,
  tls: { ca: certificates.ca, ...certificates.client, ...tls },
})

async function stepsOf(more: object): Promise<TestStep[]> {
  const steps: TestStep[] = []
  // The first that there is does not go to this uplink.
  const context = { ...contextWith(), classes: ['alarm', 'process'], served: ['process'] }
  for await (const it of testUplink(settingsOf(broker.port, more), context, NEVER)) steps.push(it)
  return steps
}

describe('nothing leaves', () => {
  test.each([
    ['with a wrong password', () => ({ user: 'gateway', password: 'wrong' }), 'not-authorised|bad-credentials'],
    ['without a user', () => ({}), 'not-authorised|bad-credentials'],
    ['for a certificate that somebody else signed', () => secured({ ca: certificates.otherCa }), 'certificate-untrusted'],
    ['for another host', () => secured({ serverName: 'elsewhere.plant' }), 'certificate-wrong-name'],
    [
      'without a certificate of ours',
      () => secured({ cert: undefined, key: undefined }),
      'client-certificate-refused|reset|closed',
    ],
  ])('%s', async (_, more, code) => {
    const opened = openUplink(settingsOf(broker.port, more()), contextWith())
    await expect(opened).rejects.toMatchObject({
      name: 'Unreachable',
      code: expect.stringMatching(new RegExp(`^(${code})$`)),
      remedy: expect.stringMatching(/\w/),
    })
    expect(broker.log()).not.toContain('Received PUBLISH')
  })

  test('to a port that does not speak MQTT, or nobody listens on', async () => {
    const web = createServer(
      (socket) =>
        void socket
          .on('error', () => {})
          .resume()
          .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    ).listen(0, '127.0.0.1')
    await new Promise((resolve) => web.once('listening', resolve))
    const { port } = web.address() as AddressInfo
    await expect(openUplink(settingsOf(port), contextWith())).rejects.toMatchObject({ name: 'Unreachable' })
    await new Promise((resolve) => web.close(resolve))
    await expect(openUplink(settingsOf(port), contextWith())).rejects.toMatchObject({ code: 'refused' })
  })
})

test('with a certificate of ours and the right host, readings arrive', async () => {
  const hears = await subscriber(broker.port, { username: 'gateway', password: 'right' }, 'holdfast/#')
  const tls = { ...secured(), user: 'gateway', password: 'right' }
  // The name in our certificate is the user, whom the list knows or not.
  const uplink = await openUplink(settingsOf(0, { ...tls, topics: {} }), contextWith())
  const stream = rawStream('hf-1')
  const { slice, series } = doubles(stream, 0, 5, 1)
  await uplink.send(withSlices({ slices: [slice], series }), positionOf(1, stream, 5), NEVER)
  await uplink.close()
  await expect.poll(() => hears.heard.length).toBe(5)
  await hears.end()
})

test('settings of TLS for a url without it are a mistake, not silence', () => {
  const checked = mqttSettingsSchema.safeParse({ url: 'mqtt://h', insecure: 'lab', tls: {} })
  expect(checked.error?.issues).toMatchObject([{ path: ['tls'], message: expect.stringContaining('mqtts://') }])
})

describe('uplinks test', () => {
  const shown = (steps: readonly TestStep[]) => steps.map((it) => `${it.step} ${it.ok ? 'ok' : 'fails'}`)

  test('goes through to a message that the broker takes', async () => {
    const steps = await stepsOf({ user: 'gateway', password: 'right' })
    expect(shown(steps)).toEqual(['DNS ok', 'TCP ok', 'CONNECT ok', 'PUBLISH ok', 'last values ok'])
    expect(steps[3]?.detail).toContain('holdfast/hf-1/process/holdfast-test: acknowledged')
    expect(shown(await stepsOf(secured()))).toContain('TLS ok')
  })

  test('says what the access list denies', async () => {
    const steps = await stepsOf({ user: 'reader', password: 'too' })
    expect(shown(steps)).toEqual(['DNS ok', 'TCP ok', 'CONNECT ok', 'PUBLISH fails', 'last values ok'])
    expect(steps[3]).toMatchObject({
      detail: expect.stringContaining('the broker does not let us publish (reason 135)'),
      remedy: expect.stringContaining('access list'),
    })
  })

  test('ends with the first step that fails, and says what to do', async () => {
    const steps = await stepsOf({ user: 'gateway', password: 'wrong' })
    expect(shown(steps)).toEqual(['DNS ok', 'TCP ok', 'CONNECT fails'])
    expect(steps.at(-1)?.remedy).toMatch(/password/)
    expect(shown(await stepsOf(secured({ ca: certificates.otherCa })))).toEqual(['DNS ok', 'TCP ok', 'TLS fails'])
  })
})
