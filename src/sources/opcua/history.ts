// Reads holes from the server's history.
//
//   holes of about the same age ─► HistoryRead raw, as many nodes a call as the server takes ─► continuation points ─► what did not come by itself
import {
  type DataValue,
  type HistoryData,
  HistoryReadRequest,
  type HistoryReadResult,
  type NodeId,
  ReadRawModifiedDetails,
  type StatusCode,
  StatusCodes,
  TimestampsToReturn,
} from 'node-opcua-client'
import type { Micros } from '../../core/reading.ts'
import type { Open } from './browse.ts'
import { type TagState, timeOf } from './decode.ts'
import type { Hole } from './gaps.ts'
import { inChunks } from './limits.ts'
import { resolveNode } from './nodes.ts'

const VALUES_PER_NODE = 1_000
/** Holes that begin within this, or within this share of their length, are read together: one call has one range for all of its nodes. */
const TOGETHER_US = 5_000_000
const TOGETHER_SHARE = 0.2
/** A server that hands out continuation points for ever is not read for ever. */
const PAGES_MAX = 10_000

/** One tag's hole, as it stood when reading began. */
export interface Wanted {
  readonly state: TagState
  readonly hole: Hole
  readonly nodeId: NodeId
  readonly from: Micros
  readonly to: Micros
  readonly arrived: ReadonlySet<Micros>
}

export interface Taker {
  data(state: TagState, value: DataValue): void
  /** Resolves when there is room for more. */
  room(): Promise<void>
}

export interface Outcome {
  readonly filled: number
  /** Tags whose hole history does not have, and why. */
  readonly lacking: readonly { readonly wanted: Wanted; readonly why: string }[]
}

/** What can be read now: holes that are sure and have both ends. Older than `oldest` is not asked for. */
export function wantedOf(tags: readonly TagState[], { facts }: Open, oldest: Micros): Wanted[] {
  return tags.flatMap((state) => {
    if (state.holes.length === 0) return []
    const nodeId = resolveNode(state.tag.node, facts.namespaces)
    if (!nodeId) return []
    return state.holes.flatMap((hole) => {
      if (!hole.sure || hole.to === undefined) return []
      hole.isFrozen = true
      return [{ state, hole, nodeId, from: Math.max(hole.from, oldest), to: hole.to, arrived: hole.arrived }]
    })
  })
}

export async function readHoles(open: Open, wanted: readonly Wanted[], take: Taker, signal: AbortSignal): Promise<Outcome> {
  let filled = 0
  const lacking: Outcome['lacking'][number][] = []
  for (const group of ofOneAge(wanted)) {
    const results = await inChunks(open.facts.limits, 'history', group, (chunk) => readGroup(open, chunk, take, signal))
    for (const [at, { count, isKnown, status }] of results.entries()) {
      const of = group[at] as Wanted
      filled += count
      if (status.isBad()) lacking.push({ wanted: of, why: status.name })
      // The values at both ends were there: a history that has neither is none, or is late.
      else if (!isKnown) lacking.push({ wanted: of, why: 'history has no value of that time' })
    }
  }
  return { filled, lacking }
}

/** Groups of holes that begin at about the same time. */
function* ofOneAge<T extends { readonly from: Micros; readonly to: Micros }>(holes: readonly T[]): Iterable<T[]> {
  let group: T[] = []
  for (const it of holes.toSorted((one, other) => one.from - other.from)) {
    const [first] = group
    if (first && it.from - first.from > TOGETHER_US + TOGETHER_SHARE * (first.to - first.from)) {
      yield group
      group = []
    }
    group.push(it)
  }
  if (group.length > 0) yield group
}

interface Read {
  count: number
  /** Some give as many values as were asked for and do not say that there are more: from here on they are asked again. */
  next: Micros | undefined
  /** Some value of the hole, its ends among them, was there. */
  isKnown: boolean
  status: StatusCode
}

async function readGroup({ session, facts }: Open, group: readonly Wanted[], take: Taker, signal: AbortSignal): Promise<Read[]> {
  const reads = group.map((): Read => ({ count: 0, next: undefined, isKnown: false, status: StatusCodes.Good }))
  const details = new ReadRawModifiedDetails({
    isReadModified: false,
    startTime: new Date(Math.floor(Math.min(...group.map((it) => it.from)) / 1000)),
    // The end itself is left out by some.
    endTime: new Date(Math.ceil(Math.max(...group.map((it) => it.to)) / 1000) + 1),
    numValuesPerNode: VALUES_PER_NODE,
    returnBounds: false,
  })
  let open = group.map((_, at) => ({ at, continuationPoint: undefined as Buffer | undefined }))
  let page = 0
  try {
    for (; open.length > 0 && !signal.aborted && page < PAGES_MAX; page++) {
      await take.room()
      const results = await ask(session, group, open, details)
      open = open.flatMap(({ at }, n) => {
        const result = results[n]
        takeIn(group[at] as Wanted, reads[at] as Read, result, take)
        const point = result?.continuationPoint
        return point?.length ? [{ at, continuationPoint: point }] : []
      })
    }
  } finally {
    if (open.some((it) => it.continuationPoint)) await ask(session, group, open, details, true).catch(() => {})
  }
  if (signal.aborted) throw new Error('stopped')
  for (const { at } of open) (reads[at] as Read).status = StatusCodes.BadTooManyOperations
  await readOn({ session, facts }, group, reads, take, signal)
  return reads
}

async function readOn(
  open: Open,
  group: readonly Wanted[],
  reads: readonly Read[],
  take: Taker,
  signal: AbortSignal,
): Promise<void> {
  for (const [at, read] of reads.entries()) {
    if (read.next === undefined || read.status.isBad()) continue
    const [rest] = await readGroup(open, [{ ...(group[at] as Wanted), from: read.next }], take, signal)
    read.count += rest?.count ?? 0
    read.status = rest?.status ?? read.status
  }
}

async function ask(
  session: Open['session'],
  group: readonly Wanted[],
  open: readonly { readonly at: number; readonly continuationPoint: Buffer | undefined }[],
  historyReadDetails: ReadRawModifiedDetails,
  releaseContinuationPoints = false,
): Promise<readonly HistoryReadResult[]> {
  const nodesToRead = open.map(({ at, continuationPoint }) => ({
    nodeId: (group[at] as Wanted).nodeId,
    ...(continuationPoint && { continuationPoint }),
  }))
  const request = new HistoryReadRequest({
    historyReadDetails,
    timestampsToReturn: TimestampsToReturn.Both,
    releaseContinuationPoints,
    nodesToRead,
  })
  return (await session.historyRead(request)).results ?? []
}

function takeIn({ state, from, to, arrived }: Wanted, read: Read, result: HistoryReadResult | undefined, take: Taker): void {
  if (!result || result.statusCode.isBad()) {
    read.status = result?.statusCode ?? StatusCodes.BadUnexpectedError
    return
  }
  const values = (result.historyData as HistoryData | null)?.dataValues ?? []
  for (const value of values) {
    const time = timeOf(value)
    if (time === undefined || time < from || time > to) continue
    read.isKnown = true
    if (time === from || time === to || arrived.has(time)) continue
    take.data(state, value)
    read.count++
  }
  const last = values.at(-1)
  const lastTime = last && timeOf(last)
  const isFull = values.length >= VALUES_PER_NODE && !result.continuationPoint?.length
  read.next = isFull && lastTime !== undefined && lastTime > from && lastTime < to ? lastTime : undefined
}
