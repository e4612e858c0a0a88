// The settings of one OPC UA source: its `sources:` entry without name and protocol. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { DURATION_ALLOWED, formatDuration, parseDurationMs, parsePercent } from '../../core/units.ts'

/** The longest outage that the server's queues are asked to bridge, where `queueSize` says nothing else. */
const QUEUE_SIZE_MAX = 10_000
const HISTORY_MS_MAX = 31 * 86_400_000
const TAGS_MAX = 50_000
const EVENTS_MAX = 100
/** A subscription that has nothing to say says so at least this often; the watchdog counts on it. */
const KEEP_ALIVE_MS = 5_000
const KEEP_ALIVE_COUNT_MIN = 3

const POLICIES = ['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const
const MODES = ['None', 'Sign', 'SignAndEncrypt'] as const
const NODE_ID =
  /^(?:nsu=[^;]+;|ns=\d{1,5};)?(?:i=\d{1,10}|s=.+|g=[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|b=[A-Za-z0-9+/]+=*)$/s

const duration = (leastMs: number, mostMs: number) =>
  z.string().transform((text, context) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms
    const range = `from ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`
    context.addIssue({ code: 'custom', message: ms === undefined ? `allowed is ${DURATION_ALLOWED}` : `allowed is ${range}` })
    return z.NEVER
  })

const secret = z.union([z.string(), z.strictObject({ secret: z.string().min(1) })])

/** As it goes into the data change filter: in the value's own unit, or percent of the node's EURange. */
export interface Deadband {
  readonly kind: 'absolute' | 'percent'
  readonly value: number
}

const deadband = z.union([z.number().nonnegative(), z.string()]).transform((given, context): Deadband => {
  if (typeof given === 'number') return { kind: 'absolute', value: given }
  const share = parsePercent(given)
  if (share !== undefined) return { kind: 'percent', value: share * 100 }
  context.addIssue({
    code: 'custom',
    message: 'allowed is a number in the unit of the value (0.5), or a share of its range ("2%")',
  })
  return z.NEVER
})

const nodeId = z.string().regex(NODE_ID, 'allowed is a node id: nsu=URI;s=NAME, ns=2;s=NAME, i=2258, g=GUID or b=BASE64')

const FLAT = '/**'

function isFlat({ tag, flatten }: { readonly tag: string; readonly flatten?: boolean | undefined }): boolean {
  return flatten ?? tag.endsWith(FLAT)
}

const tag = z
  .strictObject({
    tag: z.string().min(1).max(400),
    node: nodeId,
    /** How often the server looks at the value; 0ms: as often as it can. */
    sampling: duration(0, 3_600_000).optional(),
    publishing: duration(50, 60_000).optional(),
    deadband: deadband.optional(),
    unit: z.string().min(1).max(40).optional(),
    class: z.string().min(1),
    /** What the values are to be; without it, what the server sends. */
    type: z.enum(['double', 'long', 'bool', 'string', 'bytes']).optional(),
    /** A structure becomes a series for each of its scalars, `tag/FIELD/FIELD`. A tag that ends in /** says the same. */
    flatten: z.boolean().optional(),
    /** So many tags at once: `{n}` in tag and node runs from 0. */
    count: z.number().int().min(1).max(TAGS_MAX).optional(),
  })
  .refine((it) => it.count === undefined || (it.tag.includes('{n}') && it.node.includes('{n}')), {
    path: ['count'],
    message: 'with count, tag and node both need {n}',
  })
  .refine((it) => it.type === undefined || !isFlat(it), {
    path: ['type'],
    message: 'the fields of a structure that is flattened have types of their own: leave it out',
  })
  .refine((it) => it.tag !== FLAT, { path: ['tag'], message: `a name is needed before ${FLAT}` })

/** The Server object: every event of a server goes by it. */
const SERVER_NODE = 'i=2253'
const EVENT_FIELDS_MAX = 100
/** Names one below the other; of a namespace of its own where that is not the standard's. */
const EVENT_FIELD = /^(?:nsu=[^;]+;)?[^/]+(?:\/(?:nsu=[^;]+;)?[^/]+)*$/

const events = z.strictObject({
  tag: z.string().min(1).max(400),
  node: nodeId.default(SERVER_NODE),
  class: z.string().min(1),
  /** The least severity, 1 to 1000. */
  severity: z.number().int().min(1).max(1000).default(1),
  fields: z
    .array(z.string().max(400).regex(EVENT_FIELD, 'allowed is a field of the event: SourceName, ActiveState/Id, nsu=URI;NAME'))
    .min(1)
    .max(EVENT_FIELDS_MAX)
    .optional(),
})

/** One stream of events, defaults filled in. */
export interface OpcuaEvents {
  readonly tag: string
  readonly node: string
  readonly class: string
  readonly severity: number
  readonly fields: readonly string[] | undefined
  readonly queueSize: number
}

const security = z
  .strictObject({
    policy: z.enum(POLICIES).default('Basic256Sha256'),
    mode: z.enum(MODES).default('SignAndEncrypt'),
    user: z.string().min(1).optional(),
    password: secret.optional(),
    /** A user certificate and its key, PEM. */
    certificate: secret.optional(),
    privateKey: secret.optional(),
    insecure: z.string().min(1).optional(),
  })
  .superRefine((it, context) => {
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const reason = 'set it, or say why not with insecure: "the reason"'
    if ((it.policy === 'None') !== (it.mode === 'None')) problem('mode', 'policy None and mode None go together')
    else if (it.insecure === undefined && it.policy === 'None')
      problem('policy', `nothing would be signed or encrypted: ${reason}`)
    else if (it.insecure === undefined && it.mode === 'Sign')
      problem('mode', `nothing would be encrypted: SignAndEncrypt does; ${reason}`)
    if ((it.user === undefined) !== (it.password === undefined)) problem('password', 'user and password go together')
    if ((it.certificate === undefined) !== (it.privateKey === undefined))
      problem('privateKey', 'certificate and privateKey go together')
    if (it.user !== undefined && it.certificate !== undefined) problem('certificate', 'one of user and certificate, not both')
    if (it.insecure === undefined && it.user === undefined && it.certificate === undefined)
      problem('user', `the session would be anonymous: ${reason}`)
  })

/** One tag, defaults filled in. Times in ms. */
export interface OpcuaTag {
  readonly tag: string
  readonly node: string
  readonly class: string
  readonly unit: string | undefined
  readonly type: 'double' | 'long' | 'bool' | 'string' | 'bytes' | undefined
  readonly samplingMs: number
  readonly publishingMs: number
  readonly deadband: Deadband | undefined
  readonly queueSize: number
  readonly isFlat: boolean
}

export const opcuaSettings = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^opc\.tcp:\/\/[^\s/]+(?:\/\S*)?$/, 'allowed is opc.tcp://HOST:PORT, with a path where the server has one'),
    security: security.prefault({}),
    /** How often the server sends what it has. */
    publishing: duration(50, 60_000).prefault('250ms'),
    sampling: duration(0, 3_600_000).prefault('1s'),
    /** The outage that is to cost nothing: so long the server keeps session and values. */
    sessionTimeout: duration(10_000, 3_600_000).prefault('60s'),
    /** Values that the server keeps for each tag meanwhile; by itself sessionTimeout ÷ sampling. */
    queueSize: z.number().int().min(1).max(100_000).optional(),
    /** How far back a gap is read from the server's history. */
    history: z.union([z.literal('off'), duration(0, HISTORY_MS_MAX)]).prefault('1d'),
    tags: z.array(tag).prefault([]),
    /** Events and alarms, a reading each. */
    events: z.array(events).max(EVENTS_MAX).prefault([]),
  })
  .transform((it, context) => {
    const tags = it.tags.flatMap((row) => expand(row, it))
    const slowest = Math.max(...new Set(tags.map((row) => row.publishingMs)), it.events.length > 0 ? it.publishing : 0)
    if (tags.length + it.events.length === 0)
      context.addIssue({ code: 'custom', path: ['tags'], message: 'there is nothing to read: give tags, events or both' })
    if (it.sessionTimeout < 2 * slowest * keepAliveCount(slowest))
      context.addIssue({
        code: 'custom',
        path: ['sessionTimeout'],
        message: `with publishing at ${formatDuration(slowest)} it has to be ${formatDuration(2 * slowest * keepAliveCount(slowest))} or more`,
      })
    if (tags.length > TAGS_MAX)
      context.addIssue({ code: 'custom', path: ['tags'], message: `at most ${TAGS_MAX} tags in one source` })
    const names = new Set<string>()
    const twice = [...tags, ...it.events].find((row) => names.size === names.add(row.tag).size)
    if (twice) context.addIssue({ code: 'custom', path: ['tags'], message: `tag ${twice.tag} stands there twice` })
    return {
      endpoint: it.endpoint,
      security: it.security,
      sessionTimeoutMs: it.sessionTimeout,
      historyMs: it.history === 'off' ? 0 : it.history,
      publishingMs: it.publishing,
      tags,
      events: it.events.map((row): OpcuaEvents => ({ ...row, fields: row.fields, queueSize: it.queueSize ?? QUEUE_SIZE_MAX })),
    }
  })

/** What the schema yields. */
export type OpcuaSettings = z.output<typeof opcuaSettings>

/** After so many publishing intervals with nothing new the server sends a sign of life. */
export function keepAliveCount(publishingMs: number): number {
  return Math.max(KEEP_ALIVE_COUNT_MIN, Math.ceil(KEEP_ALIVE_MS / publishingMs))
}

interface Defaults {
  readonly publishing: number
  readonly sampling: number
  readonly sessionTimeout: number
  readonly queueSize?: number | undefined
}

function expand(row: z.output<typeof tag>, source: Defaults): OpcuaTag[] {
  const publishingMs = row.publishing ?? source.publishing
  const samplingMs = row.sampling ?? source.sampling
  const queueSize =
    source.queueSize ?? Math.min(QUEUE_SIZE_MAX, Math.ceil(source.sessionTimeout / (samplingMs || publishingMs)) + 1)
  const one = (n: string): OpcuaTag => ({
    tag: (isFlat(row) && row.tag.endsWith(FLAT) ? row.tag.slice(0, -FLAT.length) : row.tag).replaceAll('{n}', n),
    node: row.node.replaceAll('{n}', n),
    class: row.class,
    unit: row.unit,
    type: row.type,
    samplingMs,
    publishingMs,
    deadband: row.deadband,
    queueSize,
    isFlat: isFlat(row),
  })
  // Without count the braces are text like any other.
  if (row.count === undefined) return [one('{n}')]
  return Array.from({ length: row.count }, (_, n) => one(String(n)))
}
