// The trust list for people: which certificates of servers are trusted, which wait, and letting one in by its fingerprint.
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { BadInput } from '../../core/errors.ts'
import type { Certificate } from '../../core/source.ts'
import { REFUSED_FOLDER } from './certificates.ts'

export interface ListedCertificate extends Certificate {
  readonly file: string
}

/** Fewer digits are easily met by another certificate. */
const DIGITS_MIN = 8

const TRUSTED = 'pki/trusted/certs'
const REFUSED = `pki/${REFUSED_FOLDER}`
/** Where those of a state are. Waiting, or trusted no more: for people both are rejected, and may be trusted. */
const FOLDERS = { trusted: [TRUSTED], rejected: ['pki/rejected', REFUSED] } as const

/** Those that wait first. `dir`: the folder of the protocol. */
export async function listCertificates(dir: string): Promise<ListedCertificate[]> {
  return [...onceEach(await ofState(dir, 'rejected')), ...(await ofState(dir, 'trusted'))]
}

/** For `Source.trust`: all that wait in the folder of the protocol, which its sources share. */
export async function* trust(dir: string, fingerprint: string | undefined): AsyncGenerator<Certificate> {
  const list = fingerprint === undefined ? onceEach(await ofState(dir, 'rejected')) : [await approveCertificate(dir, fingerprint)]
  for (const { file: _, ...it } of list) yield it
}

/** Trusts a certificate that was rejected; the next try of each source goes by it. The first eight digits do, where they are those of one. */
export function approveCertificate(dir: string, fingerprint: string): Promise<ListedCertificate> {
  return move(dir, fingerprint, 'rejected', TRUSTED)
}

/** Trusts a certificate no more, until it is approved again: an authority that signed it does not let it in. A session that there is goes on until it ends. */
export function rejectCertificate(dir: string, fingerprint: string): Promise<ListedCertificate> {
  return move(dir, fingerprint, 'trusted', REFUSED)
}

async function move(dir: string, fingerprint: string, from: ListedCertificate['state'], to: string): Promise<ListedCertificate> {
  const wanted = plain(fingerprint)
  if (wanted.length < DIGITS_MIN || /[^\da-f:\s]/i.test(fingerprint))
    throw new BadInput([{ where: fingerprint, text: `a fingerprint is wanted, or at least its first ${DIGITS_MIN} digits` }])
  const waiting = await ofState(dir, from)
  const found = waiting.filter((it) => plain(it.fingerprint).startsWith(wanted))
  const [one, ...others] = found
  if (!one || others.some((it) => it.fingerprint !== one.fingerprint)) {
    const there = waiting.map((it) => `${it.fingerprint} (${it.subject})`).join('; ') || 'none'
    const text = one ? `${found.length} certificates begin like this` : `no ${from} certificate has this fingerprint`
    throw new BadInput([{ where: fingerprint, text, remedy: `Take one of those that are ${from}: ${there}.` }])
  }
  const file = path.join(dir, to, path.basename(one.file))
  await mkdir(path.dirname(file), { recursive: true })
  await rename(one.file, file)
  // Copies: none may be left that says otherwise.
  for (const it of others) await rm(it.file, { force: true })
  return { ...one, state: from === 'trusted' ? 'rejected' : 'trusted', file }
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(/[^0-9a-fA-F]/g, '').toUpperCase()
}

/** What is refused the library lists as waiting too. */
function onceEach(list: readonly ListedCertificate[]): ListedCertificate[] {
  return list.filter((it, at) => list.findIndex((one) => one.fingerprint === it.fingerprint) === at)
}

async function ofState(dir: string, state: ListedCertificate['state']): Promise<ListedCertificate[]> {
  return (await Promise.all(FOLDERS[state].map((it) => inFolder(path.join(dir, it), state)))).flat()
}

async function inFolder(folder: string, state: ListedCertificate['state']): Promise<ListedCertificate[]> {
  const names = await readdir(folder).catch(() => [])
  const all = await Promise.all(names.toSorted().map((name) => listed(path.join(folder, name), state)))
  return all.filter((it) => it !== undefined)
}

/** Undefined: it is no certificate, or has just been moved. */
async function listed(file: string, state: ListedCertificate['state']): Promise<ListedCertificate | undefined> {
  try {
    const { fingerprint, subject, validFrom, validTo } = new X509Certificate(await readFile(file))
    const [from, to] = [validFrom, validTo].map((it) => new Date(it).toISOString()) as [string, string]
    return { fingerprint, subject: subject.replaceAll('\n', ', '), validFrom: from, validTo: to, state, file }
  } catch {
    return undefined
  }
}
