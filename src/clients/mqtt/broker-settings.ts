// The keys of a broker, the same for every source over MQTT. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { BYTES_ALLOWED, DURATION_ALLOWED, parseBytes, parseDurationMs } from '../../core/units.ts'

/** MQTT carries it as two bytes of seconds. */
const KEEP_ALIVE_S_MAX = 65_535
const KEEP_ALIVE_S_MIN = 2
/** MQTT's own bound is 256 MB; a packet is held in memory whole. */
const PACKET_BYTES_MAX = 64_000_000
const PACKET_BYTES_MIN = 1_000

const secret = z.union([z.string().min(1), z.strictObject({ secret: z.string().min(1) })], {
  error: 'must be a text, or { secret: NAME }',
})
const PEM_ALLOWED = 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }'
const pem = z.union(
  [z.string().regex(/-----BEGIN [A-Z ]+-----/, { error: PEM_ALLOWED }), z.strictObject({ secret: z.string().min(1) })],
  {
    error: PEM_ALLOWED,
  },
)

const keepAlive = z.string({ error: `must be ${DURATION_ALLOWED}` }).transform((text, context) => {
  const ms = parseDurationMs(text)
  if (ms !== undefined && ms >= KEEP_ALIVE_S_MIN * 1000 && ms <= KEEP_ALIVE_S_MAX * 1000) return ms
  const range = `from ${KEEP_ALIVE_S_MIN}s to ${KEEP_ALIVE_S_MAX}s`
  context.addIssue({ code: 'custom', message: ms === undefined ? `must be ${DURATION_ALLOWED}` : `must be ${range}` })
  return z.NEVER
})

const packetBytesMax = z.string({ error: `must be ${BYTES_ALLOWED}` }).transform((text, context) => {
  const bytes = parseBytes(text)
  if (bytes !== undefined && bytes >= PACKET_BYTES_MIN && bytes <= PACKET_BYTES_MAX) return bytes
  context.addIssue({ code: 'custom', message: bytes === undefined ? `must be ${BYTES_ALLOWED}` : 'must be from 1kB to 64MB' })
  return z.NEVER
})

const tls = z
  .strictObject({
    /** Who signed the broker's certificate; by default the public authorities. */
    ca: pem.optional(),
    cert: pem.optional(),
    key: pem.optional(),
    /** The name in the broker's certificate, where it is not the host of the url. */
    serverName: z.string().min(1).max(253).optional(),
  })
  .refine((it) => (it.cert === undefined) === (it.key === undefined), { error: 'cert and key go together', path: ['key'] })

const URL_ALLOWED = 'must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; user and password have their own keys'

/** To spread into a protocol's own object, with `checkBroker` behind it. */
export const brokerKeys = {
  url: z
    .string({ error: URL_ALLOWED })
    .regex(/^mqtts?:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/?$/, { error: URL_ALLOWED }),
  user: z.string().min(1).optional(),
  password: secret.optional(),
  tls: tls.optional(),
  /** By default holdfast-DEVICE-SOURCE. Two clients of one id put each other out. */
  clientId: z.string().min(1).max(128).optional(),
  version: z.literal(['3.1.1', 5], { error: 'must be 3.1.1 or 5' }).default('3.1.1'),
  keepAlive: keepAlive.prefault('30s'),
  /** A longer packet is not taken: in MQTT 5 the broker keeps it to itself, in 3.1.1 it is passed over unread. */
  packetBytesMax: packetBytesMax.prefault('16MB'),
  /** Why it may be without encryption or without any authentication of us. */
  insecure: z.string().min(1).optional(),
}

const brokerObject = z.object(brokerKeys)
export type BrokerSettings = z.output<typeof brokerObject>

type Problem = (key: string, message: string) => void

/** What no single key shows. */
export function checkBroker(it: BrokerSettings, problem: Problem): void {
  const reason = 'or say why not with insecure: "the reason"'
  const isPlain = it.url.startsWith('mqtt:')
  if (isPlain && it.tls !== undefined) problem('tls', 'only an mqtts:// url is encrypted')
  if (it.password !== undefined && it.user === undefined) problem('user', 'a password needs its user')
  if (it.insecure !== undefined) return
  if (isPlain) problem('url', `nothing would be encrypted: take mqtts://, ${reason}`)
  else if (it.user === undefined && it.tls?.cert === undefined) {
    problem('user', `the broker could not tell us from anybody: set user and password, or tls.cert and tls.key, ${reason}`)
  }
}
