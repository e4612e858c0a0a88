// Which blocks one commit writes.
import type { RuleMark } from '../core/rule.ts'
import type { BlockRow } from './catalogue.ts'
import type { StreamRow } from './streams.ts'

/** A block that has its numbers and waits for the commit. */
export interface Ready {
  readonly stream: StreamRow
  /** Its class's place in the settings. */
  readonly place: number
  readonly first: number
  readonly count: number
  readonly period: number
  readonly timeFrom: number
  readonly timeTo: number
  readonly receivedFrom: number
  readonly receivedTo: number
  readonly data: Uint8Array
  /** Goes into its transaction: it holds the events of rules up to there. */
  readonly mark: RuleMark | undefined
}

export function readyBlock(
  place: Pick<Ready, 'stream' | 'place' | 'first' | 'count' | 'period' | 'mark'>,
  received: Float64Array,
  { block, timeFrom, timeTo }: { readonly block: Uint8Array; readonly timeFrom: number; readonly timeTo: number },
): Ready {
  const [receivedFrom = 0, receivedTo = receivedFrom] = [received[0], received.at(-1)]
  return { ...place, timeFrom, timeTo, receivedFrom, receivedTo, data: block }
}

/** Bytes: what the journal has room for, and what one transaction may write so that the write-ahead log keeps its bound. */
export interface Room {
  readonly room: number
  readonly share: number
}

/**
 * Highest class first, the blocks of a stream in their order; a single block may be more than the share. Classes in `held` wait.
 * `isShort`: something waits for room in the journal.
 */
export function choose(
  ready: readonly Ready[],
  held: ReadonlySet<number>,
  { room, share }: Room,
): { readonly chosen: ReadonlySet<Ready>; readonly isShort: boolean } {
  const chosen = new Set<Ready>()
  const left = new Set<StreamRow>()
  let roomLeft = room
  let shareLeft = share
  let isShort = false
  for (const block of ready.toSorted((a, b) => a.place - b.place || a.stream.id - b.stream.id || a.first - b.first)) {
    const bytes = block.data.length
    const isOver = bytes > roomLeft
    isShort ||= isOver
    if (isOver || held.has(block.place) || left.has(block.stream) || (bytes > shareLeft && chosen.size > 0)) {
      left.add(block.stream)
      continue
    }
    chosen.add(block)
    roomLeft -= bytes
    shareLeft -= bytes
  }
  return { chosen, isShort }
}

/** As the catalogue takes it. */
export function freshRow({ stream, first, count, period, data, ...times }: Ready): Omit<BlockRow, 'id' | 'segment' | 'offset'> {
  return {
    stream: stream.id,
    first,
    count,
    pending: count,
    readings: count,
    time_from: times.timeFrom,
    time_to: times.timeTo,
    received_from: times.receivedFrom,
    received_to: times.receivedTo,
    bytes: data.length,
    period,
    // Counted when it is sealed.
    series: 0,
    window_ms: 0,
  }
}
