// Is there a way to a host: against ports, names and certificates that are really there, or really are not.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../plant/helpers.ts'
import { runHere } from './surroundings.ts'

let dir: string
let cert: string
const servers: Server[] = []

async function serve(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-probe-'))
  const [key, file] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const about = ['-subj', '/CN=plc.example.com', '-addext', 'subjectAltName=DNS:plc.example.com', '-days', '30']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', file, ...about], {
    stdio: 'ignore',
  })
  cert = readFileSync(file, 'utf8')
})
afterAll(() => {
  for (const it of servers) it.close()
  rmSync(dir, { recursive: true, force: true })
})

test('a port that is open, and one that is not', async () => {
  const open = await serve(createServer((socket) => void socket.on('error', () => undefined).destroy()))
  expect(await runHere(`probe tcp 127.0.0.1 --port ${open}`)).toMatchObject({ status: 0, out: expect.stringContaining('open') })
  const closed = await runHere(`probe tcp 127.0.0.1 --port ${await freePort()}`)
  expect(closed).toMatchObject({ status: 1, out: expect.stringContaining('ECONNREFUSED') })
  expect(closed.out.replaceAll(/\s+/g, ' ')).toContain('nothing listens on this port')
})

test('a certificate: whose it is, its fingerprint, that nobody known signed it', async () => {
  const port = await serve(createTls({ cert, key: readFileSync(join(dir, 'key.pem')) }))
  const { status, out } = await runHere(`probe tls 127.0.0.1 --port ${port} --json`)
  const { steps } = JSON.parse(out) as { steps: { step: string; ok: boolean; detail: string; remedy?: string }[] }
  const step = (name: string) => steps.find((it) => it.step === name)
  expect(step('certificate')?.detail).toContain('plc.example.com')
  expect(step('SHA-256')?.detail).toBe(new X509Certificate(cert).fingerprint256)
  expect(step('valid')).toMatchObject({ ok: true, detail: expect.stringMatching(/29 days left/) })
  expect(step('trust')).toMatchObject({ ok: false, remedy: expect.stringContaining('tls: ca') })
  expect(status).toBe(1)
})

test('a port that speaks no TLS says so, and nothing hangs', async () => {
  const port = await serve(createServer((socket) => void socket.on('error', () => undefined).end('220 hello\r\n')))
  const { status, out } = await runHere(`probe tls 127.0.0.1 --port ${port}`)
  expect(status).toBe(1)
  expect(out).toContain('does this port speak TLS at all?')
})

test('a name that is known, and one that cannot be', async () => {
  expect((await runHere('probe tcp localhost --port 1')).out).toContain('localhost is ')
  const { status, out } = await runHere('probe dns no-such-host.invalid')
  expect(status).toBe(1)
  expect(out).toContain('no-such-host.invalid: ')
})

test('what is no host, no port, no kind is refused before anything is tried', async () => {
  for (const words of ['ping -f', 'tcp a;id', 'tcp $(id)', 'tls a/b', `tcp ${'x'.repeat(300)}`])
    expect((await runHere(`probe ${words}`)).status, words).toBe(2)
  expect((await runHere('probe tcp 127.0.0.1 --port 70000')).status).toBe(2)
  expect((await runHere('probe smtp 127.0.0.1')).err).toContain('must be one of ping, dns, tcp, tls')
})
