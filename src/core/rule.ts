// Rules: what is watched for in the readings that the log takes, and what they need of the log.
//
// A rule's state is a function of the readings in the log's order. Its events are readings of a tag of its own. With them, in their transaction,
// goes a mark: how far the readings are whose events the log holds. The state itself is saved seldom; after a start the rules go on from it and
// keep to themselves what comes of readings below the mark. So each event is there exactly once.
import type { ReadingBatch } from './batch.ts'
import type { LogSeries, RawSlice } from './log.ts'
import type { RuleModel } from './model.ts'
import type { Micros } from './reading.ts'

export interface RuleSettings {
  readonly name: string
  readonly reads: RuleReads
  /** Absent: each reading by itself. */
  readonly window?: RuleWindow | undefined
  /** What scores the figures that the expression sees. */
  readonly model?: RuleModel | undefined
  /** An expression in CEL. */
  readonly when: string
  readonly yields: RuleYields
}

/** Of both lists a reading must fit one entry; an absent one says nothing. */
export interface RuleReads {
  /** In each `*` stands for any characters. */
  readonly tags?: readonly string[] | undefined
  readonly classes?: readonly string[] | undefined
}

export interface RuleWindow {
  readonly kind: 'tumbling' | 'sliding' | 'session'
  /** Its length; of a session: the silence that ends it. */
  readonly lengthMs: number
  /** So much later in event time a reading may still come. */
  readonly graceMs: number
}

export interface RuleYields {
  readonly class: string
  /** each: whenever the expression is true · rise: when it becomes true. */
  readonly on: 'each' | 'rise'
  /** What lies so far around an event stays raw: whole raw blocks of the classes in which the rule reads. */
  readonly raise?: { readonly beforeMs: number; readonly afterMs: number } | undefined
}

/** A rule that raises what lies around its events. */
export interface Raising {
  readonly rule: string
  readonly reads: RuleReads
  readonly beforeMs: number
}

/** What an event has raised: what this box took between the two times, both in it. */
export interface Raised {
  readonly rule: string
  readonly device: string
  readonly from: Micros
  readonly to: Micros
}

/** What begins with it is no reading for rules: they could go on for ever. */
export const RULE_TAGS = 'rules/'
/** The tag that a rule's events are readings of. */
export const ruleTag = (name: string): string => RULE_TAGS + name

/** By `streamKey`: the next number. */
export type RulePositions = Readonly<Record<string, number>>

export interface RuleStart {
  /** As of the saved state; of the log's heads where rules are new. */
  readonly positions: RulePositions
  readonly state: Uint8Array | undefined
  /** By class: events of what is below are on disk. */
  readonly marks: Readonly<Record<string, RulePositions>>
}

/** What is durable with events. */
export interface RuleMark {
  /** Events of readings below are in the log. */
  readonly positions: RulePositions
  readonly raised: readonly Raised[]
}

export interface RuleTaken {
  /** Whole blocks, in the order of their streams' numbers. */
  readonly slices: readonly RawSlice[]
  readonly series: ReadonlyMap<number, LogSeries>
  /** Where the next read goes on. */
  readonly positions: RulePositions
  /** Readings that were given up, or went, before they were read. */
  readonly missed: number
}

export interface RuleLog {
  begin(): Promise<RuleStart>
  /** About so many readings, but always one whole block where there is one. Never waits. */
  read(positions: RulePositions, readingsMax: number): Promise<RuleTaken>
  /** Resolves when something was committed since the last `read`, or the signal aborts. */
  more(signal: AbortSignal): Promise<void>
  /** Events of one class and the mark that goes with them: durable before it resolves, both or neither. */
  append(batch: ReadingBatch, className: string, mark: RuleMark): Promise<void>
  /** False: there is no room for it now. All events of readings below `positions` must be durable. */
  save(positions: RulePositions, state: Uint8Array): Promise<boolean>
  /** Numbers on disk that are at or above these. */
  behind(positions: RulePositions): Promise<number>
}

/** What `status` says of a rule. */
export interface RuleReport {
  readonly name: string
  readonly events: number
  /** Source time of the last one, null when none came yet. */
  readonly lastEvent: number | null
  /** Readings that came after every window of theirs had closed, or waited in one that was given up because its tag's time went back. */
  readonly late: number
  /** Readings that did not fit in a window. */
  readonly overflowed: number
  /** Results of the expression that were none: a value of another type, most often. */
  readonly errors: number
  readonly lastError: string | null
  /** Absent: it has no model. */
  readonly model?: RuleModelReport | undefined
}

export interface RuleModelReport {
  readonly name: string
  readonly scored: number
  /** How often the expression asked for a score and there was none; why, the last time. */
  readonly unscored: number
  readonly lastCode: string | null
  readonly lastText: string | null
  /** Which version said the last score. */
  readonly version: string | null
}

/** Of all rules together. */
export interface RulesReport {
  readonly rules: readonly RuleReport[]
  /** Null: nobody knows, they are being started. */
  readonly lagReadings: number | null
  /** Readings that went before the rules had read them. */
  readonly missed: number
  /** Why they do not run now. */
  readonly lastError: string | null
}
