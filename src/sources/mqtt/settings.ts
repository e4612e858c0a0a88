// The settings of one MQTT source: its `sources:` entry without name and protocol. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { DURATION_ALLOWED, parseDurationMs } from '../../core/units.ts'
import { capturesOf, topicProblem } from './topics.ts'

/** MQTT carries it as two bytes of seconds. */
const KEEP_ALIVE_S_MAX = 65_535
const KEEP_ALIVE_S_MIN = 2
const TAG_LENGTH_MAX = 400

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

/** Dotted: `value`, `data.temperature`, `readings.0.v`; `$` is the whole, a leading `$.` says nothing more. */
const path = z
  .string()
  .regex(/^(\$|(\$\.)?[^.\s{}]+(\.[^.\s{}]+)*)$/, { error: 'must be a path as value, data.value, or $ for the whole' })

const qos = z.literal([0, 1], {
  error: (issue) =>
    issue.input === 2
      ? 'must be 0 or 1: with 1 each message is acknowledged once it is on disk, and 2 would add nothing but round trips'
      : 'must be 0 or 1',
})

const subscription = z
  .strictObject({
    /** An MQTT topic filter; `{name}` captures one level. */
    topic: z.string().min(1).max(1_000),
    qos: qos.default(1),
    /** `{name}` is a level that the topic captures, `{$.path}` a field of the item. */
    tag: z.string().min(1).max(TAG_LENGTH_MAX),
    /** By default `value`, or the item itself where it is no object. */
    value: path.optional(),
    /** Epoch seconds, ms, µs or ISO 8601. By default, and where it is missing, the time of receipt. */
    time: path.optional(),
    quality: path.optional(),
    /** Where a payload holds many readings: the array of its items. */
    items: path.optional(),
    /** What the values are to be; by default what JSON says, numbers as double. */
    type: z.enum(['double', 'long', 'bool', 'string']).optional(),
    class: z.string().min(1),
    unit: z.string().min(1).max(40).optional(),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const wrongTopic = topicProblem(it.topic)
    if (wrongTopic !== undefined) problem('topic', wrongTopic)
    const captured = capturesOf(it.topic)
    for (const [whole, inner = ''] of it.tag.matchAll(/\{([^}]*)\}/g)) {
      if (!inner.startsWith('$') && !captured.includes(inner)) problem('tag', `${whole} is no level that the topic captures`)
      else if (inner.startsWith('$') && !/^\$\.[^.\s{}]+(\.[^.\s{}]+)*$/.test(inner))
        problem('tag', `${whole}: a field is named as {$.path}`)
    }
    if (/[{}]/.test(it.tag.replaceAll(/\{[^}]*\}/g, ''))) problem('tag', 'a { or } stands alone')
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

export const mqttSettings = z
  .strictObject({
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
    /** Why it may be without encryption or without any authentication of us. */
    insecure: z.string().min(1).optional(),
    subscribe: z.array(subscription).min(1),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const reason = 'or say why not with insecure: "the reason"'
    const isPlain = it.url.startsWith('mqtt:')
    if (isPlain && it.tls !== undefined) problem('tls', 'only an mqtts:// url is encrypted')
    if (it.password !== undefined && it.user === undefined) problem('user', 'a password needs its user')
    if (it.insecure !== undefined) return
    if (isPlain) problem('url', `nothing would be encrypted: take mqtts://, ${reason}`)
    else if (it.user === undefined && it.tls?.cert === undefined) {
      problem('user', `the broker could not tell us from anybody: set user and password, or tls.cert and tls.key, ${reason}`)
    }
  })

export type MqttSettings = z.output<typeof mqttSettings>
export type MqttSubscription = MqttSettings['subscribe'][number]
