import type { Route } from './admission.ts'
import type { QueryRow } from './agent-api.ts'
import type { CommandPlace, CommandReader } from './cloud-command.ts'
import type { EndOffsets, LogSeries, Slice } from './log.ts'
import type { Clock, Logger, TestStep } from './source.ts'
import type { Position, Refusal } from './position.ts'
import type { Encoding, UplinkSettings } from './settings.ts'
import type { StreamIntervals, StreamRange } from './stream.ts'

/** What goes into one transaction. Everything in it is committed together with `position`, or nothing is. */
export interface UplinkBatch {
  readonly slices: readonly Slice[]
  readonly series: ReadonlyMap<number, LogSeries>
  /** Ranges that may be at the destination already: their records are marked `maybe-duplicate`. */
  readonly maybeDuplicate: readonly StreamRange[]
  /** What this transaction's position goes past and others have: told by records of action `elsewhere`. Absent: nothing. */
  readonly elsewhere?: readonly StreamRange[]
  /** What the position has beyond the one before, with the holes between the slices; absent where whoever sends does not say. */
  readonly ranges?: readonly StreamRange[]
  /** When set, a checkpoint record goes along that describes `position` (what `verify` works from). */
  readonly checkpoint?: Checkpoint
}

/** What the agent says of itself in a checkpoint: by stream key, its head and its totals. */
export interface Checkpoint {
  readonly reason: 'interval' | 'drained'
  readonly streams: Readonly<Record<string, { readonly next: number; readonly lost: number }>>
}

/** An open connection to one destination. It retries nothing, keeps no schedule; after a doubt it is thrown away. One call at a time, but for `prepare`. */
export interface Uplink {
  /**
   * Fences predecessors first, then reads. 'none': nothing was ever stored; 'unknown': nothing is there although something may have been.
   * `told`: the last transaction that we were told is committed; one that the destination left half done is ended by it.
   */
  position(signal: AbortSignal, told?: number): Promise<Position | 'none'>
  /** Fences nobody: the number of the transaction that was committed last, 'none', or 'busy' while one is under way. */
  peek?(signal: AbortSignal): Promise<number | 'none' | 'busy'>
  endOffsets(signal: AbortSignal): Promise<EndOffsets>
  /** After a position of 'none': what of `ranges` is at the destination, behind the ends that it had when they were first offered. */
  readBack?(ranges: readonly StreamRange[], from: EndOffsets, signal: AbortSignal): Promise<ReadBack>
  /**
   * Makes ready what will probably be sent next, while a `send` is under way. `send` takes it where all of these very slices are in its batch, whatever else is;
   * of no other batch anything of it goes. Rejects never. Absent: there is nothing to do before.
   */
  prepare?(batch: UplinkBatch): Promise<void>
  /**
   * Resolves once position and records are committed. Rejects with Blocked (nothing was committed) or any other error (doubt, but for what `arrived` of it
   * names). When the signal aborts nothing new goes out, and what is under way has a moment to be acknowledged.
   */
  send(batch: UplinkBatch, position: Position, signal: AbortSignal): Promise<readonly Refusal[]>
  close(): Promise<void>
}

export interface ReadBack {
  readonly found: StreamIntervals
  /** What nobody can say: records of that time have expired, or went with their topic. */
  readonly undecided: readonly StreamRange[]
}

/** A kind of uplink: one folder under uplinks/, one line in uplinks/index.ts. */
export interface UplinkKind<Settings> {
  readonly name: string
  open(settings: Settings, context: UplinkContext): Promise<Uplink>
  test(settings: Settings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep>
  /** Rows with `origin` once more, to a topic of the destination: resolves with how many. Absent: this kind has none. Rejects with Unreachable. */
  replay?(
    settings: Settings,
    context: UplinkContext,
    topic: string,
    rows: AsyncIterable<QueryRow>,
    signal: AbortSignal,
  ): Promise<number>
  /** Reads what the destination tells this box to do; `from` undefined: from now on. Absent: this kind brings no commands. Rejects with Unreachable. */
  commands?(settings: Settings, context: UplinkContext, from: CommandPlace | undefined): Promise<CommandReader>
  /** For who comes without a log (an importer): reads the destination's records of this box and uplink; nothing is fenced. */
  history(settings: Settings, context: UplinkContext, how: HistoryReading, signal: AbortSignal): Promise<History>
}

/** `checkpoints`: what they say. With classes: as well what is there of these record by record, however long that takes. */
export type HistoryReading = 'checkpoints' | { readonly classes: readonly string[] }

/** What records at the destination say of themselves. Nothing in it is untrue; more may be there. */
export interface History extends Position {
  /** Of each stream the most that a checkpoint says. */
  readonly heads: Checkpoint['streams']
  readonly refused: readonly Refusal[]
}

export interface UplinkContext {
  readonly name: string
  readonly device: string
  readonly site: string
  readonly log: Logger
  readonly clock: Clock
  /** Absent: one record a reading. */
  readonly records?: UplinkSettings['records'] | undefined
  /** Absent: JSON. */
  readonly encoding?: Encoding | undefined
  /** A folder for what may be lost; absent: nothing is kept from run to run. */
  readonly cacheDir?: string | undefined
  /** All there are, first is most valuable. */
  readonly classes?: readonly string[] | undefined
  /** Those of them that go to this uplink; absent: all. */
  readonly served?: readonly string[] | undefined
  /** The way out; absent: whatever the system has. */
  readonly route?: Route | undefined
  /** Counts what sockets carry; absent: nobody wants to know. */
  readonly traffic?: Traffic | undefined
}

/** Told of each socket as it is opened; of one that TLS is spoken on, the one beneath. */
export interface Traffic {
  watch(socket: CountedSocket): void
}

export interface CountedSocket {
  readonly bytesRead: number
  readonly bytesWritten: number
  once(event: 'close', done: () => void): unknown
}
