// The segments as they are found on the disk, without a journal: their headers, and all that their notes say.
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock } from '../columns/index.ts'
import type { LogSeries } from '../core/log.ts'
import type { NotedAccount, NotedLoss, NotedStream } from './segment-notes.ts'
import type { SegmentFile } from './segment.ts'
import { readAt, segmentFiles } from './segment.ts'
import type { WalkedRecord } from './walk.ts'
import { walk } from './walk.ts'

type WalkedBlock = Extract<WalkedRecord, { kind: 'block' }>

export interface FoundBlock {
  readonly segment: SegmentFile
  readonly offset: number
  readonly bytes: number
  readonly header: WalkedBlock['header']
}

export interface FoundSegments {
  readonly segments: readonly SegmentFile[]
  readonly blocks: readonly FoundBlock[]
  readonly streams: ReadonlyMap<number, NotedStream>
  readonly series: ReadonlyMap<number, LogSeries>
  /** By class: the latest. */
  readonly accounts: ReadonlyMap<string, NotedAccount>
  readonly losses: readonly NotedLoss[]
}

/** Of an aggregate block. */
export interface FoundAggregates {
  readonly readings: number
  readonly series: number
  readonly windowMs: number
  /** Of the raw stream: the least range that holds all that it stands for. */
  readonly from: number
  readonly to: number
}

/** Reads headers and notes of all segments. `dir` is DIR/log. */
export async function findSegments(dir: string): Promise<FoundSegments> {
  const { segments } = segmentFiles(dir)
  const blocks: FoundBlock[] = []
  const streams = new Map<number, NotedStream>()
  const series = new Map<number, LogSeries>()
  const accounts = new Map<string, NotedAccount>()
  const latest = new Map<string, number>()
  const losses: NotedLoss[] = []
  for (const segment of segments)
    for await (const record of walk(segment.path, { verify: 'headers' })) {
      if (record.kind === 'block') blocks.push({ segment, offset: record.offset, bytes: record.bytes, header: record.header })
      if (record.kind !== 'notes') continue
      const { notes } = record
      for (const it of notes.streams) if ((streams.get(it.id)?.next ?? -1) < it.next) streams.set(it.id, it)
      for (const it of notes.series) series.set(it.id, it)
      losses.push(...notes.ledger)
      const latestAt = latest.get(notes.class) ?? -Infinity
      const known = accounts.get(notes.class)
      if (notes.at < latestAt || (notes.at === latestAt && known && settledIn(known) > settledIn(notes.account))) continue
      latest.set(notes.class, notes.at)
      accounts.set(notes.class, notes.account)
    }
  return { segments, blocks, streams, series, accounts, losses }
}

/** Of two of one instant the later has more of it. */
const settledIn = ({ delivered, aggregated, lost }: NotedAccount) =>
  Object.values(lost).reduce((sum, it) => sum + it, delivered + aggregated)

/** What an aggregate block stands for; undefined where it is damaged. */
export function lookInto({ segment, offset, bytes }: FoundBlock): FoundAggregates | undefined {
  try {
    const found = decodeAggregates(readAt(segment.path, offset, bytes))
    let readings = 0
    let from = Infinity
    let to = 0
    for (let i = 0; i < found.count; i++) {
      readings += (found.good[i] as number) + (found.uncertain[i] as number) + (found.bad[i] as number)
      from = Math.min(from, found.sequenceFrom[i] as number)
      to = Math.max(to, (found.sequenceTo[i] as number) + 1)
    }
    return { readings, from, to, series: new Set(found.series).size, windowMs: found.windowUs / 1000 }
  } catch (error) {
    if (error instanceof DamagedBlock) return undefined
    throw error
  }
}
