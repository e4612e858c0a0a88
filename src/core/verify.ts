// What `verify` finds: the proof that every sequence is at the destination once, or named.
import type { Intervals } from './intervals.ts'
import type { Stream } from './stream.ts'

export interface VerifyCounts {
  /** Records that were read. */
  readonly records: number
  /** Sequences that are there. */
  readonly proven: number
  /** Not there: a gap record names them, or they were refused for good and stay on the box. */
  readonly named: number
  /** Not there: a gap record says that another destination has them. */
  readonly elsewhere: number
  /** Not there, and the newest checkpoint does not say that they are. */
  readonly waiting: number
  /** Not there, and never to be: the settings send that class nowhere, or not here. */
  readonly stays: number
  /** Not there, in a checkpoint's delivered intervals, but the topic has deleted records that old: not provable, no error. */
  readonly expired: number
  readonly missing: number
  /** Records whose sequence was there already. */
  readonly doubled: number
  /** The same, of records that say themselves that they may be. */
  readonly maybeDuplicate: number
  /** Records that were sent once more for somebody who asked: they count as nothing else. */
  readonly replayed: number
}

export interface VerifiedStream extends VerifyCounts {
  readonly stream: Stream
  /** What is missing; the first of it where there is much. */
  readonly holes: Intervals
  /** Where a checkpoint does not agree with the records, or with another one. */
  readonly contradictions: readonly string[]
}

export interface VerifyReport {
  /** Nothing missing, nothing doubled, no contradiction. */
  readonly ok: boolean
  /** Of several clusters: of all of them together. */
  readonly streams: readonly VerifiedStream[]
  readonly totals: VerifyCounts
  readonly topics: readonly { readonly topic: string; readonly partitions: number; readonly records: number }[]
  /** Topics that do not exist. */
  readonly absent: readonly string[]
  /** Topics that a checkpoint names and that were not read. */
  readonly unread: readonly string[]
  /** Where checkpoints and the topics themselves disagree. */
  readonly contradictions: readonly string[]
  /** Records without an id of ours: others write to the topic too. */
  readonly foreign: number
  readonly checkpoints: number
  readonly seconds: number
  /** Several clusters: each by itself, by its brokers. */
  readonly clusters?: readonly { readonly brokers: string; readonly report: VerifyReport }[]
}

export interface VerifyProgress {
  readonly records: number
  /** How many there are about; null until that is known. */
  readonly of: number | null
}
