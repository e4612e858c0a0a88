// The log as others see it. Two doors: code that appends cannot see `commit`, code that forwards cannot see `append`.
import type { ReadingBatch } from './batch.ts'
import type { LogEvent } from './events.ts'
import type { Micros, SeriesDescriptor } from './reading.ts'
import type { Stream, StreamIntervals, StreamRange } from './stream.ts'
import type { Position, Refusal } from './position.ts'

export interface LogWriter {
  /** Resolves once the batch is on disk by fsync and the log is within its bound. Batches of one origin in their order. */
  append(batch: ReadingBatch): Promise<void>
  /** The caller can bring no more until what it gave is durable (an MQTT window that is full): commit sooner. */
  hurry(): void
  /** The source's run is over: the log may forget the origin's series numbers. */
  forget(origin: number): void
}

/** A series as blocks name it: by the log's own number. */
export interface LogSeries extends SeriesDescriptor {
  readonly id: number
}

/**
 * How far the times of a slice can be trusted, and what to add to those that this box's clock gave.
 * synchronised: the clock was trusted · corrected: it was not, but is now: `shiftUs` mends it · relative: it never was: only distances mean something.
 */
export interface SliceTime {
  readonly quality: 'synchronised' | 'corrected' | 'relative'
  readonly shiftUs: number
}

/** Readings [from, to) of one raw stream. `block` is what `columns` decodes; it may hold more than these: what lies outside is not meant. */
export interface RawSlice {
  readonly form: 'raw'
  readonly stream: Stream
  readonly from: number
  readonly to: number
  readonly block: Uint8Array
  /** Absent: synchronised. */
  readonly time?: SliceTime
}

/** Aggregates [from, to) of one stream; `block` is what `columns` decodes as aggregates, and may hold more than these. */
export interface AggregateSlice {
  readonly form: 'aggregate'
  readonly stream: Stream
  readonly from: number
  readonly to: number
  readonly block: Uint8Array
  readonly time?: SliceTime
}

/** Lines of the ledger, each a record of the class's gap stream. */
export interface GapSlice {
  readonly form: 'gap'
  readonly stream: Stream
  readonly from: number
  readonly to: number
  /** In the order of their sequences. Numbers between them are of lines that have become part of others: whoever takes a line takes those before it along. */
  readonly rows: readonly LedgerRow[]
}

/** The first of the numbers that go with each row of a slice; the last is its own. */
export function firstPlaces({ from, rows }: Pick<GapSlice, 'from' | 'rows'>): number[] {
  return rows.map((_, n) => (n === 0 ? from : (rows[n - 1] as LedgerRow).sequence + 1))
}

/** Events of a list's stream. Numbers that no row has are of events that are gone. */
export interface EventSlice {
  readonly form: 'event'
  readonly stream: Stream
  readonly from: number
  readonly to: number
  readonly rows: readonly LogEvent[]
}

export type Slice = RawSlice | AggregateSlice | GapSlice | EventSlice

export type LossAction = 'dropped' | 'aggregated' | 'refused' | 'damaged' | 'overflowed' | 'elsewhere'

/** Readings [from, to) of a stream that were given up, and why. `sequence` is its place in the class's gap stream. */
export interface LedgerRow {
  readonly sequence: number
  readonly stream: Stream
  readonly from: number
  readonly to: number
  readonly timeFrom: Micros
  readonly timeTo: Micros
  /** Readings of [from, to) that it names; less than to − from where `exact` is false: then lines were merged into this span. */
  readonly count: number
  readonly exact: boolean
  readonly action: LossAction
  readonly reason: string
  /** When it was given up. */
  readonly at: Micros
}

export type Lane = 'live' | 'backlog'

export interface NextRequest {
  readonly uplink: string
  readonly lane: Lane
  /** Classes to leave out: those that wait for something at the destination. */
  readonly except: readonly string[]
  /** At most so many bytes of blocks and so many readings, but always one whole block when there is one. */
  readonly bytesMax: number
  readonly readingsMax: number
  /** Of a block no more readings than that go whole, alone where they are more than `readingsMax`. Absent: any block is cut where it has to be. */
  readonly wholeMax?: number
  /** Where the backlog lane begins; absent: 'oldest-first'. Gap records always go oldest first. */
  readonly backlog?: 'oldest-first' | 'newest-first'
  /** Each stream in the order of its numbers: live goes on where the uplink's last number ends. */
  readonly isInOrder?: boolean
  /** Classes of which one of these uplinks is enough: what another one has is not handed out, what another one may have is marked. */
  readonly anyOf?: { readonly classes: readonly string[]; readonly uplinks: readonly string[] }
}

export interface Taken {
  readonly slices: readonly Slice[]
  /** What the slices cover, with the holes between them: numbers in a hole are delivered or named in the ledger. */
  readonly ranges: readonly StreamRange[]
  /** Descriptors of all series that the slices use. */
  readonly series: ReadonlyMap<number, LogSeries>
  /** Of `ranges`, classes of `anyOf`: what may be on its way to another uplink. Absent: nothing. */
  readonly maybeDuplicate?: readonly StreamRange[]
  /** Of `ranges`: what is not handed out because other uplinks have it; what is in the ledger is not in here. Absent: nothing. */
  readonly elsewhere?: readonly StreamRange[]
}

export interface LogReader {
  /** What comes next in a lane and was not handed out since the last `restart`; empty when there is nothing. Never waits. */
  next(request: NextRequest): Promise<Taken>
  /** Resolves when something was committed after the last `next` found nothing, or the signal aborts. */
  more(uplink: string, signal: AbortSignal): Promise<void>
  /**
   * Durable before it resolves: from now on `ranges` may be under way, `endOffsets` are the destination's ends before it. Replaces the uplink's intent.
   * Resolves with the parts of `ranges` that hold nothing: what was given up since `next` handed it out must not be sent.
   */
  offer(uplink: string, ranges: readonly StreamRange[], endOffsets: EndOffsets): Promise<readonly StreamRange[]>
  /** The uplink has `ranges` by its transaction number `transaction`, but for `refused`: parked. Durable with a later group commit: a lost one costs a read of the position. */
  commit(uplink: string, ranges: readonly StreamRange[], transaction: number, refused: readonly Refusal[]): Promise<void>
  /**
   * After a doubt: what the destination has is known again ('none': it knows of nothing), but for `undecided`. Closes the intent, forgets what was
   * handed out, starts live anew at the head.
   */
  restart(uplink: string, position: Position | 'none', undecided?: readonly StreamRange[]): Promise<Resumed>
  /** The last transaction that the uplink is known to have; 0 for none. */
  told(uplink: string): Promise<number>
  /** By stream key: the next number, and how many readings of it are in the ledger. As of the last commit. */
  heads(): Promise<Readonly<Record<string, { readonly next: number; readonly lost: number }>>>
}

/** What an uplink goes on from. */
export interface Resumed {
  readonly transaction: number
  readonly delivered: StreamIntervals
  /** Ranges of which nobody knows whether the destination has them: to be sent once more, marked. */
  readonly inDoubt: readonly StreamRange[]
  /** Those of them that its records can still tell, behind `endOffsets`. Empty when the position is known. */
  readonly unread: readonly StreamRange[]
  readonly endOffsets: EndOffsets
}

/** By `topic/partition`: the end offset before an intent's first record. */
export type EndOffsets = Readonly<Record<string, string>>
