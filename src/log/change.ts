// What the keeper has prepared and the writer makes true: in one transaction, or not at all when the log has moved on meanwhile.
//
//   keeper: read blocks ─► merge or reduce ─► append to a segment, fsync ─► Change ─► writer: still so? ─► rows, ledger, accounts ─► commit
//
// What must hold: nothing that an uplink may have seen changes its number; a line of the ledger and the readings that it names go in one
// transaction; a file's bytes count only from the transaction on that records them.
import type { Intervals } from '../core/intervals.ts'
import { countOf, overlaps } from '../core/intervals.ts'
import type { LossAction } from '../core/log.ts'
import type { Accounts } from './accounts.ts'
import { lose } from './accounts.ts'
import type { BlockRow, Catalogue, SealedBlock, SegmentRow } from './catalogue.ts'
import { isKeptRaw } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { MergeChange } from './ledger-change.ts'
import { createMerge } from './ledger-change.ts'
import type { Positions } from './positions.ts'
import type { StreamRow, Streams } from './streams.ts'

/** A block as the keeper saw it. */
export interface SeenRow {
  readonly id: number
  readonly pending: number
}

/** Refused numbers inside a run of blocks: they move to its end, one line a kind. */
export interface RefusedInside {
  readonly lines: readonly { readonly id: number; readonly end: number }[]
  readonly joined: readonly {
    readonly action: LossAction
    readonly reason: string
    readonly count: number
    readonly timeFrom: number
    readonly timeTo: number
    readonly at: number
  }[]
}

/** Where new blocks stand: the segment as it then is, and the end that it had before. */
export interface Into {
  readonly segment: SegmentRow
  readonly base: number
}

interface Common {
  /** `streamKey` of the blocks' stream. */
  readonly stream: string
  readonly rows: readonly SeenRow[]
  /** The run of numbers that the rows and the refused between them cover. */
  readonly from: number
  readonly to: number
  readonly refused: RefusedInside
}

/** Fresh blocks become sealed ones of the same stream. */
export interface SealChange extends Common {
  readonly kind: 'seal'
  /** Renumbered within the run; false: every reading keeps its number. */
  readonly renumbered: boolean
  readonly into: Into
  readonly blocks: readonly SealedBlock[]
}

/** Blocks that nobody has seen give way to aggregates of them, or to nothing (`blocks` is empty then). */
export interface ReduceChange extends Common {
  readonly kind: 'reduce'
  readonly action: 'aggregated' | 'dropped'
  readonly reason: string
  readonly into: Into | undefined
  readonly blocks: readonly SealedBlock[]
  /** The blocks stay, as history of which aggregates of such windows leave (forwarding.ts). Absent: they go. */
  readonly rawWindowMs?: number
}

/** Blocks are given up; those that are delivered already just go. */
export interface DropChange extends Common {
  readonly kind: 'drop'
  readonly action: 'dropped' | 'damaged'
  readonly reason: string
  /** By row, of aggregates that are delivered in part: the readings that each stands for. Without it (they cannot be read) they share evenly. */
  readonly counts: ReadonlyMap<number, Uint32Array>
}

type BlockChange = SealChange | ReduceChange | DropChange
export type Change = BlockChange | MergeChange

export interface ChangeParts {
  readonly db: Journal
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly ledger: Ledger
  readonly positions: Positions
}

export interface Changes {
  /** Inside a transaction. False: the log has moved on, nothing was changed. */
  apply(change: Change, at: number): boolean
}

export function createChanges({ db, streams, accounts, catalogue, ledger, positions }: ChangeParts): Changes {
  const merge = createMerge({ db, streams, positions })
  const openLine = db.prepare('SELECT "end" FROM ledger WHERE id = ? AND sequence IS NULL').pluck()

  /** The rows as they are now; undefined when any is not as the keeper saw it. */
  function rowsOf(change: BlockChange): BlockRow[] | undefined {
    const rows = change.rows.map(({ id, pending }) => {
      const row = catalogue.byId(id)
      return row?.pending === pending ? row : undefined
    })
    return rows.every((it) => it !== undefined) ? rows : undefined
  }

  /** Of what is stored: what waits for nobody, or is kept raw, an intent of before may name all the same. */
  function isPinned(stream: StreamRow, rows: readonly BlockRow[]): boolean {
    const pinned = positions.pinned(stream)
    return rows.some((it) => it.pending > 0 && overlaps(pinned, it.first, it.first + it.count))
  }

  function isStillSo(change: BlockChange, rows: readonly BlockRow[], stream: StreamRow): boolean {
    const seen = positions.seen(stream)
    const untouched = change.kind === 'drop' || (change.kind === 'seal' && !change.renumbered)
    if (!untouched && overlaps(seen, change.from, change.to)) return false
    // A segment whose last block has gone meanwhile is gone with what was appended to it.
    if (change.kind !== 'drop' && change.into && catalogue.endOf(change.into.segment.id) !== change.into.base) return false
    if (change.kind === 'drop' && isPinned(stream, rows)) return false
    return change.refused.lines.every((it) => openLine.get(it.id) === it.end)
  }

  function remove(rows: readonly BlockRow[], stream: StreamRow): void {
    const account = accounts.of(stream.class)
    for (const row of rows) {
      account.bytes -= row.bytes
      catalogue.remove(row)
    }
  }

  function add(stream: StreamRow, segment: SegmentRow, block: SealedBlock, pending: number): void {
    accounts.of(stream.class).bytes += block.bytes
    catalogue.addSealed(stream.id, segment, block, pending)
  }

  /** After the readings of the run, from `from` on. */
  function moveRefused(change: BlockChange, stream: StreamRow, from: number): void {
    ledger.remove(change.refused.lines.map((it) => it.id))
    let next = from
    for (const { count, ...line } of change.refused.joined) {
      ledger.add({ stream, from: next, to: next + count, ...line })
      next += count
    }
    if (next !== change.to) throw new Error(`${change.stream}: refused numbers end at ${next}, the run at ${change.to}`)
  }

  function seal(change: SealChange, rows: readonly BlockRow[], stream: StreamRow): void {
    remove(rows, stream)
    let end = change.from
    for (const block of change.blocks) {
      const stored = isKeptRaw(stream, block) ? [] : positions.storedOf(stream, block.first, block.first + block.count)
      add(stream, change.into.segment, block, countOf(stored))
      end = block.first + block.count
    }
    moveRefused(change, stream, end)
  }

  /** All of the rows is stored and unseen: the range that they become a line of the ledger with. */
  function reduce(change: ReduceChange, rows: readonly BlockRow[], stream: StreamRow, at: number): boolean {
    const target = streams.sibling(stream, 'aggregate')
    if (change.blocks[0] && change.blocks[0].first !== target.next) return false
    const count = rows.reduce((sum, it) => sum + it.count, 0)
    const account = accounts.of(stream.class)
    if (change.rawWindowMs === undefined) remove(rows, stream)
    else for (const it of rows) catalogue.keepRaw(it.id, change.rawWindowMs)
    if (stream.form === 'raw') {
      account.stored -= count
      if (change.action === 'aggregated') account.aggregated += count
      else lose(account, change.reason, count)
    }
    ledger.add({
      stream,
      from: change.from,
      to: change.from + count,
      ...spanOf(rows),
      action: change.action,
      reason: change.reason,
      at,
    })
    moveRefused(change, stream, change.from + count)
    for (const block of change.blocks) {
      add(target, (change.into as Into).segment, block, block.count)
      target.next = block.first + block.count
      target.dirty = true
    }
    return true
  }

  function drop({ action, reason, counts }: DropChange, rows: readonly BlockRow[], stream: StreamRow, at: number): void {
    const account = accounts.of(stream.class)
    let lost = 0
    for (const row of rows) {
      const end = row.first + row.count
      const stored: Intervals = row.pending === 0 ? [] : positions.storedOf(stream, row.first, end)
      for (const { from, to, uplinks } of stored.flatMap((it) => positions.havers(stream, it.from, it.to))) {
        // To uplinks that never got it, it is elsewhere; those that have it are told nothing (lanes.ts).
        const why = uplinks.length > 0 ? ({ action: 'elsewhere', reason: uplinks.join(',') } as const) : { action, reason }
        ledger.add({ stream, from, to, ...spanOf([row]), ...why, at })
      }
      positions.unpark(stream, row.first, end)
      lost += stream.form === 'raw' ? row.pending : standingFor(row, stored, counts.get(row.id))
    }
    remove(rows, stream)
    if (stream.form === 'raw') account.stored -= lost
    else account.aggregated -= lost
    if (lost > 0) lose(account, reason, lost)
  }

  return {
    apply(change, at) {
      if (change.kind === 'merge') return merge(change)
      const stream = streams.byKey(change.stream)
      const rows = stream && rowsOf(change)
      if (!stream || !rows || !isStillSo(change, rows, stream)) return false
      if (change.kind === 'reduce') return reduce(change, rows, stream, at)
      if (change.kind === 'seal') seal(change, rows, stream)
      else drop(change, rows, stream, at)
      return true
    },
  }
}

function spanOf(rows: readonly BlockRow[]): { timeFrom: number; timeTo: number } {
  return {
    timeFrom: rows.reduce((least, it) => Math.min(least, it.time_from), Infinity),
    timeTo: rows.reduce((most, it) => Math.max(most, it.time_to), -Infinity),
  }
}

/** Readings that those aggregates of a block stand for which are not delivered. */
function standingFor(row: BlockRow, stored: Intervals, counts: Uint32Array | undefined): number {
  if (row.pending === row.count) return row.readings
  if (!counts) return Math.floor((row.readings * row.pending) / row.count)
  let sum = 0
  for (const { from, to } of stored) for (let n = from; n < to; n++) sum += counts[n - row.first] as number
  return sum
}

/** Gives up blocks of one stream, in their order. */
export function dropOf(
  stream: string,
  rows: readonly Pick<BlockRow, 'id' | 'pending' | 'first' | 'count'>[],
  why: Pick<DropChange, 'action' | 'reason'> & Partial<Pick<DropChange, 'counts'>>,
): DropChange {
  const last = rows.at(-1)
  return {
    kind: 'drop',
    stream,
    rows: rows.map(({ id, pending }) => ({ id, pending })),
    from: rows[0]?.first ?? 0,
    to: last ? last.first + last.count : 0,
    refused: { lines: [], joined: [] },
    counts: new Map(),
    ...why,
  }
}

/** All of a block that cannot be read: what of it still counts as stored is lost. */
export function damageOf(stream: string, row: Pick<BlockRow, 'id' | 'pending' | 'first' | 'count'>): DropChange {
  return dropOf(stream, [row], { action: 'damaged', reason: 'damaged' })
}
