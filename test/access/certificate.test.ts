// The certificate of the page: the box's own, an owner's, a request; what cannot be used is refused and says why, and what is served stays.
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Certificates } from '../../src/access/certificate.ts'
import { openCertificates } from '../../src/access/certificate.ts'
import { BadInput } from '../../src/core/errors.ts'
import type { Authority } from './authority.ts'
import { authority } from './authority.ts'

const NAME = 'holdfast-7f3a.local'
const DAY_MS = 86_400_000
let root: string
let dir: string
let count = 0
let certificates: Certificates
let owner: Authority
let other: Authority

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hf-certificate-'))
  ;[owner, other] = await Promise.all([authority('Plant root'), authority('Somebody else')])
})
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  dir = join(root, String(count++))
  certificates = openCertificates(dir, NAME)
})

describe('the own one', () => {
  test('is made once, names the box and its addresses, and is for its owner alone', async () => {
    const { fingerprint, names, subject, isOwners, validFrom, validTo, key, cert } = await certificates.served()
    expect(await openCertificates(dir, NAME).show()).toMatchObject({ fingerprint, subject: `CN=${NAME}`, isOwners: false })
    expect(isOwners).toBe(false)
    expect(subject).toBe(`CN=${NAME}`)
    expect(names).toEqual(expect.arrayContaining([NAME, 'localhost', '127.0.0.1', '192.168.77.1']))
    // Browsers take none that is valid for longer.
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBeLessThanOrEqual(825 * DAY_MS)
    const made = new X509Certificate(cert)
    expect(made.checkPrivateKey(createPrivateKey(key)) && made.verify(made.publicKey)).toBe(true)
    expect([made.ca, made.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.1']])
    const folder = join(dir, 'access', 'tls')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const it of readdirSync(folder)) expect(statSync(join(folder, it)).mode & 0o777).toBe(0o600)
  })

  test('is made anew for the same key sixty days before it ends, and not sooner', async () => {
    const first = await certificates.served()
    const at = (days: number) => openCertificates(dir, NAME, () => Date.now() + days * DAY_MS).served()
    expect((await at(738)).fingerprint).toBe(first.fingerprint)
    const next = await at(741)
    expect(next.fingerprint).not.toBe(first.fingerprint)
    expect(next.key).toBe(first.key)
  })

  test('renewed: another key, and the owner’s is served no more', async () => {
    const first = await certificates.served()
    await certificates.replace(await owner.issue())
    const made = await certificates.renew()
    const now = await certificates.served()
    expect(made).toMatchObject({ isOwners: false, fingerprint: now.fingerprint })
    expect(now.key).not.toBe(first.key)
  })

  test('of 200 boxes: keys and certificates each another', async () => {
    const all = await Promise.all(Array.from({ length: 200 }, (_, at) => openCertificates(join(dir, `box-${at}`), NAME).served()))
    const keys = all.map((it) => createPrivateKey(it.key).export({ format: 'der', type: 'pkcs8' }).toString('hex'))
    expect(new Set(keys).size).toBe(200)
    expect(new Set(all.map((it) => it.fingerprint)).size).toBe(200)
    expect(new Set(all.map((it) => new X509Certificate(it.cert).serialNumber)).size).toBe(200)
  }, 60_000)

  test('that is cut on the disk is made anew', async () => {
    const { fingerprint } = await certificates.served()
    const file = join(dir, 'access', 'tls', 'own.pem')
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 400))
    expect((await certificates.served()).fingerprint).not.toBe(fingerprint)
  })
})

test.runIf(process.getuid?.() === 0)('made by root, folder and files are the panel’s', async () => {
  mkdirSync(join(dir, 'access'), { recursive: true })
  chownSync(join(dir, 'access'), 65_534, 65_534)
  await certificates.served()
  for (const it of ['', 'own.pem']) expect(statSync(join(dir, 'access', 'tls', it))).toMatchObject({ uid: 65_534, gid: 65_534 })
})

describe('an owner’s', () => {
  test('is served with its chain; an RSA key does as well', async () => {
    const middle = await owner.below('Plant hall 1')
    for (const kind of [{}, { rsaBits: 2048 }, { usage: 'any' }] as const) {
      const { key, cert } = await middle.issue(kind)
      const { fingerprint } = await certificates.replace({ key, cert: `${cert}${middle.cert}${owner.cert}` })
      expect(await certificates.served()).toMatchObject({ fingerprint, isOwners: true, names: ['box.plant.example'] })
      expect((await certificates.served()).cert.match(/BEGIN/g)).toHaveLength(3)
    }
  })

  test('is served where its key comes in one text with the certificate, which may stand first', async () => {
    const { key, cert } = await owner.issue()
    for (const both of [cert + key, key + cert]) {
      const { fingerprint } = await certificates.replace({ key: both, cert })
      expect(await certificates.served()).toMatchObject({ fingerprint, isOwners: true, key, cert })
    }
  })

  test('is never written through a link', async () => {
    const before = await certificates.served()
    const [folder, outside] = [join(dir, 'access', 'tls'), join(dir, 'outside')]
    writeFileSync(outside, 'as it was')
    symlinkSync(outside, join(folder, `owner.pem.${process.pid}.new`))
    symlinkSync(outside, join(folder, 'owner.pem'))
    const { fingerprint } = await certificates.replace(await owner.issue())
    expect(fingerprint).not.toBe(before.fingerprint)
    expect(readFileSync(outside, 'utf8')).toBe('as it was')
    expect(await certificates.served()).toMatchObject({ fingerprint, isOwners: true })
  })

  test('a folder that is a link is written through by nobody, and the refusal says what to do', async () => {
    const [access, outside] = [join(dir, 'access'), join(dir, 'outside')]
    for (const it of [access, outside]) mkdirSync(it, { recursive: true })
    symlinkSync(outside, join(access, 'tls'))
    writeFileSync(join(outside, 'owner.pem'), 'as it was')
    const issued = await owner.issue()
    for (const write of [() => certificates.replace(issued), () => certificates.renew(), () => certificates.request()]) {
      const error = (await write().catch((it: unknown) => it)) as BadInput
      expect(error).toBeInstanceOf(BadInput)
      expect(error.problems[0]).toMatchObject({ where: join(access, 'tls'), remedy: expect.stringContaining('rm ') })
    }
    expect(readdirSync(outside)).toEqual(['owner.pem'])
    expect(readFileSync(join(outside, 'owner.pem'), 'utf8')).toBe('as it was')
    rmSync(join(access, 'tls'))
    expect(await certificates.replace(issued)).toMatchObject({ isOwners: true })
  })

  test('what openssl makes of itself is an authority: refused with the words that make one that is taken', async () => {
    mkdirSync(dir)
    const pair = (...more: string[]) => {
      const [key, cert] = [join(dir, 'k.pem'), join(dir, 'c.pem')]
      const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '90', '-subj', '/CN=box', '-keyout', key, '-out', cert]
      execFileSync('openssl', ['req', ...kind, ...more], { stdio: 'pipe' })
      return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
    }
    const refused = (await certificates.replace(pair()).catch((it: unknown) => it)) as BadInput
    expect(refused.problems[0]?.text).toContain('CA:TRUE')
    const remedy = refused.problems[0]?.remedy ?? ''
    const words = [...remedy.matchAll(/-addext ([^ ]*[^ ,])/g)].map(([, it]) => it as string)
    expect(words).toEqual(['basicConstraints=critical,CA:FALSE', 'subjectAltName=DNS:NAME-OF-THE-BOX'])
    const asSaid = words.flatMap((it) => ['-addext', it.replace('NAME-OF-THE-BOX', NAME)])
    expect(await certificates.replace(pair(...asSaid))).toMatchObject({ isOwners: true, names: [NAME] })
  })

  test.each<
    readonly [
      string,
      (it: { key: string; cert: string }) => Promise<{ key?: string; cert: string }> | { key?: string; cert: string },
      RegExp,
    ]
  >([
    ['text that is none', ({ key }) => ({ key, cert: 'x' }), /^is none/],
    ['half of one', ({ key, cert }) => ({ key, cert: cert.replace(/\n.{60}/, '\n') }), /cannot be read|does not take it/],
    ['a key that is none', ({ cert }) => ({ key: 'x', cert }), /private key is none/],
    ['a locked key', async ({ key, cert }) => ({ key: locked(key), cert }), /locked by a password/],
    ['another’s key', async ({ cert }) => ({ key: (await owner.issue()).key, cert }), /private key is of another certificate/],
    ['no key, and none here', ({ cert }) => ({ cert }), /is not on this box/],
    ['one that has ended', () => owner.issue({ fromDays: -400, days: 300 }), /has ended/],
    ['one that has not begun', () => owner.issue({ fromDays: 2 }), /begins/],
    ['one for clients', () => owner.issue({ usage: 'client' }), /not for servers/],
    ['one that names no host', () => owner.issue({ isNamed: false }), /names no host/],
    ['one of an authority', () => owner.issue({ isAuthority: true }), /the first is of an authority/],
    ['a key that is too short', () => owner.issue({ rsaBits: 1024 }), /does not take it|too small/],
    ['a chain in the wrong order', ({ key, cert }) => ({ key, cert: owner.cert + cert }), /of an authority/],
    [
      'a chain of somebody else',
      ({ key, cert }) => ({ key, cert: cert + other.cert }),
      /certificate 2 \(CN=Somebody else\) did not sign/,
    ],
    [
      'an authority of the same name',
      async ({ key, cert }) => ({ key, cert: cert + (await authority('Plant root')).cert }),
      /did not sign/,
    ],
    [
      'junk in the chain',
      ({ key, cert }) => ({ key, cert: `${cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` }),
      /certificate 2 cannot be read/,
    ],
  ])('%s is refused, and what is served stays', async (_, make, text) => {
    const before = await certificates.served()
    const pair = await make(await owner.issue())
    await expect(certificates.replace(pair)).rejects.toMatchObject({
      problems: [{ where: 'certificate', text: expect.stringMatching(text), remedy: expect.any(String) }],
    })
    expect(await certificates.served()).toEqual(before)
  })

  test('that TLS does not take, on disk already, does not keep the page from coming up', async () => {
    const { key, cert } = await certificates.served()
    writeFileSync(
      join(dir, 'access', 'tls', 'owner.pem'),
      `${key}${cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    )
    expect(await certificates.served()).toMatchObject({ key, cert, isOwners: false })
  })
})

describe('a request', () => {
  test('is answered by an authority, its key stays on the box; twice it is for the same key, then for a new one', async () => {
    const [one, two] = [await certificates.request(), await certificates.request()]
    const [first, second] = await Promise.all([owner.answer(one.request), owner.answer(two.request)])
    expect(new X509Certificate(first).publicKey.equals(new X509Certificate(second).publicKey)).toBe(true)
    const made = await certificates.replace({ cert: first })
    expect(made).toMatchObject({ isOwners: true, subject: `CN=${NAME}`, names: expect.arrayContaining([NAME, '127.0.0.1']) })
    // Renewed by the authority for the key that is in use.
    expect(await certificates.replace({ cert: second })).toMatchObject({ isOwners: true })
    const third = await owner.answer((await certificates.request()).request)
    expect(new X509Certificate(third).publicKey.equals(new X509Certificate(first).publicKey)).toBe(false)
  })
})

function locked(key: string): string {
  return createPrivateKey(key).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
}
