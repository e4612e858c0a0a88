import type { ClockState } from '../core/clock.ts'

/** What the log does not own: clock, dice, and who is told. */
export interface WriterWorld {
  /** Microseconds since 1970 UTC. */
  now(): number
  /** Monotonic milliseconds. */
  monotonic(): number
  after(ms: number, run: () => void): { cancel(): void }
  /** The clock as it is when the log is opened; every later step is told. */
  clock(): ClockState
  /** Tells this machine from another; '': nothing does. */
  readonly hardware: string
  /** 128 random bits as hexadecimal digits. */
  randomEpoch(): string
  /** After the fsync: these appends are on disk. `unpublished` lines of the ledger wait for a place in a gap stream. */
  durable(ids: readonly number[], unpublished: number): void
  /** Appends wait for room: the keeper is needed now. */
  held(): void
  /** The journal cannot be written: nothing more will be acknowledged, the process must end. */
  failed(error: unknown): void
}
