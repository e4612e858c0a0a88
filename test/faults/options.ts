// The log's settings in all campaigns. Commits are frequent, so that every run has many of them.
import type { LadderStep } from '../../src/core/retention.ts'
import type { ClockState } from '../../src/core/clock.ts'
import { newClockCell, writeCell } from '../../src/machine/clock-cell.ts'
import type { WriterOptions } from '../../src/log/writer.ts'
import { systemState } from '../../src/workers/clock.ts'
import type { WriterData } from '../../src/workers/writer.ts'
import { CLASSES } from './readings.ts'

export const UPLINK = 'kafka'
/** Has nothing and counts for nothing: the check reads through it all that a log holds. */
export const READER = 'checker'
const COMMIT_EVERY_MS = [2, 7, 20]
/** Readings are a millisecond apart. */
const LADDER: readonly LadderStep[] = [
  { filledTo: 0.3, keep: { windowMs: 100 } },
  { filledTo: 0.5, keep: { windowMs: 1000 } },
]

/** The steps are multiples of it. */
const FORWARD_WINDOW_MS = 50

export interface Frame {
  /** DIR/log. */
  readonly dir: string
  readonly bytesMax: number
  readonly bootId: string
  /** Whether classes are reduced to aggregates before they are dropped. */
  readonly hasLadder: boolean
  /** Of class process only aggregates leave. */
  readonly forwards?: boolean | undefined
}

export function logOptions({ dir, bytesMax, hasLadder, forwards }: Frame): WriterOptions {
  return {
    dir,
    device: 'box-1',
    bytesMax,
    commitBytes: 100_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 0,
    classes: CLASSES.map((name, n) => ({
      name,
      floorBytes: n === 0 ? 500_000 : 0,
      commitEveryMs: COMMIT_EVERY_MS[n] as number,
      whenFull: 'reduce' as const,
      ladder: hasLadder && n > 0 ? LADDER : [],
      ...(forwards && name === 'process' && { forward: { windowMs: FORWARD_WINDOW_MS } }),
    })),
    delivery: Object.fromEntries(CLASSES.map((name) => [name, [UPLINK]])),
    uplinks: [UPLINK, READER],
  }
}

/** The machine's time, in a boot of our own naming. */
export function threadOptions(frame: Frame): WriterData {
  const state: ClockState = { ...systemState(), bootId: frame.bootId }
  const cell = newClockCell()
  writeCell(cell, { version: state.version, baseUs: state.offsetUs })
  return { ...logOptions(frame), clock: { cell, state } }
}
