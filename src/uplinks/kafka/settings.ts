// What stands under `kafka:` of an uplink. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import type { CommandSettings } from '../../core/cloud-command.ts'
import { COMMAND_KINDS } from '../../core/cloud-command.ts'
import type { SaslAccess } from '../../clients/kafka/access.ts'

const secret = z.union([z.string().min(1), z.strictObject({ secret: z.string().min(1) })], {
  error: 'must be a text, or { secret: NAME }',
})
const PEM_ALLOWED = 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }'
const pem = z.union([z.string().regex(/-----BEGIN [A-Z ]+-----/), z.strictObject({ secret: z.string().min(1) })], {
  error: PEM_ALLOWED,
})
const broker = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):\d{1,5}$/, { error: 'must be host:port, as kafka.example.com:9093' })
const TOPIC_ALLOWED = 'must be letters, digits, dot, _ and -, with {class} or {site} where wanted'
const topic = z.string().regex(/^([a-zA-Z0-9._-]|\{class\}|\{site\})+$/, { error: TOPIC_ALLOWED })

const TOPIC_PATTERN = /^[a-zA-Z0-9._-]+$/
const ONE_TOPIC_ALLOWED = 'must be one topic: letters, digits, dot, _ and -'

const topics = z.strictObject({
  telemetry: topic.default('holdfast.telemetry.v1'),
  aggregates: topic.default('holdfast.aggregates.v1'),
  events: z.string().regex(TOPIC_PATTERN, { error: ONE_TOPIC_ALLOWED }).default('holdfast.events.v1'),
  gaps: topic.default('holdfast.gaps.v1'),
  /** Where readings and aggregates go with `records: blocks`. */
  blocks: topic.default('holdfast.blocks.v1'),
})

/** A topic that tells this box to do something: core/cloud-command.ts. */
const commands = z.strictObject({
  topic: z.string().regex(TOPIC_PATTERN, { error: ONE_TOPIC_ALLOWED }).default('holdfast.commands.v1'),
  kinds: z
    .array(z.enum(COMMAND_KINDS))
    .min(1)
    .refine((it) => new Set(it).size === it.length, { error: 'must have each kind once' }),
})

const passwordSasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  user: z.string().min(1).max(256),
  password: secret,
})
const tokenSasl = z.strictObject({
  mechanism: z.literal('oauthbearer'),
  /** Where a token is fetched (OAuth 2.0, client credentials). */
  tokenEndpoint: z.url({ protocol: /^https?$/, error: 'must be a URL, as https://login.example.com/token' }),
  clientId: z.string().min(1).max(256),
  clientSecret: secret,
  scope: z.string().min(1).max(1_000).optional(),
})

export const kafkaSettingsSchema = z
  .strictObject({
    brokers: z.array(broker).min(1),
    tls: z
      .strictObject({
        /** Authorities to trust instead of the system's. */
        ca: pem.optional(),
        cert: pem.optional(),
        key: pem.optional(),
        /** The name that the broker's certificate has, where it is not the address. */
        serverName: z.string().min(1).max(253).optional(),
      })
      .refine((it) => (it.cert === undefined) === (it.key === undefined), { error: 'must have both of cert and key, or none' })
      .optional(),
    sasl: z.discriminatedUnion('mechanism', [passwordSasl, tokenSasl]).optional(),
    /** What speaks with the cluster. */
    client: z.enum(['direct', 'kafkajs']).default('direct'),
    /** At least once, for a service that has no transactions: what was under way when a link broke is sent again. */
    guarantee: z.enum(['exactly-once', 'at-least-once']).default('exactly-once'),
    /** Why there is no TLS, or no authentication of us. */
    insecure: z.string().min(3).max(200).optional(),
    topics: topics.prefault({}),
    /** All of CloudEvents, or `ce_id` alone: fewer bytes on the wire. */
    headers: z.enum(['all', 'id']).default('all'),
    /** Absent: nobody tells this box anything. */
    commands: commands.optional(),
  })
  .superRefine((it, context) => {
    const open = [
      ...(it.tls ? [] : ['without TLS']),
      ...(it.sasl?.mechanism === 'oauthbearer' && it.sasl.tokenEndpoint.startsWith('http:')
        ? ['that fetches its token without TLS']
        : []),
      ...(it.sasl || it.tls?.cert !== undefined ? [] : ['without any authentication of us (sasl, or tls.cert)']),
    ]
    if (open.length > 0 && it.insecure === undefined) {
      const message = `a link ${open.join(' and ')} needs insecure: "the reason" beside it`
      context.addIssue({ code: 'custom', path: ['insecure'], message })
    }
  })

/** Where it writes and what it reads: topics that nothing else has a use for. */
export function ownTopics({ topics: of, commands: brought }: Pick<KafkaSettings, 'topics' | 'commands'>): string[] {
  return [...Object.values(of), ...(brought ? [brought.topic] : [])]
}

/** As the uplink is opened with: secrets resolved. */
export interface KafkaSettings {
  readonly brokers: readonly string[]
  readonly tls?: Readonly<Partial<Record<'ca' | 'cert' | 'key' | 'serverName', string | undefined>>> | undefined
  readonly sasl?: SaslAccess | undefined
  readonly client: 'direct' | 'kafkajs'
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly insecure?: string | undefined
  readonly topics: Readonly<Record<'telemetry' | 'aggregates' | 'events' | 'gaps' | 'blocks', string>>
  readonly headers: 'all' | 'id'
  readonly commands?: CommandSettings | undefined
}
