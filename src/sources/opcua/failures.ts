// What the library says when something fails, in a stable word, with what to do about it.
import { Unreachable } from '../../core/errors.ts'

interface Case {
  readonly pattern: RegExp
  readonly code: string
  readonly text: string
  readonly remedy: string
}

const CASES: readonly Case[] = [
  {
    pattern: /ECONNREFUSED/,
    code: 'refused',
    text: 'nobody listens there',
    remedy: 'Check address and port, and that the server runs.',
  },
  {
    pattern: /ENOTFOUND|EAI_AGAIN/,
    code: 'host-unknown',
    text: 'the host name is not known',
    remedy: 'Check the name, or give the address.',
  },
  {
    pattern: /EHOSTUNREACH|ENETUNREACH/,
    code: 'no-route',
    text: 'there is no way to the host',
    remedy: 'Check cable, address and network of the port.',
  },
  {
    pattern: /BadIdentityToken|BadUserAccessDenied|BadUserSignatureInvalid/,
    code: 'bad-credentials',
    text: 'the server does not let this user in',
    remedy: 'Check user and password (secrets set NAME), or the user certificate and that the server trusts it.',
  },
  {
    pattern: /user token policy/,
    code: 'bad-credentials',
    text: 'the server takes no users of this kind',
    remedy: 'See with `sources test` what the server offers: user and password, certificate, or anonymous.',
  },
  {
    pattern: /BadSecurityChecksFailed|BadCertificate|BadApplicationSignatureInvalid/,
    code: 'rejected-by-server',
    text: 'the server does not accept our certificate',
    remedy: 'Let the operator of the server trust our certificate: {certificate}.',
  },
  {
    pattern: /BadTooManySessions|BadTcpNotEnoughResources|BadTooManySubscriptions/,
    code: 'server-full',
    text: 'the server has no room for another client',
    remedy: 'Close other clients, or raise the limit of the server.',
  },
  {
    pattern: /timeout|timed ?out|ETIMEDOUT/i,
    code: 'timeout',
    text: 'the server does not answer',
    remedy: 'Check that an OPC UA server runs there and is not overloaded.',
  },
]

/** Whatever failed on the way to the server, as something to wait for. `certificateFile`: ours. */
export function asUnreachable(error: unknown, certificateFile: string): Unreachable {
  if (error instanceof Unreachable) return error
  const message = error instanceof Error ? error.message : String(error)
  const found = CASES.find((it) => it.pattern.test(message))
  const first = (message.split('\n').find((it) => it.trim() !== '') ?? '').trim()
  if (!found) return new Unreachable('opcua-error', first, { cause: error })
  return new Unreachable(found.code, `${found.text} (${first})`, {
    cause: error,
    remedy: found.remedy.replace('{certificate}', certificateFile),
  })
}
