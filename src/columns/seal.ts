// Gathered readings to a sealed block.
import type { ValueKind } from '../core/reading.ts'
import type { Gathered } from './gather.ts'
import { assemble, PAYLOAD_BYTES_MAX } from './header.ts'
import { writeOrder } from './order.ts'
import { writeRuns, writeSeries } from './runs.ts'
import { writeSealedReceived } from './sealed-received.ts'
import { spanOf, writeSealedTimes } from './sealed-times.ts'
import type { ValueScratch } from './sealed-values.ts'
import { valueScratch, writeSealedValues } from './sealed-values.ts'
import { createSections, joinSections, SECTIONS } from './sections.ts'

export interface SealedBlock {
  /** Its own buffer, nobody else's. */
  readonly block: Uint8Array<ArrayBuffer>
  /** It covers the sequences [first, first + count), without holes. */
  readonly first: number
  readonly count: number
  /** Least and greatest times in it, microseconds, inclusive. */
  readonly timeFrom: number
  readonly timeTo: number
  readonly receivedFrom: number
  readonly receivedTo: number
  /** Ascending. */
  readonly seriesIds: Uint32Array<ArrayBuffer>
}

export type Seal = (gathered: Gathered, place: { stream: number; first: number }) => SealedBlock

/** Keeps its buffers from block to block. `level` is zstd's. */
export function createSealer({ level, kindOf }: { level: number; kindOf: (series: number) => ValueKind }): Seal {
  const sections = createSections()
  let scratch: ValueScratch = valueScratch(1)
  return (gathered, place) => {
    const { count, runs, time, value, quality, status, ranks } = gathered
    for (const it of SECTIONS) sections[it].at = 0
    if (scratch.most.x.length < count) scratch = valueScratch(count)
    const { x } = scratch.most
    const { from: timeFrom, to: timeTo } = spanOf(time, count)
    writeSeries(sections.runs, runs)
    writeRuns(sections.runs, quality, count)
    writeRuns(sections.runs, status, count)
    writeSealedTimes(sections, runs, time, timeFrom, x, scratch.ints)
    const received = writeSealedReceived(sections, { ...gathered, times: gathered.received }, x, scratch.ints)
    if (ranks) writeOrder(sections.runs, runs, ranks)
    writeSealedValues(sections, runs, value, gathered.bytes, kindOf, scratch)
    const { stored, rawBytes } = joinSections(sections, level)
    if (rawBytes > PAYLOAD_BYTES_MAX) throw new RangeError(`a block of ${rawBytes} bytes`)
    const header = { ...place, count, timeFrom, timeTo, receivedFrom: received.from, receivedTo: received.to }
    const block = assemble({ ...header, rawBytes }, stored, false, ranks ? 2 : 1, true)
    const { stream: _, ...head } = header
    return { block, ...head, seriesIds: runs.ids }
  }
}
