// Never with less security than the settings say, whatever the server offers.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Unreachable } from '../../../src/core/errors.ts'
import type { Certificate, Source } from '../../../src/core/source.ts'
import { mismatches, openTrust } from '../../../src/sources/opcua/certificates.ts'
import { connect } from '../../../src/sources/opcua/connection.ts'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import { approveCertificate, listCertificates, rejectCertificate } from '../../../src/sources/opcua/trust.ts'
import { authority } from '../../access/authority.ts'
import {
  approve,
  asyncua,
  freePort,
  HURRY,
  nodeOpcua,
  openLink,
  remove,
  type Running,
  run,
  type ServerProcess,
  temporary,
  trustBy,
  until,
} from './helpers.ts'

const tags = [{ tag: 'speed', node: 'ns=1;s=Free', class: 'process' }]
const plantTags = [{ tag: 'speed', node: 'nsu=urn:plant:line;s=Int32', class: 'process' }]
/** The number of its request in the standard's binary encoding. */
const GET_ENDPOINTS = 428
const user = { user: 'gateway', password: 'a word' }

let dir: string
let server: ServerProcess | undefined
let source: Running | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await source?.stop()
  await server?.kill()
  source = server = undefined
  remove(dir)
})

async function plant(options: object = {}): Promise<ServerProcess> {
  const certificates = path.join(dir, 'plant')
  mkdirSync(certificates, { recursive: true })
  return await asyncua({ port: await freePort(), certificates, secure: true, ...user, ...options })
}

async function listed(of: Source): Promise<Certificate[]> {
  const found: Certificate[] = []
  for await (const it of of.trust?.({}, new AbortController().signal) ?? []) found.push(it)
  return found
}

async function node(policies: string[], modes: string[], options: object = {}): Promise<ServerProcess> {
  return await nodeOpcua({ port: await freePort(), dir: path.join(dir, 'node'), policies, modes, ...options })
}

test('an unknown certificate gets no session; the remedy lets it in; keys stay in the folder, ours alone to read', async () => {
  server = await plant()
  const port = Number(new URL(server.endpoint).port)
  source = run({ endpoint: server.endpoint, security: user, sessionTimeout: '10s', tags: plantTags }, dir)
  await until('down', () => source?.status().state === 'down')
  expect(source.status()).toMatchObject({ code: 'certificate-untrusted', lastError: expect.stringContaining('CN=Plant') })
  expect(source.rows).toEqual([])
  const { fingerprint } = await approve(source)
  await until('a reading', () => source?.rows.length)
  expect(source.status()).toMatchObject({
    state: 'up',
    details: { security: 'Basic256Sha256 SignAndEncrypt', user: 'gateway', certificate: fingerprint },
  })
  expect(statSync(path.join(dir, 'pki/own/private/private_key.pem')).mode & 0o077).toBe(0)
  const own = new X509Certificate(readFileSync(path.join(dir, 'pki/own/certs/holdfast.pem')))
  expect(own.subjectAltName).toContain('URI:urn:holdfast:hf-test')

  // Another certificate at the same address: no session, and it waits for approval too.
  await server.kill()
  for (const name of readdirSync(path.join(dir, 'plant'))) renameSync(path.join(dir, 'plant', name), path.join(dir, name))
  const rows = source.rows.length
  server = await plant({ port })
  await until('down again', () => source?.status().code === 'certificate-untrusted')
  expect(source.rows.length).toBe(rows)
  expect(readdirSync(path.join(dir, 'pki/rejected'))).toHaveLength(1)
})

test('a server that offers nothing but None gets no session', async () => {
  server = await node(['None'], ['None'])
  source = run({ endpoint: server.endpoint, security: user, tags }, dir)
  await until('two attempts', () => source?.status().state === 'down')
  expect(source.status()).toMatchObject({ code: 'security-not-offered', lastError: expect.stringContaining('None None') })
  expect(source.status().lastError).toContain('does not offer Basic256Sha256 SignAndEncrypt')
  expect(await server.command({ do: 'sessions' })).toEqual({ sessions: 0 })
})

test.each([
  ['Basic256Sha256', 'SignAndEncrypt'],
  ['Aes128_Sha256_RsaOaep', 'SignAndEncrypt'],
  ['Aes256_Sha256_RsaPss', 'SignAndEncrypt'],
  ['Basic256Sha256', 'Sign'],
] as const)('%s, %s: no other is taken although it stands beside', async (policy, mode) => {
  const uris = ['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss']
  server = await node(uris, ['None', 'Sign', 'SignAndEncrypt'], user)
  source = run({ endpoint: server.endpoint, security: { policy, mode, ...user, insecure: 'Sign is tried too' }, tags }, dir)
  await approve(source)
  await until('a reading', () => source?.rows.length)
  expect(source.status().details).toMatchObject({ security: `${policy} ${mode}`, user: 'gateway' })
  expect(await server.command({ do: 'channels' })).toEqual({ channels: [`${policy} ${mode}`] })
})

test('a wrong password', async () => {
  server = await plant()
  source = run({ endpoint: server.endpoint, security: { ...user, password: 'another' }, tags: plantTags }, dir)
  await approve(source)
  await until('the refusal', () => source?.status().code === 'bad-credentials')
  expect(source.status().remedy).toContain('Check user and password')
  expect(JSON.stringify(source.states)).not.toContain('another')
})

test('a server that wants the password unencrypted in a channel that is only signed does not get it', async () => {
  server = await plant({ mode: 'Sign', plainPassword: true })
  source = run(
    { endpoint: server.endpoint, security: { ...user, mode: 'Sign', insecure: 'it can no more' }, tags: plantTags },
    dir,
  )
  await approve(source)
  await until('the refusal', () => source?.status().code === 'password-unprotected')
})

test('a user certificate', async () => {
  // A user's key and certificate, as somebody at the plant would make them.
  const users = new OPCUACertificateManager({ rootFolder: path.join(dir, 'user'), disableFileWatchers: true })
  await users.initialize()
  const file = path.join(dir, 'user.pem')
  await users.createSelfSignedCertificate({
    applicationUri: 'urn:user',
    subject: '/CN=gateway',
    dns: [],
    startDate: new Date(Date.now() - 86_400_000),
    validity: 365,
    outputFile: file,
  })
  const security = { certificate: readFileSync(file, 'utf8'), privateKey: readFileSync(users.privateKey, 'utf8') }
  await users.dispose()
  server = await node(['Basic256Sha256'], ['SignAndEncrypt'], user)
  source = run({ endpoint: server.endpoint, security, tags }, dir)
  await approve(source)
  // The server does not know this user yet.
  await until('the refusal', () => source?.status().code === 'bad-credentials')
  const rejected = path.join(dir, 'node/users/rejected')
  await until('the certificate there', () => existsSync(rejected) && readdirSync(rejected).length > 0)
  await server.command({ do: 'trust-users' })
  await until('a reading', () => source?.rows.length)
  expect(source.status()).toMatchObject({ state: 'up', details: { user: 'certificate' } })
})

test('a server that rejects our certificate: what to do names the file', async () => {
  server = await node(['Basic256Sha256'], ['SignAndEncrypt'], { ...user, strict: true })
  source = run({ endpoint: server.endpoint, security: user, tags }, dir)
  await approve(source)
  await until('the refusal', () => source?.status().code === 'rejected-by-server')
  expect(source.status().remedy).toContain(path.join(dir, 'pki/own/certs/holdfast.pem'))
})

/** Authority and list of what it revoked, where the person who looks after the box puts them. */
function trustAuthority(): void {
  for (const [file, folder] of [
    ['ca.der', 'pki/trusted/certs'],
    ['ca.crl', 'pki/issuers/crl'],
  ] as const) {
    mkdirSync(path.join(dir, folder), { recursive: true })
    copyFileSync(path.join(dir, 'authority', file), path.join(dir, folder, file))
  }
}

test('a certificate of an authority that is trusted is good for the host that it names', async () => {
  server = await plant({ authority: path.join(dir, 'authority') })
  trustAuthority()
  source = run({ endpoint: server.endpoint, security: user, tags: plantTags }, dir)
  await until('a reading', () => source?.rows.length)
  expect(source.states.map((it) => it.code)).not.toContain('certificate-untrusted')
  expect(await listCertificates(dir)).toMatchObject([{ state: 'trusted', subject: expect.stringContaining('Plant Authority') }])
})

test('and for no other host: no session, until a person lets in this very certificate', async () => {
  server = await plant({ authority: path.join(dir, 'authority'), host: 'somewhere.else' })
  trustAuthority()
  source = run({ endpoint: server.endpoint, security: user, tags: plantTags }, dir)
  await until('the refusal', () => source?.status().code === 'certificate-host')
  const { lastError, remedy = '' } = source.status()
  expect(lastError).toContain('but for other hosts (URI:urn:plant:server, DNS:somewhere.else)')
  expect(source.rows).toEqual([])
  const [waiting] = await listed(source.source)
  expect(waiting).toMatchObject({ state: 'rejected', subject: expect.stringContaining('CN=Plant') })
  expect((await trustBy(source.source, remedy)).fingerprint).toBe(waiting?.fingerprint)
  await until('a reading', () => source?.rows.length)
  expect(source.status().details?.warning).toContain('the certificate is not for host 127.0.0.1')
})

test('one that somebody trusts no more is let in by no authority, until it is trusted anew', async () => {
  server = await plant({ authority: path.join(dir, 'authority') })
  trustAuthority()
  // Once it was trusted by itself.
  copyFileSync(path.join(dir, 'plant/server.der'), path.join(dir, 'pki/trusted/certs/plant.der'))
  const leaf = new X509Certificate(readFileSync(path.join(dir, 'pki/trusted/certs/plant.der')))
  const { fingerprint } = await rejectCertificate(dir, leaf.fingerprint)
  source = run({ endpoint: server.endpoint, security: user, tags: plantTags }, dir)
  await until('the refusal', () => source?.status().code === 'certificate-untrusted')
  expect(source.rows).toEqual([])
  expect(await listed(source.source)).toMatchObject([{ state: 'rejected', fingerprint }])
  expect((await trustBy(source.source, source.status().remedy ?? '')).fingerprint).toBe(fingerprint)
  await until('a reading', () => source?.rows.length)
})

/** What a client asks for: `HEL`, `OPN` with the policy, `MSG` with the number of the service where it is readable. */
function chunksOf(bytes: Buffer): string[] {
  const chunks: string[] = []
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
    const type = bytes.toString('latin1', at, at + 3)
    const policy = () => bytes.toString('latin1', at + 16, at + 16 + bytes.readUInt32LE(at + 12)).replace(/.*#/, '')
    chunks.push(type === 'OPN' ? `OPN ${policy()}` : type === 'MSG' ? `MSG ${bytes.readUInt16LE(at + 26)}` : type)
  }
  return chunks
}

test('an impostor, whatever certificate it shows, is asked for its endpoints and nothing else', async () => {
  const mine = { authority: path.join(dir, 'authority') }
  server = await plant(mine)
  trustAuthority()
  const connections: Buffer[][] = []
  const link = await openLink(Number(new URL(server.endpoint).port), (part) => connections.at(-1)?.push(part))
  const settings = opcuaSettings.parse({ endpoint: `opc.tcp://127.0.0.1:${link.port}`, security: user, tags: plantTags })
  const tried = async () => {
    connections.push([])
    const way = connect({ name: 'line-1', settings, dir, device: 'hf-test', timing: HURRY })
    const code = await way.then((it) => it.close()).catch((error: Unreachable) => error.code)
    const bytes = Buffer.concat(connections.at(-1) ?? [])
    expect(bytes.includes(user.password)).toBe(false)
    return { code, chunks: chunksOf(bytes) }
  }
  const asked = ['HEL', 'OPN None', `MSG ${GET_ENDPOINTS}`]
  for (const [name, code, options] of [
    ['another-host', 'certificate-host', { ...mine, host: 'elsewhere.plant' }],
    ['expired', 'certificate-expired', { ...mine, days: -1 }],
    ['self-signed', 'certificate-untrusted', {}],
    ['another-authority', 'certificate-untrusted', { authority: path.join(dir, 'another') }],
  ] as const) {
    await server.command({ do: 'show', name, certificates: path.join(dir, 'plant'), ...options })
    const { code: said, chunks } = await tried()
    expect(said, name).toBe(code)
    expect(chunks.slice(0, 3), name).toEqual(asked)
    expect(new Set([...chunks, 'CLO']), name).toEqual(new Set([...asked, 'CLO']))
  }
  await server.command({ do: 'show', name: 'server', certificates: path.join(dir, 'plant') })
  const { code, chunks } = await tried()
  expect(code).toBeUndefined()
  expect(chunks).toContain('OPN Basic256Sha256')
  link.close()
})

test.each([
  ['opc.tcp://plc-1.plant:4840', ['dns:plc-1.plant'], true],
  ['opc.tcp://PLC-1.plant:4840', ['dns:plc-1.plant'], true],
  ['opc.tcp://plc-1.plant:4840', ['dns:plc-2.plant', 'url:urn:plc-1.plant'], false],
  ['opc.tcp://plc-1.plant:4840', ['url:urn:x'], false],
  ['opc.tcp://10.0.0.5:4840', ['ip:10.0.0.5'], true],
  ['opc.tcp://10.0.0.5:4840', ['dns:10.0.0.5'], true],
  ['opc.tcp://10.0.0.5:4840', ['ip:10.0.0.50', 'dns:plc-1.plant'], false],
  ['opc.tcp://10.0.0.5:4840', ['url:urn:x, DNS:10.0.0.5, y'], false],
  ['opc.tcp://[fd00::5]:4840', ['ip:fd00:0:0:0:0:0:0:5'], true],
] as const)('%s and a certificate for %j: %s', async (endpoint, names, holds) => {
  const listedNames = names.map((it) => {
    const [, type, value = ''] = /^(\w+):(.*)$/.exec(it) ?? []
    return { type: type as 'dns' | 'ip' | 'url', value }
  })
  // The common name says nothing.
  const { cert } = await (await authority('Plant')).issue({ name: 'plc-1.plant', names: listedNames })
  expect(mismatches(Buffer.from(cert), endpoint, null)).toHaveLength(holds ? 0 : 1)
})

test('the trust list: what waits is listed and let in by its fingerprint, and taken back again', async () => {
  server = await plant()
  source = run({ endpoint: server.endpoint, security: user, tags: plantTags }, dir)
  await until('the refusal', () => source?.status().code === 'certificate-untrusted')
  const [waiting] = await listCertificates(dir)
  expect(waiting).toMatchObject({ state: 'rejected', subject: expect.stringContaining('CN=Plant') })
  expect(source.status().lastError).toContain(waiting?.fingerprint)
  await expect(approveCertificate(dir, 'AA:BB:CC:DD')).rejects.toThrow(/no rejected certificate has this fingerprint/)
  for (const few of ['', 'AA:BB', waiting?.fingerprint.slice(0, 8) ?? '', 'CN=ABCDEFAB'])
    await expect(approveCertificate(dir, few)).rejects.toThrow(/at least its first 8 digits/)
  expect(await listed(source.source)).toMatchObject([{ fingerprint: waiting?.fingerprint, state: 'rejected' }])
  await approveCertificate(dir, waiting?.fingerprint.slice(0, 14).toLowerCase() ?? '')
  await until('a reading', () => source?.rows.length)
  expect(await listed(source.source)).toEqual([])
  expect(await listCertificates(dir)).toMatchObject([{ state: 'trusted', fingerprint: waiting?.fingerprint }])
  expect(await rejectCertificate(dir, waiting?.fingerprint ?? '')).toMatchObject({ state: 'rejected' })
})

test('an expired certificate of the server: named; with a new one that is trusted, it goes on by itself', async () => {
  server = await plant({ days: -1 })
  const port = Number(new URL(server.endpoint).port)
  source = run({ endpoint: server.endpoint, security: user, tags: plantTags }, dir)
  // Trusted as it is: what is left to refuse is its time.
  const status = await until('a refusal', () => source?.status().state === 'down' && source.status())
  if (status.code === 'certificate-untrusted') await approve(source)
  await until('the refusal', () => source?.status().code === 'certificate-expired')
  expect(source.status().remedy).toContain('give the server a new certificate')
  expect(source.rows).toEqual([])
  await server.kill()
  renameSync(path.join(dir, 'plant'), path.join(dir, 'plant-before'))
  server = await plant({ port })
  await approve(source)
  const healed = performance.now()
  await until('a reading', () => source?.rows.length, 30_000)
  expect(performance.now() - healed).toBeLessThan(30_000)
}, 120_000)

test('our own certificate: the next one is there 60 days before it ends, and in its place 7 days before', async () => {
  const own = path.join(dir, 'pki/own/certs/holdfast.pem')
  const next = path.join(dir, 'pki/own/certs/holdfast-next.pem')
  const inDays = async (days: number) => {
    const trust = await openTrust(dir, 'hf-test', 'opc.tcp://plant', Date.now() + days * 86_400_000)
    await trust.close()
    return trust.warning
  }
  expect(await inDays(0)).toBeUndefined()
  const first = readFileSync(own, 'utf8')
  expect(await inDays(3_640 - 70)).toBeUndefined()
  expect(existsSync(next)).toBe(false)
  expect(await inDays(3_640 - 40)).toMatch(/our certificate ends on .* let the server trust it now/)
  expect(readFileSync(own, 'utf8')).toBe(first)
  const second = readFileSync(next, 'utf8')
  expect(await inDays(3_640 + 5)).toContain('our certificate was renewed')
  expect(readFileSync(own, 'utf8')).toBe(second)
  expect(
    new X509Certificate(second).checkPrivateKey(
      createPrivateKey(readFileSync(path.join(dir, 'pki/own/private/private_key.pem'))),
    ),
  ).toBe(true)
  // A box that was given another name needs another one as well.
  await (await openTrust(dir, 'hf-other', 'opc.tcp://plant')).close()
  expect(new X509Certificate(readFileSync(own)).subjectAltName).toContain('URI:urn:holdfast:hf-other')
})
