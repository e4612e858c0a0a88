// A lane's way through the blocks of one stream, up or down.
import { DamagedBlock, decodeColumns } from '../columns/index.ts'
import { decodeAggregates } from '../columns/aggregates/index.ts'
import type { Interval, Intervals } from '../core/intervals.ts'
import { difference } from '../core/intervals.ts'
import type { LogSeries, NextRequest, Slice } from '../core/log.ts'
import type { Stream, StreamRange } from '../core/stream.ts'
import type { BlockRow } from './catalogue.ts'
import { isKeptRaw } from './catalogue.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface DamagedPlace {
  readonly stream: string
  readonly first: number
}

export interface Out {
  readonly slices: Slice[]
  readonly ranges: StreamRange[]
  readonly series: Map<number, LogSeries>
  readonly maybeDuplicate: StreamRange[]
  readonly elsewhere: StreamRange[]
  readonly damaged: DamagedPlace[]
}

export interface Walk {
  readonly row: StoredStream
  /** Numbers that are passed over. */
  readonly skip: Intervals
  readonly from: number
  readonly to: number
  readonly room: Room
  readonly out: Out
  /** What was handed out. */
  readonly sent: Interval[]
}

export type HeldOf = (stream: StoredStream) => ((block: BlockRow) => boolean) | undefined

const BLOCKS_A_READ = 32

/** A block that is held ends a lane's way for now; one that aggregates stand for is a hole, whatever is kept of it. */
export function createWalk(stored: Stored, heldOf: HeldOf) {
  /** The last block that was looked at: large ones go out in parts. */
  let last: { readonly id: number; readonly block: Uint8Array; readonly series: readonly number[] } | undefined

  /** Says up to which number all is handed out, had already, or a hole. */
  function up(walk: Walk): number {
    const { row, from, to, skip, room } = walk
    const isHeld = heldOf(row)
    let at = from
    for (;;) {
      const rows = stored.overlapping(row.id, at, to, BLOCKS_A_READ)
      for (const block of rows) {
        const end = Math.min(to, block.first + block.count)
        if (isKeptRaw(row, block)) {
          at = end
          continue
        }
        if (isHeld?.(block)) return Math.max(at, block.first)
        for (const part of difference([{ from: Math.max(at, block.first), to: end }], skip)) {
          const count = room.take(part.to - part.from, block.bytes / block.count)
          // A block that cannot be read holds up its stream until the ledger names it.
          if (count > 0 && !takePart(walk, block, part.from, part.from + count)) return part.from
          if (count < part.to - part.from) return part.from + count
        }
        at = end
      }
      if (rows.length < BLOCKS_A_READ) return to
    }
  }

  /** The same from above: says down to which number. */
  function down(walk: Walk): number {
    const { row, from, to, skip, room } = walk
    const isHeld = heldOf(row)
    let at = to
    for (;;) {
      const rows = stored.overlappingDown(row.id, from, at, BLOCKS_A_READ)
      for (const block of rows) {
        const start = Math.max(from, block.first)
        if (isKeptRaw(row, block)) {
          at = start
          continue
        }
        if (isHeld?.(block)) return Math.min(at, block.first + block.count)
        for (const part of difference([{ from: start, to: Math.min(at, block.first + block.count) }], skip).toReversed()) {
          const count = room.take(part.to - part.from, block.bytes / block.count)
          if (count > 0 && !takePart(walk, block, part.to - count, part.to)) return part.to
          if (count < part.to - part.from) return part.to - count
        }
        at = start
      }
      if (rows.length < BLOCKS_A_READ) return from
    }
  }

  function takePart({ row, out, sent }: Walk, block: BlockRow, from: number, to: number): boolean {
    try {
      const found = look(row, block)
      // It went while we looked: delivered, or named in the ledger.
      if (!found) return true
      for (const id of found.series) {
        const it = stored.describe(id)
        if (it) out.series.set(id, it)
      }
      const time = stored.timeOf(block.period)
      const form = row.form === 'aggregate' ? 'aggregate' : 'raw'
      const slice = { form, stream: plain(row), from, to, block: found.block } as const
      out.slices.push(time.quality === 'synchronised' ? slice : { ...slice, time })
      sent.push({ from, to })
      return true
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: row.key, first: block.first })
      return false
    }
  }

  function look(row: StoredStream, { id, ...place }: BlockRow): typeof last {
    if (last?.id === id) return last
    const block = stored.read({ id, ...place })
    if (!block) return undefined
    const series = row.form === 'aggregate' ? new Set(decodeAggregates(block).series) : decodeColumns(block).runs.ids
    return (last = { id, block, series: [...series] })
  }

  return {
    up,
    down,
    forget(): void {
      last = undefined
    },
  }
}

export interface Room {
  /** How many of `count` rows fit; the first always does. */
  take(count: number, bytesEach: number): number
  isFull(): boolean
}

export function createRoom({ readingsMax, bytesMax, wholeMax = 0 }: NextRequest): Room {
  let rows = 0
  let bytes = 0
  let full = false
  return {
    take(count, bytesEach) {
      const left = full ? 0 : Math.min(count, readingsMax - rows, Math.floor((bytesMax - bytes) / bytesEach))
      const isWhole = left < count && count <= wholeMax && count * bytesEach <= bytesMax
      const fits = !isWhole ? left : rows === 0 ? count : 0
      const taken = Math.max(fits, rows === 0 ? Math.min(1, count) : 0)
      rows += taken
      bytes += taken * bytesEach
      full ||= taken < count
      return taken
    },
    isFull: () => full,
  }
}

export const plain = ({ device, epoch, class: name, form }: Stream): Stream => ({ device, epoch, class: name, form })
