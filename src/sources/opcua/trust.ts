// The trust list for people: which certificates of servers are trusted, which wait, and letting one in by its fingerprint.
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { BadInput } from '../../core/errors.ts'

export interface ListedCertificate {
  /** SHA-1, the one that other OPC UA programs show. */
  readonly fingerprint: string
  readonly subject: string
  readonly validFrom: string
  readonly validTo: string
  readonly state: 'trusted' | 'rejected'
  readonly file: string
}

const FOLDERS = { trusted: 'pki/trusted/certs', rejected: 'pki/rejected' } as const

/** Those that wait first. `dir`: the folder of the protocol. */
export async function listCertificates(dir: string): Promise<ListedCertificate[]> {
  return [...(await inFolder(dir, 'rejected')), ...(await inFolder(dir, 'trusted'))]
}

/** Trusts a certificate that was rejected; the next try of each source goes by it. A part of the fingerprint does, where it is the only one. */
export function approveCertificate(dir: string, fingerprint: string): Promise<ListedCertificate> {
  return move(dir, fingerprint, 'rejected', 'trusted')
}

/** Trusts a certificate no more; a session that there is goes on until it ends. */
export function rejectCertificate(dir: string, fingerprint: string): Promise<ListedCertificate> {
  return move(dir, fingerprint, 'trusted', 'rejected')
}

async function move(
  dir: string,
  fingerprint: string,
  from: ListedCertificate['state'],
  to: ListedCertificate['state'],
): Promise<ListedCertificate> {
  const wanted = plain(fingerprint)
  const waiting = await inFolder(dir, from)
  const found = wanted === '' ? [] : waiting.filter((it) => plain(it.fingerprint).startsWith(wanted))
  const [one] = found
  if (!one || found.length > 1) {
    const there = waiting.map((it) => `${it.fingerprint} (${it.subject})`).join('; ') || 'none'
    const text = one ? `${found.length} certificates begin like this` : `no ${from} certificate has this fingerprint`
    throw new BadInput([{ where: fingerprint, text, remedy: `Take one of those that are ${from}: ${there}.` }])
  }
  const file = path.join(dir, FOLDERS[to], path.basename(one.file))
  await mkdir(path.dirname(file), { recursive: true })
  await rename(one.file, file)
  return { ...one, state: to, file }
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(/[^0-9a-fA-F]/g, '').toUpperCase()
}

async function inFolder(dir: string, state: ListedCertificate['state']): Promise<ListedCertificate[]> {
  const folder = path.join(dir, FOLDERS[state])
  const names = await readdir(folder).catch(() => [])
  const all = await Promise.all(names.toSorted().map((name) => listed(path.join(folder, name), state)))
  return all.filter((it) => it !== undefined)
}

/** Undefined: it is no certificate, or has just been moved. */
async function listed(file: string, state: ListedCertificate['state']): Promise<ListedCertificate | undefined> {
  try {
    const { fingerprint, subject, validFrom, validTo } = new X509Certificate(await readFile(file))
    return { fingerprint, subject: subject.replaceAll('\n', ', '), validFrom, validTo, state, file }
  } catch {
    return undefined
  }
}
