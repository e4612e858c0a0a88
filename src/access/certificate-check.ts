// Whether a page can be served with what an owner gives: each fault is said as what it is, and what to do.
import type { KeyObject } from 'node:crypto'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { BadInput } from '../core/errors.ts'

/** PEM; `cert` with its chain. */
export interface Pair {
  readonly key: string
  readonly cert: string
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CHAIN_MAX = 10
/** What openssl req -x509 makes of itself. */
const OWN_AUTHORITY =
  'it is signed by itself, and as an authority (CA:TRUE): whoever trusts it would trust every page that its key signs for'
const OWN_AUTHORITY_REMEDY =
  'make it anew with -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:NAME-OF-THE-BOX, or let it sign a request of this box (certificate request)'

/** The certificates of a text, the box's own first. Throws BadInput. */
export function chainOf(text: string, now: number): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0)
    throw wrong('is none', 'PEM, the certificate of this box first, then those between it and the authority')
  if (blocks.length > CHAIN_MAX) throw wrong(`are ${blocks.length}`, `give the chain of this box alone, at most ${CHAIN_MAX}`)
  const chain = blocks.map((it, at) => parsed(() => new X509Certificate(it)) ?? notRead(at))
  checkBoxes(chain[0] as X509Certificate, chain.length === 1, now)
  for (const [at, it] of chain.slice(1).entries()) checkLink(chain[at] as X509Certificate, it, at + 2, now)
  return chain
}

/** Throws BadInput: none, or locked by a password. */
export function keyOf(text: string): KeyObject {
  if (/ENCRYPTED/.test(text))
    throw wrong('its private key is locked by a password', 'take the password off: openssl pkey -in KEY -out PLAIN')
  return parsed(() => createPrivateKey(text)) ?? raise('its private key is none', 'PEM: -----BEGIN PRIVATE KEY-----')
}

/** Throws BadInput where the first of the chain is not of this key. */
export function checkFits(chain: readonly X509Certificate[], key: KeyObject): void {
  const at = chain.findIndex((it) => it.checkPrivateKey(key))
  if (at === 0) return
  if (at > 0) throw wrong(`the private key is of certificate ${at + 1}`, 'put the certificate of this box first')
  throw wrong('the private key is of another certificate', 'give the two that belong together')
}

/** Throws BadInput with what TLS says of keys that are too weak, or of anything else. */
export function checkTaken(pair: Pair): void {
  const refusal = refusalOf(pair)
  if (refusal !== undefined)
    throw wrong(`TLS does not take it: ${refusal}`, 'a key of 2048 bits of RSA or 256 of EC at least, and a chain that is whole')
}

/** What TLS says against it, all of its chain and the strength of its keys looked at; undefined: nothing. */
export function refusalOf({ key, cert }: Pair): string | undefined {
  try {
    createSecureContext({ key, cert, minVersion: 'TLSv1.2' })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Hosts and addresses that a certificate is for. */
export function namesIn({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((it) => /^(?:DNS|IP Address):(.+)$/.exec(it)?.[1] ?? [])
}

function checkBoxes(cert: X509Certificate, isAlone: boolean, now: number): void {
  checkDates(cert, 'it', now)
  if (cert.ca && isAlone && cert.checkIssued(cert)) throw wrong(OWN_AUTHORITY, OWN_AUTHORITY_REMEDY)
  if (cert.ca) throw wrong('the first is of an authority', 'put the certificate of this box first')
  // Of extended key usages: without any it is good for all.
  if (cert.keyUsage && !cert.keyUsage.includes(SERVER_AUTH))
    throw wrong('it is not for servers (its extended key usage)', 'ask the authority for one with serverAuth')
  if (namesIn(cert).length === 0)
    throw wrong('it names no host (subjectAltName), and browsers go by nothing else', 'ask the authority for one that does')
}

function checkLink(before: X509Certificate, cert: X509Certificate, place: number, now: number): void {
  checkDates(cert, `certificate ${place}`, now)
  if (!before.checkIssued(cert) || !before.verify(cert.publicKey))
    throw wrong(
      `certificate ${place} (${oneLine(cert.subject)}) did not sign the one before it`,
      'the certificate of this box first, then whoever signed it, and so on; leave out what is not of the chain',
    )
}

function checkDates({ validFrom, validTo }: X509Certificate, which: string, now: number): void {
  if (Date.parse(validTo) <= now) throw wrong(`${which} has ended: ${validTo}`, 'ask the authority for a new one')
  if (Date.parse(validFrom) > now) throw wrong(`${which} begins ${validFrom}`, 'is the clock of this box right? (status)')
}

function notRead(at: number): never {
  throw wrong(`TLS does not take it: certificate ${at + 1} cannot be read`, 'copy it whole, from BEGIN to END')
}

function raise(text: string, remedy: string): never {
  throw wrong(text, remedy)
}

const wrong = (text: string, remedy: string) => new BadInput([{ where: 'certificate', text, remedy }])
const oneLine = (subject: string) => subject.replaceAll('\n', ', ')

function parsed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
