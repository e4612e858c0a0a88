// The certificate that the page is served with: the owner's where one is installed, else the device's own, made at the first start. The own one is
// made anew before it ends, for the same key. Its life is short enough for every browser to take it at all.
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { BadInput } from '../core/errors.ts'

export interface ServedCertificate {
  readonly key: string
  /** With its chain. */
  readonly cert: string
  /** SHA-256, as browsers show it. */
  readonly fingerprint: string
  readonly isOwners: boolean
  readonly subject: string
  readonly validTo: string
}

const DAY_MS = 86_400_000
/** Browsers refuse what is valid for longer than 825 days. */
const VALID_DAYS = 800
const RENEW_DAYS = 60
/** Where the service port is, whatever the network says. */
const SERVICE_ADDRESS = '192.168.77.1'

export async function openCertificate(dataDir: string, localName: string, now = Date.now()): Promise<ServedCertificate> {
  const dir = join(dataDir, 'access', 'tls')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const owners = await readPair(dir, 'owner')
  if (owners) return served(owners, true)
  const own = await readPair(dir, 'own')
  if (own && Date.parse(new X509Certificate(own.cert).validTo) - now > RENEW_DAYS * DAY_MS) return served(own, false)
  const key = own?.key ?? (await newKey())
  const made = { key, cert: await certificateFor(key, localName, now) }
  await writePair(dir, 'own', made)
  return served(made, false)
}

/** The owner's own takes the place of the device's. Throws BadInput, and changes nothing, where it cannot be used. */
export async function installCertificate(dataDir: string, pair: Pair, now = Date.now()): Promise<ServedCertificate> {
  const wrong = (text: string, remedy: string) => new BadInput([{ where: 'certificate', text, remedy }])
  const cert = parsed(() => new X509Certificate(pair.cert))
  const key = parsed(() => createPrivateKey(pair.key))
  if (!cert) throw wrong('is none', 'PEM, the certificate of this box first, then those between it and the authority')
  if (!key) throw wrong('its private key is none', 'PEM, without a password')
  if (!cert.checkPrivateKey(key)) throw wrong('the private key is of another certificate', 'give the two that belong together')
  if (Date.parse(cert.validTo) <= now) throw wrong(`has ended: ${cert.validTo}`, 'ask the authority for a new one')
  const refusal = refusalOf(pair)
  if (refusal !== undefined)
    throw wrong(`TLS does not take it: ${refusal}`, 'a key of 2048 bits of RSA or 256 of EC at least, and a chain that is whole')
  await writePair(join(dataDir, 'access', 'tls'), 'owner', pair)
  return served(pair, true)
}

/** Back to the device's own. */
export async function removeCertificate(dataDir: string, localName: string): Promise<ServedCertificate> {
  for (const it of ['cert', 'key']) await rm(join(dataDir, 'access', 'tls', `owner-${it}.pem`), { force: true })
  return openCertificate(dataDir, localName)
}

/** What TLS says against it, all of its chain and the strength of its keys looked at; undefined: nothing. */
function refusalOf({ key, cert }: Pair): string | undefined {
  try {
    createSecureContext({ key, cert, minVersion: 'TLSv1.2' })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function parsed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export interface Pair {
  readonly key: string
  readonly cert: string
}

async function readPair(dir: string, name: string): Promise<Pair | undefined> {
  try {
    const [key, cert] = await Promise.all(['key', 'cert'].map((it) => readFile(join(dir, `${name}-${it}.pem`), 'utf8')))
    const pair = { key: key as string, cert: cert as string }
    const isWhole = new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))
    return isWhole && refusalOf(pair) === undefined ? pair : undefined
  } catch {
    // Missing, cut or of another key: the page must come up all the same.
    return undefined
  }
}

/** The key first: a certificate without its key is none. */
async function writePair(dir: string, name: string, pair: Pair): Promise<void> {
  for (const kind of ['key', 'cert'] as const) {
    const path = join(dir, `${name}-${kind}.pem`)
    await writeFile(`${path}.new`, pair[kind], { mode: 0o600, flush: true })
    await chmod(`${path}.new`, 0o600)
    await rename(`${path}.new`, path)
  }
}

function served({ key, cert }: Pair, isOwners: boolean): ServedCertificate {
  const { fingerprint256, subject, validTo } = new X509Certificate(cert)
  return { key, cert, fingerprint: fingerprint256, isOwners, subject, validTo: new Date(validTo).toISOString() }
}

async function newKey(): Promise<string> {
  const pair = (await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }) as string
}

async function certificateFor(key: string, localName: string, now: number): Promise<string> {
  const { generate } = await import('selfsigned')
  const publicKey = createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string
  const { cert } = await generate([{ name: 'commonName', value: localName }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    keyPair: { privateKey: key, publicKey },
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: namesOf(localName) },
    ],
  })
  return cert
}

function namesOf(localName: string) {
  const addresses = Object.values(networkInterfaces())
    .flatMap((it) => it ?? [])
    // Link-local ones need a zone, which no name in a certificate has.
    .filter((it) => !it.address.startsWith('fe80:'))
    .map((it) => it.address)
  return [
    { type: 2 as const, value: localName },
    { type: 2 as const, value: 'localhost' },
    ...[...new Set([...addresses, SERVICE_ADDRESS])].map((ip) => ({ type: 7 as const, ip })),
  ]
}
