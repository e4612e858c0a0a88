// What the plan of retention is made from and what comes out of it: plain data. No clock, no I/O (src/retention is pure).
import type { Form } from './stream.ts'

/** What a ladder step keeps of a class's readings. */
export type Keep = 'raw' | 'nothing' | { readonly windowMs: number }

/** In force once its condition holds; exactly one of the two conditions is there. */
export interface LadderStep {
  /** Running time that the class has been offline. */
  readonly offlineForMs?: number
  /** 0 to 1: bytes not yet delivered, of log.bytesMax. */
  readonly filledTo?: number
  readonly keep: Keep
}

/** A piece of the log that is given up as a whole: one segment's blocks of one stream, or the fresh blocks of one stream. */
export interface Band {
  /** The caller's own. */
  readonly id: number
  readonly class: string
  readonly form: Extract<Form, 'raw' | 'aggregate'>
  /** Of its aggregates; 0 for raw. */
  readonly windowMs: number
  /** Every uplink that must have it has it: it is only kept as history. */
  readonly delivered: boolean
  /** Lies around an event of a rule: of its class it goes last. */
  readonly raised?: boolean
  /** Under way to an uplink: may not be touched now. */
  readonly pinned: boolean
  readonly bytes: number
  /** Readings that it holds or, of aggregates, stands for. */
  readonly readings: number
  /** Rows in it: as many as readings when raw, else aggregates. */
  readonly rows: number
  readonly series: number
  /** Least and greatest receive time, µs. */
  readonly receivedFrom: number
  readonly receivedTo: number
  /** Oldest first: less is older. Receive times are no order where clocks are wrong. */
  readonly age: number
}

/** A class as retention sees it. */
export interface ClassRetention {
  readonly name: string
  readonly floorBytes: number
  readonly whenFull: 'reduce' | 'wait'
  readonly ladder: readonly LadderStep[]
  /** Only aggregates of so long windows leave, while readings stay as history. Absent: readings leave. */
  readonly forwardWindowMs?: number
  readonly offlineForMs: number
  /** Somebody takes its readings at present: then fill alone reduces nothing that comes in. */
  readonly delivering: boolean
  /** Of what it has now, where that was tried; else it is worked out of what its bands take. */
  readonly aggregateBytes?: readonly AggregateBytes[]
}

/** What one aggregate of a window takes on disk. */
export interface AggregateBytes {
  readonly windowMs: number
  readonly bytes: number
}

/** A class, and the windows that its ladder has. */
export interface TriedWindows {
  readonly name: string
  readonly windowsMs: readonly number[]
}

export interface PlanRequest {
  readonly bands: readonly Band[]
  /** First is most valuable. Bands of a class that is not in the list are below all others. */
  readonly classes: readonly ClassRetention[]
  readonly bytesToFree: number
}

/** Reduce or drop one band. */
export interface PlanStep {
  readonly band: number
  readonly keep: Exclude<Keep, 'raw'>
  /** A stable word for the ledger: 'full', or 'history' for what is delivered. */
  readonly reason: string
  /** Estimated. */
  readonly freesBytes: number
}

export interface Plan {
  /** In the order in which they are to be done. */
  readonly steps: readonly PlanStep[]
  readonly freesBytes: number
  /** False: nothing more may be given up, and it does not free what was asked for. */
  readonly enough: boolean
}

/** What is to be done with what comes in. */
export interface InForce {
  readonly keep: Keep
  /** A stable word for the ledger: 'offline-7d', 'filled-80%', 'forward-1m'; empty where all is kept raw. */
  readonly reason: string
}

/** What `forecast` is asked: the box as it is, and how long it will be offline. */
export interface ForecastRequest {
  readonly bytesMax: number
  /** Of bytesMax, what blocks may take. */
  readonly blockBytesMax: number
  readonly bands: readonly Band[]
  readonly classes: readonly (ClassRetention & {
    readonly readingsPerSecond: number
    readonly bytesPerReading: number
    readonly series: number
    /** 0 to 1, of the readings accepted: they are named and not kept. */
    readonly refusedShare?: number
  })[]
  readonly offlineMs: number
  /** Bytes written to the flash a day at today's rates, and what it endures. */
  readonly bytesWrittenPerDay: number
  readonly flashEnduranceBytes: number | null
}

/** A class as somebody thinks of setting it. */
export type ClassWhatIf = Pick<ClassRetention, 'name' | 'floorBytes' | 'whenFull' | 'ladder' | 'forwardWindowMs'>

export interface ForecastClass {
  readonly name: string
  /** At the end of the outage, of the readings that the class has then accepted since its begin and those that it held before. */
  readonly raw: number
  readonly aggregated: number
  readonly lost: number
  readonly bytes: number
  /** When each step of the ladder begins to bite, ms from now; null: not within the outage. */
  readonly steps: readonly { readonly step: LadderStep; readonly atMs: number | null }[]
  /** When the first stored reading of it is given up for lack of space, ms from now; null: never within the outage. */
  readonly fullAtMs: number | null
  /** When a class that gives nothing up has no more room and its sources begin to wait, ms from now; null: never within the outage. */
  readonly waitsAtMs: number | null
}

export interface Forecast {
  readonly offlineMs: number
  /** Of log.bytesMax, what blocks may take. */
  readonly blockBytesMax: number
  readonly classes: readonly ForecastClass[]
  /** When space first has to be made, ms from now; null: not within the outage. */
  readonly fullAtMs: number | null
  readonly flashYears: number | null
  /** For a chart: what the log holds over time. */
  readonly points: readonly { readonly atMs: number; readonly bytes: Readonly<Record<string, number>> }[]
}
