// The log's settings in all campaigns. Commits are frequent, so that every run has many of them.
import type { WriterOptions } from '../../src/log/writer.ts'
import { CLASSES } from './readings.ts'

export const UPLINK = 'kafka'
const COMMIT_EVERY_MS = [2, 7, 20]

export interface Frame {
  /** DIR/log. */
  readonly dir: string
  readonly bytesMax: number
  readonly bootId: string
}

export function logOptions({ dir, bytesMax, bootId }: Frame): WriterOptions & { readonly bootId: string } {
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
      ladder: [],
    })),
    delivery: {},
    uplinks: [UPLINK],
    bootId,
  }
}
