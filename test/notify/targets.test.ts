// The far ends, each a real one that others wrote: an HTTPS server, mosquitto, an SMTP server. Whose certificate is not good gets nothing.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import mqtt from 'mqtt'
import { SMTPServer } from 'smtp-server'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Notification, NotifyTarget } from '../../src/core/notify.ts'
import type { TestStep } from '../../src/core/source.ts'
import { openMail } from '../../src/notify/mail.ts'
import { mailSettingsSchema } from '../../src/notify/mail-settings.ts'
import { openMqtt } from '../../src/notify/mqtt.ts'
import { mqttSettingsSchema } from '../../src/notify/mqtt-settings.ts'
import { openWebhook } from '../../src/notify/webhook.ts'
import { until } from '../route/until.ts'
import type { Certificates } from '../sources/mqtt/certificates.ts'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { startReceiver } from './receiver.ts'

const CONTEXT = { name: 'shift', device: 'hf-1' }
const MESSAGE: Notification = {
  id: 'hf-1:0f:alarm:raw:7',
  kind: 'event',
  notifier: 'shift',
  device: 'hf-1',
  site: 'halle/süd',
  title: 'halle/süd hf-1: heiß: press/temperature 81.5 °C',
  text: 'Tag: press/temperature\nWert: 81.5 °C\n.\n',
}
const never = () => new AbortController().signal

let dir: string
let certificates: Certificates
const ends: (() => Promise<unknown>)[] = []
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-targets-'))
  certificates = makeCertificates(dir)
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function stepsOf(target: NotifyTarget): Promise<TestStep[]> {
  const steps: TestStep[] = []
  for await (const it of target.test(MESSAGE, never())) steps.push(it)
  return steps
}
const short = (steps: readonly TestStep[]) => steps.map(({ step, ok }) => `${step} ${ok ? 'ok' : 'failed'}`)

test('a webhook over TLS: the certificate must be good, and for its name', async () => {
  const receiver = await startReceiver(certificates.server)
  ends.push(() => receiver.close())
  const at = (host: string, ca?: string) => openWebhook({ url: `https://${host}:${receiver.port}/hooks/1`, ca, token: 'abc' })
  await at('localhost', certificates.ca).send(MESSAGE, never())
  expect(receiver.got).toEqual([expect.objectContaining({ path: '/hooks/1', message: MESSAGE })])
  await expect(at('localhost').send(MESSAGE, never())).rejects.toMatchObject({ code: 'certificate-untrusted' })
  await expect(at('127.0.0.1', certificates.ca).send(MESSAGE, never())).rejects.toMatchObject({ code: 'certificate-wrong-name' })
  expect(receiver.got).toHaveLength(1)
  expect(short(await stepsOf(at('localhost', certificates.ca)))).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'POST ok'])
  const untrusted = await stepsOf(at('localhost', certificates.otherCa))
  expect(short(untrusted)).toEqual(['DNS ok', 'TCP ok', 'TLS failed'])
  expect(untrusted[2]).toMatchObject({ remedy: 'set ca to the certificate of the authority that signed it' })
  expect(receiver.got).toHaveLength(2)
})

test('a broker over TLS: acknowledged messages are there; what the broker refuses is not told', async () => {
  const { server, ca } = certificates
  const broker = await startMosquitto({
    lines: [
      'password_file DIR/users',
      'acl_file DIR/acl',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
      'allow_anonymous false',
    ],
    files: { 'server.pem': server.cert, 'server.key': server.key, acl: 'user gateway\ntopic readwrite notes/#\n' },
    prepare: (at) => execFileSync('mosquitto_passwd', ['-c', '-b', join(at, 'users'), 'gateway', 'secret']),
  })
  ends.push(() => broker.remove())
  const reader = await mqtt.connectAsync(`mqtts://localhost:${broker.port}`, { ca, username: 'gateway', password: 'secret' })
  ends.push(() => reader.endAsync(true))
  const heard: { topic: string; message: unknown }[] = []
  reader.on('message', (topic, payload) => heard.push({ topic, message: JSON.parse(payload.toString()) }))
  await reader.subscribeAsync('notes/#', { qos: 1 })
  const open = (more: object) => {
    const own = { url: `mqtts://localhost:${broker.port}`, user: 'gateway', password: 'secret', tls: { ca }, ...more }
    return openMqtt(mqttSettingsSchema.parse(own), CONTEXT)
  }
  await open({ topic: 'notes/{site}/{device}' }).send(MESSAGE, never())
  await until('it is there', () => heard.length === 1)
  expect(heard).toEqual([{ topic: 'notes/halle/süd/hf-1', message: MESSAGE }])
  await expect(open({ topic: 'other' }).send(MESSAGE, never())).rejects.toMatchObject({ code: 'publish-denied' })
  await expect(open({ password: 'wrong' }).send(MESSAGE, never())).rejects.toMatchObject({ code: 'not-authorised' })
  await expect(open({ tls: { ca: certificates.otherCa } }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'certificate-untrusted',
  })
  expect(short(await stepsOf(open({ topic: 'notes/test' })))).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'CONNECT ok', 'PUBLISH ok'])
  expect(short(await stepsOf(open({ topic: 'other' })))).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'CONNECT ok', 'PUBLISH failed'])
})

interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly isEncrypted: boolean
  readonly user: unknown
}

/** Knows one user, and has no box for addresses that begin with `gone`. */
async function mailServer(options: ConstructorParameters<typeof SMTPServer>[0]): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = []
  const server = new SMTPServer({
    ...certificates.server,
    authOptional: true,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _, done) =>
      username === 'gateway' && password === 'secret' ? done(null, { user: username }) : done(new Error('no such user')),
    onRcptTo: ({ address }, _, done) =>
      address.startsWith('gone') ? done(Object.assign(new Error('no such box'), { responseCode: 550 })) : done(),
    onData(stream, { envelope, secure, user }, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        const to = envelope.rcptTo.map((it) => it.address)
        mails.push({ from, to, text: Buffer.concat(parts).toString(), isEncrypted: secure, user })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {})
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  ends.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return { port: (listening.address() as AddressInfo).port, mails }
}

const mailTo = (port: number, more: object) =>
  openMail(
    mailSettingsSchema.parse({
      host: 'localhost',
      port,
      ca: certificates.ca,
      from: 'hf-1@plant.example',
      to: ['shift@plant.example'],
      ...more,
    }),
    CONTEXT,
  )

test('mail over TLS from the first byte, with log-in: head and text as they should be, one address that is gone keeps nobody waiting', async () => {
  const { port, mails } = await mailServer({ secure: true })
  const login = { user: 'gateway', password: 'secret' }
  await mailTo(port, login).send(MESSAGE, never())
  const [mail] = mails as [Mail]
  expect(mail).toMatchObject({ from: 'hf-1@plant.example', to: ['shift@plant.example'], isEncrypted: true, user: 'gateway' })
  expect(mail.text).toMatch(/^Subject: =\?UTF-8\?[QB]\?/m)
  expect(mail.text).toMatch(/^From: "?Holdfast hf-1"? <hf-1@plant.example>\r$/m)
  expect(mail.text).toMatch(/^X-Holdfast-Id: hf-1:0f:alarm:raw:7\r$/im)
  expect(mail.text).toMatch(/^Auto-Submitted: auto-generated\r$/im)
  const idOf = (it: Mail) => /^Message-ID: <([0-9a-f]{32}@plant\.example)>\r$/im.exec(it.text)?.[1]
  expect(idOf(mail)).toBeDefined()
  const partly = mailTo(port, { ...login, to: ['shift@plant.example', 'gone@plant.example'] })
  expect(await partly.send(MESSAGE, never())).toMatchObject({
    code: 'mail-recipient',
    message: expect.stringContaining('gone@plant.example') as string,
  })
  expect(idOf(mails[1] as Mail)).toBe(idOf(mail))
  await expect(mailTo(port, { ...login, to: ['gone@plant.example'] }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'mail-refused',
  })
  await expect(mailTo(port, { user: 'gateway', password: 'wrong' }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'mail-denied',
  })
  await expect(mailTo(port, { ...login, ca: certificates.otherCa }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'certificate-untrusted',
  })
  await expect(mailTo(port, { ...login, host: '127.0.0.1' }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'certificate-wrong-name',
  })
  expect(mails).toHaveLength(2)
  expect(short(await stepsOf(mailTo(port, login)))).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'LOGIN ok', 'MAIL ok'])
  expect(short(await stepsOf(partly))).toEqual(['DNS ok', 'TCP ok', 'TLS ok', 'LOGIN ok', 'MAIL failed'])
})

test('mail with STARTTLS: where the server has none, or another certificate, neither password nor message goes', async () => {
  const { port, mails } = await mailServer({})
  const login = { tls: 'starttls', user: 'gateway', password: 'secret' }
  await mailTo(port, login).send(MESSAGE, never())
  expect(mails).toMatchObject([{ isEncrypted: true, user: 'gateway' }])
  await expect(mailTo(port, { ...login, ca: certificates.otherCa }).send(MESSAGE, never())).rejects.toMatchObject({
    code: 'certificate-untrusted',
  })
  const seen: string[] = []
  const plain = await mailServer({
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username }, _, done) => {
      seen.push(String(username))
      done(null, { user: username })
    },
  })
  await expect(mailTo(plain.port, login).send(MESSAGE, never())).rejects.toMatchObject({ code: 'no-tls' })
  expect([seen, plain.mails]).toEqual([[], []])
  await mailTo(plain.port, { tls: 'none', insecure: 'a test', ca: undefined }).send(MESSAGE, never())
  expect(plain.mails).toMatchObject([{ isEncrypted: false }])
})
