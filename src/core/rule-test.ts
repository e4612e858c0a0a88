// A rule, tried on what the log holds: when it would have fired.
import type { Micros } from './reading.ts'

export interface RuleTestRequest {
  /** A rule of the settings, … */
  readonly name?: string
  /** … or one as it would stand there, in YAML or JSON: one of the two. */
  readonly text?: string
  /** Source time, µs, [from, to). Windows see what came before it. */
  readonly from: number
  readonly to: number
  /** Events that are told, the first ones; all are counted. */
  readonly limit: number
}

export interface RuleTestEvent {
  readonly time: Micros
  /** As the event's value would be. */
  readonly text: string
}

/** What has been found so far, but for `found`: that is what came since the step before. */
export interface RuleTestStep {
  readonly rule: string
  /** Of the range, from 0 to 1. */
  readonly share: number
  readonly isLast: boolean
  /** False in the last step: the time was up, and the rest of the range was not looked at. */
  readonly isWhole: boolean
  /** Of the range, that the rule reads. */
  readonly readings: number
  /** Source times of the first and the last of them. */
  readonly readFrom: Micros | null
  readonly readTo: Micros | null
  /** Readings of the range of which the log has aggregates only: rules cannot read those. */
  readonly aggregated: number
  readonly events: number
  readonly first: Micros | null
  readonly last: Micros | null
  /** As in RuleReport. */
  readonly late: number
  readonly overflowed: number
  readonly errors: number
  readonly lastError: string | null
  /** In the last step, where the range has no reading: when the log's first one for this rule was. */
  readonly kept: Micros | null
  readonly found: readonly RuleTestEvent[]
}
