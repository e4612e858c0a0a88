// SASL as Kafka has it: a handshake that names the mechanism, then its messages in frames. PLAIN, SCRAM (RFC 5802), OAUTHBEARER (RFC 7628).
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Unreachable } from '../../../core/errors.ts'
import type { SaslAccess } from '../access.ts'
import type { Call } from './calls.ts'
import { saslAuthenticate, saslHandshake } from './calls.ts'

/** Resolves with how long the broker lets the connection live, ms; 0 for without an end. */
export type Authenticate = (send: <T>(call: Call<T>) => Promise<T>) => Promise<number>

/** Says something to the broker, hears what it answers. */
type Talk = (message: Buffer) => Promise<Buffer>

const ITERATIONS_MIN = 4_096
/** A broker that asks for more would keep us busy for seconds. */
const ITERATIONS_MAX = 1_000_000
const derive = promisify(pbkdf2)

export function authenticator(sasl: SaslAccess, token: (() => Promise<string>) | undefined): Authenticate {
  return async (send) => {
    await send(saslHandshake(sasl.mechanism.toUpperCase()))
    let sessionMs = 0
    const talk: Talk = async (message) => {
      const answer = await send(saslAuthenticate(message))
      sessionMs = Number(answer.sessionMs)
      return answer.bytes
    }
    if (sasl.mechanism === 'oauthbearer') await bearer(talk, (await token?.()) ?? '')
    else if (sasl.mechanism === 'plain') await talk(Buffer.from(`\0${sasl.user}\0${sasl.password}`))
    else await scram(talk, sasl.mechanism === 'scram-sha-256' ? 'sha256' : 'sha512', sasl.user, sasl.password)
    return sessionMs
  }
}

/** A broker that does not like the token says so in words first and wants one byte before it refuses. */
async function bearer(talk: Talk, token: string): Promise<void> {
  const answer = await talk(Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`))
  if (answer.length === 0) return
  await talk(Buffer.from('\x01')).catch(() => {})
  throw new Unreachable('sasl-failed', 'the broker refuses our token', {
    remedy: 'check sasl.scope, and that the broker trusts the issuer of the token',
    isDenied: true,
  })
}

async function scram(talk: Talk, hash: 'sha256' | 'sha512', user: string, password: string): Promise<void> {
  const nonce = randomBytes(24).toString('base64url')
  const first = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const challenge = String(await talk(Buffer.from(`n,,${first}`)))
  const { r = '', s = '', i = '' } = attributesOf(challenge)
  if (!r.startsWith(nonce) || r === nonce || s === '') throw notGenuine()
  const iterations = Number(i)
  if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) throw notGenuine()

  const digest = (data: Buffer) => createHash(hash).update(data).digest()
  const mac = (key: Buffer, data: string) => createHmac(hash, key).update(data).digest()
  const salted = await derive(password, Buffer.from(s, 'base64'), iterations, hash === 'sha256' ? 32 : 64, hash)
  const bare = `c=biws,r=${r}`
  const signed = `${first},${challenge},${bare}`
  const clientKey = mac(salted, 'Client Key')
  const signature = mac(digest(clientKey), signed)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)))
  const last = String(await talk(Buffer.from(`${bare},p=${proof.toString('base64')}`)))
  const expected = mac(mac(salted, 'Server Key'), signed)
  const given = Buffer.from(attributesOf(last)['v'] ?? '', 'base64')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notGenuine()
}

function attributesOf(message: string): Record<string, string> {
  return Object.fromEntries(message.split(',').map((it) => [it.slice(0, 1), it.slice(2)]))
}

function notGenuine(): Unreachable {
  return new Unreachable('sasl-server', 'who answers at the broker does not know our password either', {
    remedy: 'check the address: this may be another broker',
  })
}
