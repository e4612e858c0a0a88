// The times of readings as they are told: only those that this box's clock gave are mended with it.
import type { DecodedBlock } from '../columns/index.ts'
import type { SliceTime } from '../core/log.ts'

/** The times of a slice's readings as its clock lets them be told. */
export interface ToldTimes {
  /** µs to add to what this box's clock gave. */
  readonly shiftUs: number
  /** 'source' where nothing is doubtful. */
  readonly quality: 'source' | 'corrected' | 'relative'
}

export function toldTimes(time: SliceTime | undefined): ToldTimes {
  if (!time || time.quality === 'synchronised') return { shiftUs: time?.shiftUs ?? 0, quality: 'source' }
  return { shiftUs: time.shiftUs, quality: time.quality }
}

/** The source time of reading `at`, as it is to be told. */
export function toldTime(block: DecodedBlock, at: number, { boxTime }: { readonly boxTime: boolean }, shiftUs: number): number {
  const time = block.time[at] as number
  return boxTime ? time + shiftUs : time
}
