// What is kept of a budget, and what `uplinks` shows: what would be sent now and why not, by which link, and what of a budget is left. Times in microseconds since 1970 UTC.
import type { Wait, WaitCode } from './admission.ts'
import type { Micros } from './reading.ts'
import type { BudgetSettings } from './settings.ts'
import type { UplinkState } from './status.ts'

export interface UplinkView {
  readonly name: string
  readonly state: UplinkState
  /** The link of the connection that is open; null: none is, or it goes whatever way the system has. */
  readonly link: string | null
  /** Nothing may go now. */
  readonly wait: Wait | null
  readonly classes: readonly ClassView[]
  /** In the order of the settings; empty: whatever way the system has. */
  readonly links: readonly LinkView[]
  readonly windows: readonly WindowView[]
  readonly lastError: string | null
}

/** Why a class is not sent now. elsewhere: another uplink has it. delivery: it is never sent by this one. blocked: the destination. */
export type NotSentCode = WaitCode | 'delivery' | 'elsewhere' | 'blocked'

export interface ClassView {
  readonly name: string
  readonly sent: boolean
  readonly code?: NotSentCode
  readonly text?: string
  /** Absent: nobody knows. */
  readonly until?: number
  /** Of what the box itself fetches: source address of the way that it takes. */
  readonly address?: string
}

export interface LinkView {
  readonly interface: string
  readonly up: boolean
  readonly address: string | null
  /** Those that it carries. */
  readonly classes: readonly string[]
  readonly bytesPerSecondMax: number | null
  readonly budget: BudgetView | null
}

export interface BudgetView extends BudgetSettings {
  readonly spentBytes: number
  /** What the interface itself has counted since the agent began, or the period if that is later; null: it tells nothing. */
  readonly countedBytes: number | null
  readonly leftBytes: number
  readonly from: number
  readonly until: number
  /** What was spent before is not known: it counts as spent. */
  readonly isUnknown: boolean
}

export interface WindowView {
  readonly at: string
  readonly zone: string
  readonly classes: readonly string[] | 'all'
  readonly open: boolean
  /** When it closes or opens next; null: never, or not within a year. */
  readonly next: number | null
}

/** An account as it stands on disk. */
export interface SavedAccount {
  readonly interface: string
  readonly per: BudgetSettings['per']
  readonly zone: string
  /** Of the period. */
  readonly start: Micros
  readonly reserved: number
  readonly spent: number
  /** What the interface had counted by then, in that boot of the machine. */
  readonly counter: number | null
  readonly boot: string
}
