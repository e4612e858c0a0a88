// DIR/access/tls: what the page is served with. The owner's where one is installed, else the device's own, made at the first start and made anew
// before it ends, for the same key. Its life is short enough for every browser to take it at all.
//
//   own.pem, owner.pem   key and certificate (with its chain) in one file: it changes as a whole, whoever changes it
//   request-key.pem      of a request whose certificate has not come yet
//
// Panel, console and CLI change them, also at the same time; the panel sees it (`mark`) and serves the new one.
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { lchown, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CertificateView } from '../core/access.ts'
import type { CertificateRequest, CertificatesApi, OwnersPair } from '../core/certificates.ts'
import { BadInput } from '../core/errors.ts'
import type { Pair } from './certificate-check.ts'
import { chainOf, checkFits, checkTaken, keyOf, namesIn, refusalOf } from './certificate-check.ts'
import { newKey, requestFor, selfSigned } from './certificate-make.ts'

export interface ServedCertificate extends CertificateView, Pair {}

export interface Certificates extends CertificatesApi {
  /** Makes the device's own where there is none, or where it ends soon. */
  served(): Promise<ServedCertificate>
  /** Another one whenever the files have changed. */
  mark(): Promise<string>
}

const DAY_MS = 86_400_000
const RENEW_DAYS = 60
const FILES = ['owner.pem', 'own.pem'] as const

export function openCertificates(dataDir: string, localName: string, now: () => number = Date.now): Certificates {
  const dir = join(dataDir, 'access', 'tls')
  const requestKey = join(dir, 'request-key.pem')

  async function make(key: string): Promise<ServedCertificate> {
    const pair = { key, cert: await selfSigned(key, localName, now()) }
    await writePair(dir, 'own.pem', pair)
    return served(pair, false)
  }

  async function current(): Promise<ServedCertificate> {
    const owners = await readPair(dir, 'owner.pem')
    if (owners) return served(owners, true)
    const own = await readPair(dir, 'own.pem')
    const isFresh = own !== undefined && Date.parse(new X509Certificate(own.cert).validTo) - now() > RENEW_DAYS * DAY_MS
    return isFresh ? served(own, false) : make(own?.key ?? (await newKey()))
  }

  /** Of the request, or of what is served: the certificate says which. */
  async function keyHere(chain: readonly X509Certificate[]): Promise<string> {
    const pairs = await Promise.all(FILES.map((it) => readPair(dir, it)))
    const known = [await textOf(requestKey), ...pairs.map((it) => it?.key)]
    const found = known.find((it) => it !== undefined && chain[0]?.checkPrivateKey(createPrivateKey(it)))
    if (found !== undefined) return found
    const remedy = 'give its private key with it, or make a request here first (certificate request)'
    throw new BadInput([{ where: 'certificate', text: 'the private key of this certificate is not on this box', remedy }])
  }

  return {
    served: current,
    show: async () => viewOf(await current()),
    async renew() {
      const made = await make(await newKey())
      await removed(dir, 'owner.pem')
      return viewOf(made)
    },
    async replace({ cert, key }: OwnersPair) {
      const chain = chainOf(cert, now())
      const ours = keyOf(key ?? (await keyHere(chain)))
      checkFits(chain, ours)
      // The key alone: the text that it was given in may have more in it, certificates above all.
      const pair = { key: ours.export({ format: 'pem', type: 'pkcs8' }) as string, cert: chain.map(String).join('') }
      checkTaken(pair)
      await writePair(dir, 'owner.pem', pair)
      await removed(dir, 'request-key.pem')
      return viewOf(served(pair, true))
    },
    async request(): Promise<CertificateRequest> {
      const kept = await textOf(requestKey)
      const key = kept ?? (await newKey())
      if (kept === undefined) await writeText(dir, 'request-key.pem', key)
      return { request: await requestFor(key, localName) }
    },
    async mark() {
      const seen = await Promise.all(FILES.map((it) => stat(join(dir, it)).catch(() => undefined)))
      return seen.map((it) => (it ? `${it.ino} ${it.mtimeMs} ${it.size}` : '-')).join(' ')
    },
  }
}

function viewOf({ key: _key, cert: _cert, ...view }: ServedCertificate): CertificateView {
  return view
}

function served(pair: Pair, isOwners: boolean): ServedCertificate {
  const cert = new X509Certificate(pair.cert)
  const [validFrom, validTo] = [cert.validFrom, cert.validTo].map((it) => new Date(it).toISOString()) as [string, string]
  const subject = cert.subject.replaceAll('\n', ', ')
  return { ...pair, fingerprint: cert.fingerprint256, isOwners, subject, names: namesIn(cert), validFrom, validTo }
}

/** Undefined where it is missing, cut, of another key, or none that TLS takes: the page must come up all the same. */
async function readPair(dir: string, name: string): Promise<Pair | undefined> {
  const [key, cert] = (await textOf(join(dir, name)))?.split(/(?=-----BEGIN CERTIFICATE-----)([\s\S]*)/) ?? []
  if (!key || !cert) return undefined
  try {
    const isWhole = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    return isWhole && refusalOf({ key, cert }) === undefined ? { key, cert } : undefined
  } catch {
    return undefined
  }
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => undefined)

const writePair = (dir: string, name: string, { key, cert }: Pair) => writeText(dir, name, `${key.trimEnd()}\n${cert}`)

/** Root writes into a folder of the panel: a file that is there already, a link for one, is never written to. */
async function writeText(dir: string, name: string, text: string): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o700 })
  const owner = await ownerOf(join(dir, '..'))
  if (made === dir) await lchown(dir, ...owner)
  await inFolder(dir, async (folder) => {
    const fresh = join(folder, `${name}.${randomUUID()}.new`)
    const file = await open(fresh, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.chown(...owner)
      await file.sync()
    } catch (error) {
      // It may hold a key, and nobody would look for it.
      await rm(fresh, { force: true }).catch(() => undefined)
      throw error
    } finally {
      await file.close()
    }
    await rename(fresh, join(folder, name))
  })
}

const removed = (dir: string, name: string) => inFolder(dir, (folder) => rm(join(folder, name), { force: true }))

/** The folder itself may be a link that the panel laid, and be exchanged at any moment: it is opened once, and gone through by what was opened. */
async function inFolder<T>(dir: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ELOOP' && error.code !== 'ENOTDIR') throw error
      const remedy = `remove it (rm ${dir}): the box makes the folder and its certificate anew`
      throw new BadInput([{ where: dir, text: 'is a link or a file, and nothing is written through it', remedy }])
    },
  )
  try {
    return await use(`/proc/self/fd/${folder.fd}`)
  } finally {
    await folder.close()
  }
}

/** Whoever else writes, root at a terminal for one: the panel has to read it. */
async function ownerOf(dir: string): Promise<[number, number]> {
  const { uid, gid } = await stat(dir)
  return [uid, gid]
}
