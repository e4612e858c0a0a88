// Commands from the cloud: a record of a topic tells this box to do something, the box does it once and answers by an event.
//
//   topic ─read─► journal: accepted ─► begun ─► what its kind does ─► done, with its answer ─event─► log ─► uplinks
//
// A place in the topic and what was accepted up to it are one transaction, so are what is done and its answer.
import type { Value } from './reading.ts'

export const COMMAND_KINDS = ['push', 'replay', 'settings', 'write'] as const
export type CommandKind = (typeof COMMAND_KINDS)[number]

/** What of an uplink's settings brings commands in. */
export interface CommandSettings {
  readonly topic: string
  /** Others are refused. */
  readonly kinds: readonly CommandKind[]
}

/** A tag that commands may write, and within which limits. */
export interface WriteRule {
  readonly tag: string
  /** Of numbers: without both none is written. */
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** Of numbers: one write may change it by so much. */
  readonly changeMax?: number | undefined
  /** From one write to the next. */
  readonly everyMs: number
}

/** How far a topic was read. */
export interface CommandPlace {
  /** Of another cluster the offsets mean nothing. */
  readonly cluster: string
  /** By partition: the offset that comes next. One that is missing is read from its beginning. */
  readonly partitions: Readonly<Record<number, number>>
}

export interface CommandRecord {
  readonly partition: number
  readonly offset: number
  /** Undefined: longer than any command may be. */
  readonly value: string | undefined
}

export interface CommandPage {
  /** Behind all of it. */
  readonly place: CommandPlace
  /** Those of this box, by their key. */
  readonly records: readonly CommandRecord[]
  /** Records that cannot be read: in a compression that nobody here knows. */
  readonly unreadable: number
  /** False: it only says where reading begins, and nobody knows yet whether we may read. */
  readonly isFetched: boolean
}

/** An open reader of one topic. It retries nothing; after an error it is thrown away. */
export interface CommandReader {
  /** Resolves when there is something. Rejects with Unreachable. */
  next(): Promise<CommandPage>
  close(): void
}

/**
 * done · refused: nothing was done, by a rule · failed: it was tried and did not come about · unknown: it may have been done, and nobody can say.
 */
export type CommandResult = 'done' | 'refused' | 'failed' | 'unknown'

export interface CommandAnswer {
  readonly result: CommandResult
  /** A stable word where it is not done. */
  readonly code?: string
  /** For a person. */
  readonly reason?: string
  /** What came of it: revision, count of readings, value from and to. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** As `commands` shows it. Times in microseconds. */
export interface CommandView {
  readonly id: string
  /** As it says itself, which need not be one of ours. */
  readonly kind: string
  readonly uplink: string
  readonly state: 'waiting' | 'begun' | 'done'
  readonly received: number
  readonly expires: number | null
  readonly ended: number | null
  readonly answer: CommandAnswer | null
}

export interface CommandsApi {
  /** The youngest first. */
  commands(limit: number): Promise<readonly CommandView[]>
}

/** What a source offers where its protocol can write. */
export interface Control {
  /** What the far end has now, and what it would have. Writes nothing. Rejects with Unreachable, or BadInput for what cannot be written. */
  prepare(tag: string, value: Value): Promise<{ readonly from: Value; readonly to: Value }>
  read(tag: string): Promise<Value>
  /** Once, never again by itself. BadInput: the far end refused, nothing is written. After Unreachable nobody knows whether it arrived. */
  write(tag: string, value: Value): Promise<void>
}
