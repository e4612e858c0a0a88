// Local consumers: what the log holds from a position on, then what comes, without a hole and without a double in between.
//
// A follower keeps its position itself; the log keeps nothing for it. What it has been given keeps its number, so a position means the same
// for as long as the log lasts. What is gone before the follower came to it is told in its place.
import type { QueryRow } from './agent-api.ts'
import type { LossAction } from './log.ts'
import type { QueryPart } from './query.ts'
import type { Micros } from './reading.ts'
import type { Stream } from './stream.ts'

export const FOLLOWED_FORMS = ['raw', 'aggregate'] as const
export type FollowedForm = (typeof FOLLOWED_FORMS)[number]

export interface FollowRequest {
  /** `beginning`, `now`, a position of an earlier row, or microseconds since 1970: what was received from then on. */
  readonly from: string | number
  /** A tag, or several; in each `*` stands for any characters, `/` too. Absent: all. */
  readonly tag?: string | readonly string[]
  /** The same of classes. */
  readonly class?: string | readonly string[]
  /** Absent: all. */
  readonly form?: readonly FollowedForm[]
}

/** Each row says where to go on behind it. */
export type FollowRow = FollowedReading | FollowedGap | FollowedPosition

export interface FollowedReading extends QueryRow {
  readonly type: 'reading' | 'aggregate'
  readonly position: string
}

/** Numbers of a stream that the log does not hold any more, or never held: of all tags of the class. */
export interface FollowedGap extends Omit<Stream, 'form'> {
  readonly type: 'gap'
  readonly position: string
  readonly form: FollowedForm
  /** Sequences, both inclusive. */
  readonly from: number
  readonly to: number
  /** Readings that are named in it; less than to − from + 1 where lines of the ledger were merged. */
  readonly count: number
  readonly action: GapAction
  readonly reason: string
  /** Of the readings; null where nobody knows. */
  readonly timeFrom: Micros | null
  readonly timeTo: Micros | null
}

/** `delivered`: an uplink has it, and it was not kept here. */
export type GapAction = LossAction | 'delivered'

/** Nothing for the follower: where it stands, from time to time. */
export interface FollowedPosition {
  readonly type: 'position'
  readonly position: string
  /** It has all that the log held a moment ago. */
  readonly isCaughtUp: boolean
}

/** By the short name of a stream: the next number. Streams that are not named begin at 0. */
export type FollowNumbers = Readonly<Record<string, number>>

/** Where a follower begins. */
export type FollowFrom = { readonly at: 'beginning' | 'now' } | { readonly since: Micros } | { readonly numbers: FollowNumbers }

export interface FollowBegun {
  readonly numbers: FollowNumbers
  /** Of a time that lies within a block: readings received before it go by below these. */
  readonly skipBelow: FollowNumbers
}

export interface FollowRead extends Pick<FollowRequest, 'tag' | 'class' | 'form'> {
  readonly numbers: FollowNumbers
}

/** What comes next: of one stream, in the order of its numbers. */
export interface FollowStep {
  /** The stream's short name. */
  readonly name: string
  readonly stream: Stream
  /** Numbers [from, to) that are behind the follower then. */
  readonly from: number
  readonly to: number
  /** Rows that it wants of them, series by series. Absent: they are gone. */
  readonly parts?: readonly QueryPart[]
  readonly gap?: FollowHole
}

export type FollowHole = Pick<FollowedGap, 'count' | 'action' | 'reason' | 'timeFrom' | 'timeTo'>

export interface FollowTaken {
  readonly steps: readonly FollowStep[]
  /** As they are behind the steps; streams that are asked for and have nothing are not among them. */
  readonly numbers: FollowNumbers
  /** There was nothing more when it was read. */
  readonly isCaughtUp: boolean
  /** Blocks that could not be read: the key of their stream and their first sequence. */
  readonly damaged: readonly { readonly stream: string; readonly first: number }[]
}
