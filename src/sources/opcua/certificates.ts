// Our own certificate and the trust list, below DIR/pki of the protocol's folder:
//
//   own/certs/holdfast.pem        ours: the operator of a server has to trust it there
//   own/certs/holdfast-next.pem   the one after it, made 60 days before ours ends, so that servers can be told in time; used from 7 days before
//   own/private/private_key.pem   its key
//   trusted/certs/                server certificates that somebody approved, and authorities: what they signed is good for the host that it names
//   issuers/certs/, issuers/crl/  authorities between, and the lists of what each authority revoked: one that has none is not believed
//   rejected/                     server certificates that wait for approval
//   refused/                      those that somebody trusts no more: whoever signed them, they are let in only once they are trusted anew
//
// A certificate that is neither trusted nor signed by a trusted authority for this host is put in rejected/ and the server gets no session.
// The folders are read anew at each connection: moving a file is all that it takes.
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import path from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import { Unreachable } from '../../core/errors.ts'

const VALIDITY_DAYS = 3650
const DAY_MS = 86_400_000
const NEXT_DAYS = 60
const USE_NEXT_DAYS = 7
const WRONG_HOST = 'BadCertificateHostNameInvalid'
const UNTRUSTED = 'BadCertificateUntrusted'
/** Below the folder of the trust list. */
export const REFUSED_FOLDER = 'refused'

/** The trust list and our own certificate, open until `close`. */
export interface Trust {
  readonly manager: OPCUACertificateManager
  readonly certificateFile: string
  readonly privateKeyFile: string
  readonly applicationUri: string
  /** Ours ends soon: what to do. */
  readonly warning: string | undefined
  close(): Promise<void>
}

type Verify = OPCUACertificateManager['verifyCertificate']

/** Asked by the library too, when it connects again by itself and the server shows another certificate than before. */
class TrustForHost extends OPCUACertificateManager {
  readonly #host: string

  constructor(rootFolder: string, host: string) {
    super({ rootFolder, automaticallyAcceptUnknownCertificate: false, keySize: 2048, disableFileWatchers: true })
    this.#host = host
  }

  override async verifyCertificate(...args: Parameters<Verify>): ReturnType<Verify> {
    const [certificate] = args.slice(0, 1).flat() as [Buffer]
    const isApproved = async () => (await this.getTrustStatus(certificate)).isGood()
    // Before anything else is asked: it is not listed a second time.
    if ((await isRefused(this.rootDir, certificate)) && !(await isApproved())) return UNTRUSTED as Awaited<ReturnType<Verify>>
    const verdict = await super.verifyCertificate(...args)
    if (String(verdict) !== 'Good' || isForHost(certificate, this.#host)) return verdict
    // Good only by its authority: listed then, so that a person may let it in.
    return (await isApproved()) ? verdict : (WRONG_HOST as typeof verdict)
  }
}

/** Opens DIR/pki, makes key and certificate when they are not there. `endpoint`: of the server that is to be trusted. */
export async function openTrust(dir: string, device: string, endpoint: string, now = Date.now()): Promise<Trust> {
  const root = path.join(dir, 'pki')
  const manager = new TrustForHost(root, hostOf(endpoint))
  await manager.initialize()
  const certificateFile = path.join(root, 'own/certs/holdfast.pem')
  const applicationUri = `urn:holdfast:${device}`
  const make = (outputFile: string) =>
    manager.createSelfSignedCertificate({
      applicationUri,
      subject: `/CN=Holdfast ${device.replaceAll(/[^\w.-]/g, '_')}/O=Holdfast`,
      dns: [hostname()],
      // A day ago: the clock of a controller is seldom ours.
      startDate: new Date(now - DAY_MS),
      validity: VALIDITY_DAYS,
      outputFile,
    })
  const warning = await keepOwn(certificateFile, applicationUri, now, make)
  // Each client that is closed lets go of the manager once; ours is the last hold.
  manager.referenceCounter++
  const close = async () => {
    manager.referenceCounter = 0
    await manager.dispose()
  }
  return { manager, certificateFile, privateKeyFile: manager.privateKey, applicationUri, warning, close }
}

/** Sees to it that there is one of ours that holds, and the next in time. Yields what a person should know. */
async function keepOwn(
  file: string,
  applicationUri: string,
  now: number,
  make: (file: string) => Promise<void>,
): Promise<string | undefined> {
  const own = existsSync(file) ? parse(await readFile(file)) : undefined
  const isOurs = own?.subjectAltName?.split(', ').includes(`URI:${applicationUri}`) === true
  if (!own || !isOurs) {
    await make(file)
    return undefined
  }
  const daysLeft = (Date.parse(own.validTo) - now) / DAY_MS
  if (daysLeft > NEXT_DAYS) return undefined
  const next = file.replace(/\.pem$/, '-next.pem')
  if (!existsSync(next)) await make(next)
  if (daysLeft > USE_NEXT_DAYS)
    return `our certificate ends on ${own.validTo}; ${USE_NEXT_DAYS} days before, ${next} takes its place: let the server trust it now`
  await rename(next, file)
  return `our certificate was renewed: let the server trust ${file}`
}

/** Resolves when the certificate (DER, with its chain) is trusted; else rejects and says what to do. */
export async function assertTrusted(trust: Trust, certificate: Buffer, source: string): Promise<void> {
  const status = await trust.manager.checkCertificate(certificate)
  if (status.isGood()) return
  const about = describe(certificate)
  const approve = `holdfast sources trust ${source} ${fingerprintOf(certificate)}`
  if (status.name === WRONG_HOST)
    throw new Unreachable(
      'certificate-host',
      `an authority that we trust signed the server's certificate, but for other hosts (${altNames(certificate)}): ${about}`,
      {
        remedy: `Use a name that stands in the certificate, or give the server one for this host. To trust this one all the same: ${approve}`,
      },
    )
  if (status.name.includes('TimeInvalid'))
    throw new Unreachable('certificate-expired', `the server's certificate is not valid now: ${about}`, {
      remedy: 'Check the clock here and there; if both are right, give the server a new certificate.',
    })
  if (status.name.includes('Revoked'))
    throw new Unreachable('certificate-revoked', `the server's certificate was revoked: ${about}`, {
      remedy: 'Give the server a new certificate.',
    })
  if (status.name.includes('RevocationUnknown') || status.name.includes('ChainIncomplete'))
    throw new Unreachable(
      'certificate-untrusted',
      `the server's certificate cannot be followed to an authority (${status.name}): ${about}`,
      {
        remedy: `Put the authority's certificate in ${path.join(trust.manager.rootDir, 'trusted/certs')} and its revocation list in ${path.join(trust.manager.rootDir, 'issuers/crl')}.`,
      },
    )
  throw new Unreachable('certificate-untrusted', `the server's certificate is not trusted: ${about}`, {
    remedy: `Compare the fingerprint with the server's own. If it is the same: ${approve}`,
  })
}

/** Somebody trusts it no more. */
async function isRefused(root: string, certificate: Buffer): Promise<boolean> {
  const folder = path.join(root, REFUSED_FOLDER)
  const names = await readdir(folder).catch(() => [])
  const refused = await Promise.all(names.map((it) => readFile(path.join(folder, it)).catch(() => Buffer.alloc(0))))
  return refused.some((it) => parse(it)?.fingerprint256 === parse(certificate)?.fingerprint256 && parse(it) !== undefined)
}

function parse(certificate: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate)
  } catch {
    return undefined
  }
}

/** SHA-1, the one that other OPC UA programs show. */
export function fingerprintOf(certificate: Buffer): string {
  return parse(certificate)?.fingerprint ?? 'unreadable'
}

function describe(certificate: Buffer): string {
  const parsed = parse(certificate)
  if (!parsed) return 'unreadable'
  const subject = parsed.subject.replaceAll('\n', ', ')
  return `${subject}, valid ${parsed.validFrom} to ${parsed.validTo}, fingerprint ${parsed.fingerprint}`
}

/** What a certificate says otherwise than the server does: its host name, its application URI. Empty when all is in order. */
export function mismatches(certificate: Buffer, endpoint: string, applicationUri: string | null): string[] {
  const parsed = parse(certificate)
  if (!parsed) return ['the certificate is unreadable']
  const host = hostOf(endpoint)
  const found: string[] = []
  if (!isForHost(certificate, host)) found.push(`the certificate is not for host ${host} (${altNames(certificate)})`)
  if (applicationUri && !namesOf(parsed).includes(`URI:${applicationUri}`))
    found.push(`the certificate is not for application ${applicationUri}`)
  return found
}

function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname.replaceAll(/[[\]]/g, '')
}

function altNames(certificate: Buffer): string {
  return parse(certificate)?.subjectAltName ?? 'it names none'
}

/** By its subjectAltName alone: the common name of an OPC UA certificate is that of a program. */
function isForHost(certificate: Buffer, host: string): boolean {
  const parsed = parse(certificate)
  if (!parsed) return false
  if (!isIP(host)) return parsed.checkHost(host, { subject: 'never' }) !== undefined
  // Many servers write their address as if it were a name.
  return parsed.checkIP(host) !== undefined || namesOf(parsed).includes(`DNS:${host}`)
}

/** Without those that Node had to put in quotes: within one, a comma begins no other. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(', ')
}
