// Settings as the agent uses them: checked, defaults filled in, units gone (ms, bytes), secrets and variables still by name until resolved.
// The YAML file and its schema are src/settings' business; the part that a protocol or an uplink kind owns is `unknown` here and typed there.

import type { BoxesSettings } from './boxes.ts'
import type { CommandSettings, WriteRule } from './cloud-command.ts'
import type { ReportRule } from './report-rule.ts'
import type { ModelsSettings } from './model.ts'
import type { LadderStep } from './retention.ts'
import type { NotifySettings } from './notify.ts'
import type { RuleSettings } from './rule.ts'

export interface Settings {
  readonly device: { readonly id: string; readonly site: string }
  readonly log: LogSettings
  /** First is most valuable. */
  readonly classes: readonly ClassSettings[]
  readonly sources: readonly SourceSettings[]
  readonly rules: readonly RuleSettings[]
  /** Absent: nobody's models run here. */
  readonly models?: ModelsSettings | undefined
  readonly notify: readonly NotifySettings[]
  readonly uplinks: readonly UplinkSettings[]
  /** After which the next uplink takes over a class with `any-uplink`. */
  readonly failoverAfterMs: number
  /** By class; every class has an entry. */
  readonly delivery: Readonly<Record<string, DeliveryRule>>
  /** Absent: no other box comes in. */
  readonly boxes?: BoxesSettings | undefined
  /** Absent: nothing is given out by hand. */
  readonly export?: ExportSettings | undefined
}

export interface ExportSettings {
  /** age recipients: who can read it. */
  readonly to: readonly string[]
  /** `ed25519:…`: whose receipts count. Absent: nobody's, so nothing is delivered by hand. */
  readonly receipts?: string | undefined
  /** Whose lack is given out where nothing else is said. */
  readonly uplink: string
}

export interface LogSettings {
  readonly bytesMax: number
  /** The longest wait of a reading for its fsync, where its class says nothing else. */
  readonly commitEveryMs: number
  /** A commit starts sooner once so much waits. */
  readonly commitBytes: number
  /** The least time between two fsyncs, for cheap flash. */
  readonly commitEveryMinMs: number
  /** How long delivered readings are kept for queries. */
  readonly keepDeliveredMs: number
}

export interface ClassSettings {
  readonly name: string
  readonly floorBytes: number
  readonly commitEveryMs: number
  /** 'wait': nothing of it is given up; at its bound its sources are not acknowledged any more. */
  readonly whenFull: 'reduce' | 'wait'
  /** In any order; empty: kept raw until space is needed, then the oldest goes. */
  readonly ladder: readonly LadderStep[]
  /** Aggregates of it leave, and its readings stay here. Absent: its readings leave. */
  readonly forward?: ForwardRule | undefined
}

export interface ForwardRule {
  /** Of the aggregates. */
  readonly windowMs: number
  /** How long readings are kept once aggregates stand for them; absent: until their room is needed. */
  readonly keepRawMs?: number | undefined
}

export interface SourceSettings {
  readonly name: string
  readonly protocol: string
  /** What the protocol's own schema yields. */
  readonly settings: unknown
  /** Absent: every reading is reported. */
  readonly report?: readonly ReportRule[] | undefined
  /** What commands may write; absent: nothing. */
  readonly writes?: readonly WriteRule[] | undefined
}

export interface UplinkSettings {
  readonly name: string
  readonly kind: string
  /** What the kind's own schema yields. */
  readonly settings: unknown
  /** Share of a transaction that live readings may always have, 0 to 1. */
  readonly liveShare: number
  readonly backlog: 'oldest-first' | 'newest-first'
  /** Its kind takes each stream in the order of its numbers: no live lane ahead of what is older. Absent: in any order. */
  readonly isInOrder?: boolean | undefined
  /** Feeds local consumers. Beside one that does not, it gets every class of all-uplinks and any-uplink and counts for none: nothing is held back
   * for it. A class that names it in a list counts it as any other. */
  readonly isFeed?: boolean | undefined
  /** Absent: exactly once. */
  readonly guarantee?: 'at-least-once' | undefined
  /** Absent: it brings none. */
  readonly commands?: CommandSettings | undefined
  /** Those of the destination that it writes or reads itself, with {class} and {site} in them. Absent: its kind has none. */
  readonly topics?: readonly string[] | undefined
  readonly records: 'readings' | 'blocks'
  readonly encoding: Encoding
  /** The first that is up, in its window and within budget carries each class; absent: whatever way the system has. */
  readonly links?: readonly LinkSettings[] | undefined
  /** Absent: at any time. */
  readonly windows?: readonly WindowSettings[] | undefined
}

export type Encoding =
  | { readonly format: 'json' }
  | {
      readonly format: 'avro'
      readonly registry: string
      readonly user?: string | undefined
      readonly password?: string | undefined
      /** Authorities to trust instead of the system's, PEM. */
      readonly ca?: string | undefined
    }

export interface LinkSettings {
  readonly interface: string
  readonly classes: readonly string[] | 'all'
  readonly bytesPerSecondMax?: number | undefined
  readonly budget?: BudgetSettings | undefined
}

export interface BudgetSettings {
  readonly bytes: number
  /** Weeks begin on Monday. */
  readonly per: 'day' | 'week' | 'month'
  /** Time zone of the IANA list: where the day, the week, the month begins. */
  readonly zone: string
}

export interface WindowSettings {
  /** `always`, hours as `22:00-06:00`, or five fields of cron: core/times.ts. */
  readonly at: string
  /** Time zone of the IANA list. */
  readonly zone: string
  readonly classes: readonly string[] | 'all'
}

export type DeliveryRule = 'all-uplinks' | 'any-uplink' | 'none' | readonly string[]

/** Uplinks that hold nothing back: they feed local consumers, beside others that keep what they get. */
export function feedsOf(uplinks: readonly Pick<UplinkSettings, 'name' | 'isFeed'>[]): ReadonlySet<string> {
  const feeds = uplinks.filter((it) => it.isFeed)
  return new Set(feeds.length < uplinks.length ? feeds.map((it) => it.name) : [])
}
