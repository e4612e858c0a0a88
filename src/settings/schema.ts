// The settings file as one zod schema: every key of the file, whether its feature is built or not (see not-in-force.ts).
// What a protocol or a kind of uplink owns is handed in. Units are gone in what it yields: ms, bytes, shares from 0 to 1.
import { z } from 'zod'
import { BOXES_MAX, LOG_BYTES_MIN } from '../core/bounds.ts'
import type { CommandSettings } from '../core/cloud-command.ts'
import type { Encoding } from '../core/settings.ts'
import { BYTES_ALLOWED, DURATION_ALLOWED, PERCENT_ALLOWED, parseBytes, parseDurationMs, parsePercent } from '../core/units.ts'
import { parseTimes } from '../core/times.ts'
import { isZone } from '../core/zone.ts'
import { explain } from './explain.ts'
import type { NotifyKinds } from './notify.ts'
import { notifySchema } from './notify.ts'
import { NAME_ALLOWED, NAME_PATTERN } from './names.ts'
import { openPorts } from './open-ports.ts'
import { reportRules } from './report.ts'
import { writeRules } from './writes.ts'
import type { ExpressionProblem } from './rules.ts'
import { ruleSchema, rulesSchema } from './rules.ts'

/** By name: the schema of a source's own keys (all but `name` and `protocol`), and of what stands under an uplink's `kafka:`. */
export interface SettingsSchemas {
  readonly protocols: Readonly<Record<string, z.ZodType>>
  readonly uplinkKinds: Readonly<Record<string, z.ZodType>>
  /** By protocol that can write: why a tag of a source's own keys cannot be written; undefined: it can. */
  readonly writables?: Readonly<Record<string, (own: never, tag: string) => string | undefined>>
  /** By kind, where it is not like Kafka. */
  readonly uplinkTraits?: Readonly<Record<string, UplinkTraits>>
  /** By kind that has topics: those of its own settings, with {class} and {site} as they stand there. */
  readonly uplinkTopics?: Readonly<Record<string, (own: never) => readonly string[]>>
  /** Of a log.bytesMax, what readings may take: the rest is the log's own. */
  readonly readingBytesMax: (bytesMax: number) => number
  readonly expressionProblem: ExpressionProblem
  /** By kind of notifier: the schema of what stands under its key. */
  readonly notifyKinds: NotifyKinds
}

/** A kind that has one form of records, and an order of its own. */
export interface UplinkTraits {
  /** Takes each stream in the order of its numbers: always, or unless `lanes` says that live goes first. */
  readonly inOrder: 'always' | 'without-lanes'
  /** Feeds local consumers: what others have is not held back for it (core/settings.ts). */
  readonly isFeed?: true
  /** What was under way when a connection broke is sent again, whatever the settings say. */
  readonly guarantee?: 'at-least-once'
}

const DAY_MS = 86_400_000

function quantity(pattern: RegExp, parse: (text: string) => number | undefined, allowed: string) {
  const error = `must be ${allowed}`
  return z
    .string({ error })
    .regex(pattern, { error })
    .transform((text, context) => {
      const value = parse(text)
      if (value === undefined) context.addIssue({ code: 'custom', message: error, input: text })
      return value ?? 0
    })
}

const durationText = quantity(/^\d+(\.\d+)?(ms|s|m|h|d)$/, parseDurationMs, DURATION_ALLOWED)
const sizeText = quantity(/^\d+(\.\d+)?(B|[kMGT]B|[KMGT]iB)$/, parseBytes, BYTES_ALLOWED)
const share = quantity(/^\d{1,3}(\.\d+)?%$/, parsePercent, PERCENT_ALLOWED)

function duration(minMs: number, maxMs: number, range: string) {
  return durationText.refine((ms) => ms >= minMs && ms <= maxMs, { error: `must be ${range}` })
}
function size(min: number, max: number, range: string) {
  return sizeText.refine((bytes) => bytes >= min && bytes <= max, { error: `must be ${range}` })
}

const name = z.string({ error: NAME_ALLOWED }).regex(NAME_PATTERN, { error: NAME_ALLOWED })
const SITE_ALLOWED = 'must be a text of at most 128 characters without control characters'
const site = z.string({ error: SITE_ALLOWED }).regex(/^[^\p{Cc}]{0,128}$/u, { error: SITE_ALLOWED })
const text = z.string().min(1).max(256)
const httpsUrl = z.string().regex(/^https:\/\/[^\s@]+$/, { error: 'must be an https:// address without a user in it' })
const classChoice = z.union([z.literal('all'), z.array(name).min(1)], { error: 'must be all, or a list of class names' })

const log = z.strictObject({
  bytesMax: size(LOG_BYTES_MIN, 2 ** 50, 'at least 32MB: journal, write-ahead log, one reduction and their reserve').prefault(
    '1GB',
  ),
  commitEvery: duration(0, 60_000, 'at most 60s').prefault('250ms'),
  commitEveryMin: duration(0, 1_000, 'at most 1s').prefault('5ms'),
  commitBytes: size(1, 16_000_000, 'from 1B to 16MB').prefault('64kB'),
  /** By default 0s; 1h where an uplink holds nothing back. */
  keepDelivered: duration(0, 3_660 * DAY_MS, 'at most 3660d').optional(),
})

const keep = z.union(
  [z.enum(['raw', 'nothing']), z.strictObject({ aggregate: duration(1_000, 366 * DAY_MS, 'from 1s to 366d') })],
  { error: 'must be raw, nothing, or { aggregate: DURATION }' },
)
const step = z
  .strictObject({ offlineFor: durationText.optional(), filledTo: share.optional(), keep })
  .refine((it) => (it.offlineFor === undefined) !== (it.filledTo === undefined), {
    error: 'must have one of offlineFor and filledTo',
  })
const forward = z.strictObject({
  /** Each window makes a line of the ledger, until those of a day have become one. */
  aggregate: duration(10_000, 366 * DAY_MS, 'from 10s to 366d'),
  keepRaw: duration(1_000, 3_660 * DAY_MS, 'from 1s to 3660d').optional(),
})
const classEntry = z
  .strictObject({
    name,
    floor: sizeText.prefault('0B'),
    commitEvery: duration(0, 60_000, 'at most 60s').optional(),
    whenFull: z.enum(['reduce', 'wait']).default('reduce'),
    ladder: z.array(step).min(1).optional(),
    forward: forward.optional(),
  })
  .refine((it) => it.whenFull === 'reduce' || it.ladder === undefined, {
    error: 'a class with whenFull: wait gives nothing up, so it takes no ladder',
    path: ['ladder'],
  })
  .refine((it) => it.whenFull === 'reduce' || it.forward === undefined, {
    error: 'a class with whenFull: wait gives nothing up: all of it leaves',
    path: ['forward'],
  })

const REGISTRY_ALLOWED = 'must be an https:// or http:// address without a user in it'
const pem = z
  .string()
  .regex(/-----BEGIN CERTIFICATE-----/, { error: 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }' })
const avro = z
  .strictObject({
    registry: z.string({ error: REGISTRY_ALLOWED }).regex(/^https?:\/\/[^\s@?#]+$/, { error: REGISTRY_ALLOWED }),
    user: text.optional(),
    password: text.optional(),
    /** Authorities to trust instead of the system's. */
    ca: pem.optional(),
    insecure: z.string().min(3).max(200).optional(),
  })
  .refine((it) => it.registry.startsWith('https:') || it.insecure !== undefined, {
    error: 'a registry without TLS needs insecure: "the reason" beside it',
    path: ['insecure'],
  })
const encoding = z.union([z.literal('json'), z.strictObject({ avro })], { error: 'must be json, or { avro: { registry: URL } }' })
const ZONE_ALLOWED = 'must be a time zone of the IANA list, as Europe/Berlin or UTC'
const zone = z.string({ error: ZONE_ALLOWED }).refine(isZone, { error: ZONE_ALLOWED }).default('UTC')
// Below it nothing fits in: opening a connection alone takes some tens of kilobytes.
const budget = z.strictObject({
  bytes: size(1_000_000, 2 ** 50, 'at least 1MB'),
  per: z.enum(['day', 'week', 'month']),
  zone,
})
const link = z.strictObject({
  interface: z.string().regex(/^[^\s/]{1,15}$/, { error: 'must be the name of a network interface, as eth1' }),
  classes: classChoice.default('all'),
  bytesPerSecondMax: size(100, 2 ** 40, 'at least 100B').optional(),
  budget: budget.optional(),
})
const window = z.strictObject({
  at: z.string().transform((at, context) => {
    const times = parseTimes(at)
    if (typeof times === 'string') context.addIssue({ code: 'custom', message: times, input: at })
    return at
  }),
  zone,
  classes: classChoice.default('all'),
})
const lanes = z.strictObject({
  liveShare: share.prefault('30%'),
  backlog: z.enum(['oldest-first', 'newest-first']).default('oldest-first'),
})

const LANES_DEFAULT = lanes.parse({})

const rule = z.union([z.enum(['all-uplinks', 'any-uplink', 'none']), z.array(name).min(1)], {
  error: 'must be all-uplinks, any-uplink, none, or a list of uplink names',
})

const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: 'must be an address, as 10.20.1.1' })
const port = z.strictObject({
  interface: text,
  zone: z.enum(['plant', 'uplink', 'service']),
  address: z
    .string()
    .regex(/^(dhcp|(\d{1,3}\.){3}\d{1,3}\/\d{1,2}|[0-9a-fA-F:]+\/\d{1,3})$/, {
      error: 'must be dhcp, or an address as 10.20.1.5/24',
    })
    .optional(),
  gateway: ipAddress.optional(),
  dns: z.array(ipAddress).max(4).optional(),
  open: openPorts.optional(),
  apn: text.optional(),
  pin: text.optional(),
  ssid: text.optional(),
  password: text.optional(),
})
const network = z.strictObject({ ports: z.array(port).default([]), service: text.optional() })
/** Beside it the server's own kind of token; a window is for installing alone. */
export const updateSettings = z.strictObject({
  server: httpsUrl,
  tenant: name.default('default'),
  token: text.optional(),
  auth: z.enum(['target', 'gateway']).default('target'),
  /** Authorities to trust instead of the system's. */
  ca: pem.optional(),
  windows: z
    .array(window.omit({ classes: true }))
    .min(1)
    .optional(),
})

const RECIPIENT_ALLOWED = 'must be an age recipient: age1 and 58 characters, as import DIR --new-keys prints it'
const RECEIPTS_ALLOWED = 'must be an Ed25519 public key: ed25519: and 43 characters, as import DIR --new-keys prints it'
const byHand = z.strictObject({
  to: z.array(z.string({ error: RECIPIENT_ALLOWED }).regex(/^age1[02-9ac-hj-np-z]{58}$/, { error: RECIPIENT_ALLOWED })).min(1),
  receipts: z
    .string({ error: RECEIPTS_ALLOWED })
    .regex(/^ed25519:[A-Za-z0-9_-]{43}$/, { error: RECEIPTS_ALLOWED })
    .optional(),
  uplink: name.optional(),
})

const MODEL_KEY_ALLOWED = 'must be an Ed25519 public key: ed25519: and 43 characters, as models sign prints it'
/** Whose models score what rules see. */
const models = z.strictObject({
  keys: z
    .array(z.string({ error: MODEL_KEY_ALLOWED }).regex(/^ed25519:[A-Za-z0-9_-]{43}$/, { error: MODEL_KEY_ALLOWED }))
    .min(1)
    .max(20),
  memory: size(128_000_000, 2_000_000_000, 'from 128MB to 2GB').prefault('256MB'),
})

const pemText = (what: string) =>
  z.string().regex(new RegExp(`-----BEGIN [A-Z ]*${what}-----`), {
    error: 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }',
  })
const LISTEN_ALLOWED = 'must be ADDRESS:PORT, with an address of this box: 10.20.1.5:8460'
/** Other boxes that have this one as their uplink. */
const boxes = z
  .strictObject({
    listen: z
      .string({ error: LISTEN_ALLOWED })
      .regex(/^((\d{1,3}\.){3}\d{1,3}|\[[0-9a-fA-F:]+\]):\d{1,5}$/, { error: LISTEN_ALLOWED })
      .transform((text, context) => {
        const colon = text.lastIndexOf(':')
        const [host, port] = [text.slice(0, colon).replace(/^\[|\]$/g, ''), Number(text.slice(colon + 1))]
        if (!z.union([z.ipv4(), z.ipv6()]).safeParse(host).success || port > 65_535)
          context.addIssue({ code: 'custom', message: LISTEN_ALLOWED, input: text })
        return { host, port }
      }),
    /** `ca`: boxes show a certificate that it has signed, with the device's id as its common name. */
    tls: z.strictObject({ cert: pemText('CERTIFICATE'), key: pemText('PRIVATE KEY'), ca: pemText('CERTIFICATE').optional() }),
    allow: z
      .array(
        z.strictObject({ device: name, password: z.string().min(8).max(1_000).optional(), behind: z.array(name).default([]) }),
      )
      .min(1)
      .max(BOXES_MAX),
  })
  .superRefine(({ tls, allow }, context) => {
    if (tls.ca !== undefined) return
    for (const [n, it] of allow.entries())
      if (it.password === undefined)
        context.addIssue({
          code: 'custom',
          path: ['allow', n, 'password'],
          message: 'must be there, as { secret: NAME }, where tls.ca is not: nobody comes in unknown',
        })
  })

/** What a source of any protocol may say of what it reports. */
export const report = reportRules(duration(0, 3_660 * DAY_MS, 'at most 3660d'))

/** What commands from the cloud may write. */
export const writes = writeRules(duration(0, DAY_MS, 'at most 1d'))

/** One source: `name`, `protocol` and `report`, and beside them the protocol's own keys. */
function source({ protocols, writables = {} }: SettingsSchemas) {
  const known = Object.keys(protocols)
  const head = z.object({
    name,
    protocol: z.enum(known),
    report: report.optional(),
    writes: writes.optional(),
  })
  return z
    .record(z.string(), z.unknown())
    .meta({ sourceHead: true })
    .transform((entry, context) => {
      const { name: _name, protocol, report: _report, writes: _writes, ...own } = entry
      const checkedHead = head.safeParse(entry, PARSE)
      const schema = typeof protocol === 'string' && Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined
      const checkedOwn = schema?.safeParse(own, PARSE)
      for (const it of [checkedHead, checkedOwn])
        if (it?.error) context.issues.push(...(it.error.issues as z.core.$ZodRawIssue[]))
      const rules = checkedHead.data?.writes
      const unwritable = writables[String(protocol)] ?? (() => `${String(protocol)} writes nothing`)
      for (const [n, { tag }] of (checkedOwn?.success ? (rules ?? []) : []).entries()) {
        const message = unwritable(checkedOwn?.data as never, tag)
        if (message !== undefined) context.addIssue({ code: 'custom', path: ['writes', n, 'tag'], message, input: tag })
      }
      return {
        name: String(entry.name),
        protocol: String(protocol),
        settings: checkedOwn?.data,
        ...(checkedHead.data?.report && { report: checkedHead.data.report }),
        ...(rules && { writes: rules }),
      }
    })
}

function encodingOf(entry: z.output<typeof encoding>): Encoding {
  if (entry === 'json') return { format: 'json' }
  const { insecure: _reason, ...access } = entry.avro
  return { format: 'avro', ...access }
}

/** What an uplink's kind and its own settings say of it. */
function likeIts(traits: UplinkTraits | undefined, own: unknown, hasLanes: boolean) {
  const { inOrder, isFeed } = traits ?? {}
  const { guarantee: asked, commands } = (own ?? {}) as { guarantee?: unknown; commands?: CommandSettings }
  const guarantee = traits?.guarantee ?? (asked === 'at-least-once' ? asked : undefined)
  const isInOrder = inOrder === 'always' || (inOrder !== undefined && !hasLanes)
  return {
    ...(isInOrder && { isInOrder }),
    ...(isFeed && { isFeed }),
    ...(guarantee && { guarantee }),
    ...(commands && { commands }),
  }
}

/** One uplink: the key that names the kind holds the kind's own settings. */
function uplink({ uplinkKinds: kinds, uplinkTraits = {}, uplinkTopics = {} }: SettingsSchemas) {
  const names = Object.keys(kinds)
  const own = Object.fromEntries(names.map((it) => [it, (kinds[it] as z.ZodType).optional()]))
  return z
    .strictObject({
      name,
      ...own,
      records: z.enum(['readings', 'blocks']).default('readings'),
      encoding: encoding.default('json'),
      lanes: lanes.optional(),
      links: z.array(link).min(1).optional(),
      windows: z.array(window).min(1).optional(),
    })
    .transform((entry, context) => {
      const values = entry as typeof entry & Record<string, unknown>
      const present = names.filter((it) => values[it] !== undefined)
      if (present.length !== 1)
        context.addIssue({ code: 'custom', message: `must have one of the keys ${names.join(', ')}`, input: {} })
      const kind = present[0] ?? ''
      const encoding = encodingOf(entry.encoding)
      const { liveShare, backlog } = entry.lanes ?? LANES_DEFAULT
      const { records, links, windows } = entry
      const like = likeIts(uplinkTraits[kind], values[kind], entry.lanes !== undefined)
      const topics = present.length === 1 ? uplinkTopics[kind]?.(values[kind] as never) : undefined
      return {
        name: entry.name,
        kind,
        settings: values[kind],
        liveShare,
        backlog,
        ...like,
        ...(topics && { topics }),
        records,
        encoding,
        links,
        windows,
      }
    })
}

/** One rule. */
export const ruleEntry = ruleSchema({ name, duration })

/** The whole file. Parse with `PARSE`, so that messages say what is allowed. */
export function settingsSchema(schemas: SettingsSchemas) {
  return z.strictObject({
    version: z.literal(1, { error: 'must be 1: the version of the settings file' }),
    device: z.strictObject({ id: name.optional(), site: site.default('') }).prefault({}),
    log: log.prefault({}),
    classes: z
      .array(classEntry)
      .min(1)
      .prefault([{ name: 'default' }]),
    sources: z.array(source(schemas)).default([]),
    uplinks: z.array(uplink(schemas)).default([]),
    rules: rulesSchema(ruleEntry),
    models: models.optional(),
    notify: notifySchema(schemas.notifyKinds, { name, duration }),
    failoverAfter: duration(0, DAY_MS, 'at most 1d').prefault('10s'),
    delivery: z.record(name, rule).default({}),
    boxes: boxes.optional(),
    export: byHand.optional(),
    network: network.optional(),
    time: z.strictObject({ servers: z.array(text).default([]) }).optional(),
    update: updateSettings.optional(),
  })
}

export const PARSE = { error: explain } as const

/** What the schema yields. */
export type SettingsFile = z.output<ReturnType<typeof settingsSchema>>
