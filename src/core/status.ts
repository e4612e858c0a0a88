// What `status --json` holds: the contract of product.md. Times in microseconds since 1970 UTC unless the name has a unit.
import type { Wait } from './admission.ts'
import type { BoxReport } from './boxes.ts'
import type { OpenPort } from './host.ts'
import type { ClockTrust } from './clock.ts'
import type { NotifyReport } from './notify.ts'
import type { RulesReport } from './rule.ts'
import type { DeliveryRule } from './settings.ts'
import type { SourceStatus } from './source.ts'

export interface Status {
  readonly device: string
  readonly site: string
  readonly version: string
  readonly epoch: string
  readonly startedAt: number
  readonly clock: ClockStatus
  readonly host: HostStatus
  readonly log: LogStatus
  readonly classes: readonly ClassReport[]
  readonly sources: readonly SourceReport[]
  readonly uplinks: readonly UplinkReport[]
  /** Other boxes that have this one as their uplink; absent: none may. */
  readonly boxes?: readonly BoxReport[]
  /** What the settings opened in the image's firewall; absent: nothing. */
  readonly open?: readonly OpenPort[]
  /** Absent: the settings have no rules. */
  readonly rules?: RulesReport
  /** Absent: nobody is told of events. */
  readonly notify?: readonly NotifyReport[]
  readonly issues: readonly Issue[]
}

/** `offsetMs`: the system's clock less the agent's time. */
export interface ClockStatus {
  /** Somebody vouches for the system's clock now. */
  readonly synchronised: boolean
  readonly offsetMs: number | null
  /** The agent's time is right: somebody has vouched for it in this boot. */
  readonly trusted?: boolean
  /** Who did. */
  readonly source?: ClockTrust | null
}

export interface HostStatus {
  readonly cpu: { readonly loadPercent: number; readonly cores: number }
  readonly memory: { readonly bytes: number; readonly usedBytes: number; readonly agentBytes: number }
  readonly disk: { readonly bytes: number; readonly freeBytes: number }
  /** Degrees Celsius; null where the machine has no sensor. */
  readonly temperature: number | null
}

/** Of the log's partition. `short`: there is room only because the ballast has gone; `full`: not even so, and all appends wait. */
export type DiskRoom = 'roomy' | 'short' | 'full'

export interface LogStatus {
  /** All files of the log, WAL included. */
  readonly bytes: number
  readonly bytesMax: number
  /** Receive time of the oldest reading that is not delivered, null when all is. */
  readonly oldest: number | null
  /** Readings accepted in this epoch, all classes. */
  readonly sequence: number
  readonly commits: number
  /** What the last hundred fsyncs took. */
  readonly commitMs: { readonly p50: number; readonly p99: number }
}

/** accepted = delivered + stored + aggregated + sum(lost), at every instant, over the life of the log. */
export interface ClassStatus {
  readonly name: string
  readonly accepted: number
  readonly stored: number
  readonly delivered: number
  readonly aggregated: number
  readonly lost: Readonly<Record<string, number>>
  readonly bytes: number
  /** The ladder step in force; 'raw' when none is. */
  readonly step: string
  /** Receive time of the oldest reading that is not delivered, null when all are. */
  readonly oldest: number | null
}

export interface ClassReport extends ClassStatus {
  readonly delivery: DeliveryStatus
}

export interface DeliveryStatus {
  readonly rule: DeliveryRule
  /** Whose turn it is, of a class of which one uplink is enough; null: it does not go by turns. */
  readonly uplink: string | null
  /** What would be lost if the box died now: not delivered by the rule, and since when the oldest of it waits (the RPO at this moment). */
  readonly atRisk: { readonly readings: number; readonly seconds: number }
  /** The last switch: from the last moment that all was well to the first commit at the new one (its RTO); seconds null: not come yet. */
  readonly lastSwitch: { readonly from: string; readonly to: string; readonly seconds: number | null } | null
}

export interface SourceReport extends SourceStatus {
  readonly name: string
  readonly protocol: string
  readonly readings: number
  readonly readingsPerSecond: number
  /** Receive time of the last one, null when none came yet. */
  readonly lastReading: number | null
}

export type UplinkState = 'connecting' | 'up' | 'waiting' | 'blocked' | 'fenced' | 'stopped'

export interface UplinkReport {
  readonly name: string
  readonly state: UplinkState
  readonly readings: number
  readonly lagReadings: number
  readonly lagSeconds: number
  readonly readingsPerSecond: number
  readonly lane: { readonly live: number; readonly backlog: number }
  readonly etaSeconds: number | null
  /** Classes that wait for something at the destination, with why. */
  readonly blocked: readonly { readonly classes: readonly string[]; readonly code: string; readonly text: string }[]
  readonly parked: number
  readonly transactions: number
  /** What was under way when a connection broke is sent again. Absent: everything is there once. */
  readonly guarantee?: 'at-least-once'
  /** Nothing may go now: windows are closed, budgets spent, links down. */
  readonly wait?: Wait
  readonly lastError?: string
  readonly remedy?: string
}

export interface Issue {
  /** Stable, for a page of its own: 'uplink-insecure', 'source-down', 'log-full' … */
  readonly code: string
  readonly severity: 'info' | 'warning' | 'problem'
  readonly text: string
  readonly remedy: string
  /** Name of the source, uplink, class … that it is of: with the code it says which issue this is, whatever its text counts. */
  readonly of?: string
  /** Of 'settings-left-out'. */
  readonly leftOut?: LeftOut
}

/** An entry of old settings that does not run under this version. */
export interface LeftOut {
  readonly kind: 'source' | 'rule' | 'notifier' | 'port'
  /** Where its name is not to be told: its place. */
  readonly name: string
  /** Of what is wrong with it, in the settings. */
  readonly path: string
  readonly text: string
}

/** An issue with the time that it was there. */
export interface SeenIssue extends Issue {
  readonly begun: number
  /** Null: it is there now. */
  readonly ended: number | null
  /** More than one: it went and came again, each time within a minute. */
  readonly times: number
}
