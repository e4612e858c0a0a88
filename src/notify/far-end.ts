// What goes wrong between us and whoever is to be told, as what the one who mends it needs; and the first steps of a test.
import type { Result } from '../clients/reach.ts'
import { reachSteps, runStep } from '../clients/reach.ts'
import { Unreachable } from '../core/errors.ts'
import type { TestStep } from '../core/source.ts'

interface End {
  readonly host: string
  readonly port: number
  readonly isEncrypted: boolean
  readonly ca?: string | undefined
}

const CODES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EDNS: 'dns',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-wrong-name',
}

const REMEDIES: Readonly<Record<string, string>> = {
  dns: 'check the name and the name server, or write the address instead of the name',
  refused: 'is the far end running, and is the port right?',
  timeout: 'check address, port and firewall',
  unreachable: 'check cable, address, gateway and firewall',
  reset: 'does the port speak this protocol, with or without TLS as in the settings?',
  'certificate-expired': 'renew it there; is the clock of this box right?',
  'certificate-not-yet-valid': 'is the clock of this box right?',
  'certificate-wrong-name': 'use the name that stands in the certificate',
  'certificate-untrusted': 'set ca to the certificate of the authority that signed it',
  'no-tls': 'take the port for TLS',
  failed: 'look at the far end and its log',
}

/** `where`: host and port, no more of an address: the rest may be secret. */
export function unreachable(error: unknown, where: string): Unreachable {
  if (error instanceof Unreachable) return error
  const { code = '' } = error as NodeJS.ErrnoException
  const message = messageOf(error as Error & { readonly errors?: readonly Error[] }) || code
  const named = /\bE[A-Z_]{4,}\b/.exec(message)?.[0] ?? ''
  const found = CODES[code] ?? CODES[named] ?? byText(`${code} ${message}`)
  return new Unreachable(found, `${where}: ${message}`, { cause: error, remedy: REMEDIES[found] as string })
}

/** Of a name with several addresses Node says what each of them said, and nothing itself. */
function messageOf({ message, errors }: Error & { readonly errors?: readonly Error[] }): string {
  return message || (errors ?? []).map((it) => it.message).join('; ')
}

function byText(text: string): string {
  if (/wrong version number|packet length too long|record layer/i.test(text)) return 'no-tls'
  if (/self.signed|UNABLE_TO_|CERT_SIGNATURE|unable to verify|unable to get/i.test(text)) return 'certificate-untrusted'
  if (/altnames/i.test(text)) return 'certificate-wrong-name'
  if (/has expired/i.test(text)) return 'certificate-expired'
  if (/time(d)? ?out|no answer/i.test(text)) return 'timeout'
  return 'failed'
}

const explain = (error: unknown, where: string) => {
  const { message, remedy } = unreachable(error, where)
  return { text: message, remedy }
}

export function endStep(
  step: string,
  where: string,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<TestStep> {
  return runStep(step, where, signal, explain, work)
}

/** Name, port and certificate of the far end; ends with the first that fails. */
export function endSteps({ host, port, isEncrypted, ca }: End, signal: AbortSignal): AsyncGenerator<TestStep> {
  const tls = isEncrypted ? { ...(ca !== undefined && { ca }) } : undefined
  return reachSteps({ host, port, tls }, explain, signal)
}
