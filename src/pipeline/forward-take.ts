// What goes into the next transaction: all that live has, then backlog.
//
// How much backlog: a transaction is one piece, so live readings that come meanwhile wait for it. It is as long as the link takes for BEAT_SECONDS,
// or QUIET_SECONDS where live has had nothing to say lately, but never so short that most of it would be the way there and back.
//   live     never waits for backlog: all that it has goes first, whatever its share
//   backlog  what live leaves of the transaction, but at least 1 − liveShare of its size on top of what live has: however much live
//            brings, the backlog shrinks, and live waits no longer than for that part
import type { NextRequest, Resumed, Slice, Taken } from '../core/log.ts'
import type { LogReader } from '../core/log.ts'
import type { UplinkSettings } from '../core/settings.ts'
import type { Clock } from '../core/source.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { UplinkBatch } from '../core/uplink.ts'
import type { Admission, Admitted } from '../core/admission.ts'
import type { LinkRate } from './link-rate.ts'
import { BLOCK_READINGS_MAX, READINGS_MAX } from './link-rate.ts'

const READINGS_MIN = 1_000
const TAKE_BYTES_MAX = 4_000_000
const BEAT_SECONDS = 0.05
const QUIET_SECONDS = 0.2
/** So long after its last reading live counts as quiet. */
const QUIET_AFTER_MS = 2_000
/** A transaction carries for at least so many times what it costs when it is empty. */
const OVERHEADS_MIN = 2
/** By turns, so that the two tell what a reading takes from what the way takes (link-rate.ts). */
const SHORT = 0.75
const LONG = 1.25
/** Of blocks: one that is cut costs some times the work of one that goes as it is. A transaction may become longer by so much for it. */
const WHOLE_TIMES = 4
/** … but takes no longer than that for it. */
const WHOLE_SECONDS = 5

export interface Pair {
  readonly live: Taken
  readonly backlog: Taken
}

export type LaneSettings = Pick<UplinkSettings, 'liveShare' | 'backlog' | 'isInOrder'> & Partial<Pick<UplinkSettings, 'records'>>

export interface TakeParts {
  readonly uplink: string
  readonly log: LogReader
  readonly clock: Clock
  readonly admission: Admission
  readonly lanes: LaneSettings
  /** Classes of which one uplink is enough, and which uplinks take them. */
  readonly anyOf: NextRequest['anyOf']
  link(): LinkRate
  /** Rows that a transaction of so many bytes may hold. */
  rowsMax(bytes: number): number
}

/** The largest transaction that is dared. */
export const readingsMaxOf = ({ records }: LaneSettings) => (records === 'blocks' ? BLOCK_READINGS_MAX : READINGS_MAX)

/** Takes in turn; `blocked` are classes that wait for the destination. */
export interface Taker {
  next(blocked: readonly string[]): Promise<Pair>
  /** With what live has had to say since `pair` was read: it would wait for one transaction more. */
  withNewest(pair: Pair, blocked: readonly string[]): Promise<Pair>
}

export function taker({ uplink, log, clock, admission, lanes, anyOf, link, rowsMax }: TakeParts): Taker {
  let liveAt = -Infinity

  function requestNow(blocked: readonly string[]) {
    const admitted = admission.now()
    const most = admitted.bytesMax === Infinity ? Infinity : rowsMax(admitted.bytesMax)
    const request = {
      uplink,
      except: [...admitted.except, ...blocked],
      bytesMax: TAKE_BYTES_MAX * Math.min(1, link().readingsMax / READINGS_MAX),
      backlog: lanes.backlog,
      ...(lanes.isInOrder && { isInOrder: true }),
      ...(anyOf ? { anyOf } : {}),
    }
    return { request, most, rate: { ...link(), readingsMax: Math.min(link().readingsMax, most) } }
  }

  async function next(blocked: readonly string[]): Promise<Pair> {
    const { request, most, rate } = requestNow(blocked)
    const live = await log.next({ ...request, lane: 'live', readingsMax: rate.readingsMax })
    const has = rowsOf({ live, backlog: NOTHING })
    if (has > 0) liveAt = clock.monotonic()
    const isLively = clock.monotonic() - liveAt < QUIET_AFTER_MS
    const readingsMax = Math.min(most - has, backlogRoom(has, isLively, lanes.liveShare, rate))
    if (readingsMax <= 0) return { live, backlog: NOTHING }
    const wholeMax = lanes.records === 'blocks' ? Math.min(most - has, wholeRoom(readingsMax, rate)) : 0
    return { live, backlog: await log.next({ ...request, lane: 'backlog', readingsMax, wholeMax }) }
  }

  return {
    next,
    async withNewest(pair, blocked) {
      const { request, most, rate } = requestNow(blocked)
      const has = rowsOf({ live: pair.live, backlog: NOTHING })
      const readingsMax = Math.min(rate.readingsMax - has, most - rowsOf(pair))
      const bytesMax = request.bytesMax - bytesOf(pair.live)
      if (readingsMax <= 0 || bytesMax <= 0) return pair
      const newest = await log.next({ ...request, lane: 'live', readingsMax, bytesMax })
      if (newest.ranges.length === 0) return pair
      liveAt = clock.monotonic()
      return { live: together(pair.live, newest), backlog: pair.backlog }
    },
  }
}

function together(a: Taken, b: Taken): Taken {
  return {
    slices: [...a.slices, ...b.slices],
    ranges: [...a.ranges, ...b.ranges],
    series: new Map([...a.series, ...b.series]),
    maybeDuplicate: [...(a.maybeDuplicate ?? []), ...(b.maybeDuplicate ?? [])],
    elsewhere: [...(a.elsewhere ?? []), ...(b.elsewhere ?? [])],
  }
}

/** Readings of the backlog that go with `live` readings of the live lane. */
export function backlogRoom(live: number, isLively: boolean, liveShare: number, link: LinkRate): number {
  const { perSecond, overheadSeconds, readingsMax, isShort } = link
  const turn = isShort === undefined ? 1 : isShort ? SHORT : LONG
  const seconds = turn * Math.max(isLively ? BEAT_SECONDS : QUIET_SECONDS, overheadSeconds * OVERHEADS_MIN)
  const size = Math.min(readingsMax, Math.max(READINGS_MIN, perSecond * seconds))
  return Math.floor(Math.max(size - live, size * (1 - liveShare)))
}

/** Readings of a block that goes whole though `room` has place for fewer. Of a link that has told nothing yet the largest that is dared is all that is known. */
export function wholeRoom(room: number, { perSecond, readingsMax }: LinkRate): number {
  const inTime = perSecond > 0 ? perSecond * WHOLE_SECONDS : Infinity
  return Math.floor(Math.min(readingsMax, Math.max(room, Math.min(room * WHOLE_TIMES, inTime))))
}

export const NOTHING: Taken = { slices: [], ranges: [], series: new Map() }
/** Readings and aggregates. */
export const readingsOf = (taken: Taken) => taken.slices.reduce((sum, it) => sum + ('rows' in it ? 0 : it.to - it.from), 0)

/** Records: readings, aggregates, lines of the ledger, events. */
export function rowsOf({ live, backlog }: Pair): number {
  return [...live.slices, ...backlog.slices].reduce((sum, it) => sum + ('rows' in it ? it.rows.length : it.to - it.from), 0)
}

/** A block counts whole, and once, however little of it is meant. */
function bytesOf({ slices }: Taken): number {
  const blocks = new Set(slices.flatMap((it) => ('block' in it ? [it.block] : [])))
  return [...blocks].reduce((sum, it) => sum + it.byteLength, 0)
}

export function isShutOut({ live, backlog }: Pair, { except }: Admitted): boolean {
  return [...live.slices, ...backlog.slices].some((it) => except.includes(it.stream.class))
}

export function batchOf({ live, backlog }: Pair, { inDoubt }: Pick<Resumed, 'inDoubt'>): UplinkBatch {
  return {
    slices: [...live.slices, ...backlog.slices],
    series: new Map([...live.series, ...backlog.series]),
    maybeDuplicate: [...inDoubt, ...(live.maybeDuplicate ?? []), ...(backlog.maybeDuplicate ?? [])],
    elsewhere: [...(live.elsewhere ?? []), ...(backlog.elsewhere ?? [])],
  }
}

/** Less what the log has given up meanwhile: it is named in the ledger. */
export function without({ live, backlog }: Pair, empty: readonly StreamRange[]): Pair {
  if (empty.length === 0) return { live, backlog }
  const isGone = ({ stream, from, to }: Slice) =>
    empty.some((it) => it.stream === streamKey(stream) && it.from < to && from < it.to)
  const rest = (taken: Taken): Taken => ({ ...taken, slices: taken.slices.filter((it) => 'rows' in it || !isGone(it)) })
  return { live: rest(live), backlog: rest(backlog) }
}
