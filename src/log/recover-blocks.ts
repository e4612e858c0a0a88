// Which blocks a journal that is made anew has: those of the segments by their headers, and the fresh ones that can be read of the old journal.
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock, readHeader } from '../columns/index.ts'
import type { Intervals } from '../core/intervals.ts'
import { countOf, difference, intersection, overlaps, union, withInterval } from '../core/intervals.ts'
import { streamKey } from '../core/stream.ts'
import type { Accounts } from './accounts.ts'
import type { BlockRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Positions } from './positions.ts'
import type { OldBlock, OldJournal } from './recover-old.ts'
import type { FoundBlock, FoundSegments } from './recover-walk.ts'
import { lookInto } from './recover-walk.ts'
import { readAt } from './segment.ts'
import type { StreamRow, Streams } from './streams.ts'

/** Of raw blocks that are history: that it is not 0 is all that matters. */
const WINDOW_UNKNOWN_MS = 1

/** A block on its way into the new journal. */
export type Placed = Omit<BlockRow, 'id'> & { readonly id: number | null; readonly data: Uint8Array | null }

export interface Books {
  readonly db: Journal
  readonly old: OldJournal
  readonly found: FoundSegments
  readonly streams: Streams
  readonly accounts: Accounts
  readonly ledger: Ledger
  readonly positions: Positions
  /** By stream: what the ledger names. */
  readonly named: Map<number, Intervals>
  readonly at: number
  /** Of these aggregates leave, and readings stay (forwarding.ts). */
  readonly forwarding: ReadonlySet<string>
}

/**
 * Of two that hold the same numbers the first stays. A catalogue that is whole has no two; else what was sealed has all that the fresh ones of
 * before had, and maybe more, unless somebody had seen their numbers by then: what was sealed then was not taken. What the catalogue says was
 * taken, or where its file ended, stands before the fresh ones in any case: a page that was given back, and came again in another's place, has rows of such.
 */
export function placeBlocks(books: Books, keepDelivered: boolean): Placed[] {
  const { old, found, streams, positions } = books
  const byPlace = new Map(
    old.blocks.filter((it) => it.row.segment !== null).map((it) => [placeOf(it.row.segment, it.row.offset), it]),
  )
  const isKnown = new Set(streams.all().map((it) => it.id))
  const fresh: Placed[] = old.blocks
    .filter((it) => it.data !== undefined)
    .map(({ row, data }) => ({ ...row, data: data as Uint8Array }))
  const sealed: Placed[] = []
  const taken = new Set<Placed>()
  const ends = new Map(old.tables.segment.map((it) => [Number(it['id']), Number(it['end'])]))
  for (const it of found.blocks) {
    const known = byPlace.get(placeOf(it.segment.id, it.offset))
    byPlace.delete(placeOf(it.segment.id, it.offset))
    // Of a catalogue that is whole, what it does not have went for good.
    if (!known && old.sound.has('block')) continue
    const placed = placedOf(books, it, known)
    sealed.push(...placed)
    const isRecorded = it.offset + it.bytes <= (ends.get(it.segment.id) ?? 0)
    for (const one of placed) if (isRecorded || one.id !== null) taken.add(one)
  }
  // Of those that are left the file has gone, or their part of it: the scan will find that, and say so.
  for (const { row } of byPlace.values()) sealed.push({ ...row, data: null })
  const isSeen = (it: Placed) =>
    isKnown.has(it.stream) && overlaps(positions.seen(streams.byId(it.stream)), it.first, it.first + it.count)
  const isBefore = (it: Placed) => taken.has(it) || !isSeen(it)
  const candidates = [...sealed.filter(isBefore), ...fresh, ...sealed.filter((it) => !isBefore(it))]
  const held = new Map<number, Intervals>()
  return candidates.flatMap((it) => {
    if (!isKnown.has(it.stream) || !isDescribed(books, it)) return []
    const stream = streams.byId(it.stream)
    const before = held.get(it.stream) ?? []
    const range = [{ from: it.first, to: it.first + it.count }]
    if (countOf(intersection(before, range)) > 0) return []
    if (isKept(books, it)) {
      nameKept(books, stream, it)
      held.set(it.stream, union(before, range))
      return [{ ...it, pending: 0, window_ms: it.window_ms || WINDOW_UNKNOWN_MS }]
    }
    if (countOf(intersection(books.named.get(it.stream) ?? [], range)) > 0) return []
    const pending = old.sound.has('position')
      ? countOf(positions.storedOf(stream, it.first, it.first + it.count))
      : Math.min(it.pending, it.count)
    if (pending === 0 && !keepDelivered) return []
    held.set(it.stream, union(before, range))
    return [{ ...it, pending }]
  })
}

/** Whether aggregates stand for a raw block, and it is history: its row says so or, where that is lost, the ledger. */
function isKept({ db, streams, forwarding }: Books, { stream: id, first, count, window_ms }: Placed): boolean {
  const stream = streams.byId(id)
  if (stream.form !== 'raw' || window_ms > 0) return stream.form === 'raw'
  if (!forwarding.has(stream.class)) return false
  const named = db
    .prepare<{ id: number; from: number; to: number }, number>(
      `SELECT coalesce(sum(min("end", :to) - max(first, :from)), 0) FROM ledger WHERE stream = :id AND first < :to AND "end" > :from AND action = 'aggregated'`,
    )
    .pluck()
  return named.get({ id, from: first, to: first + count }) === count
}

/** Where the line of the ledger that said so is lost. */
function nameKept({ named, ledger, at }: Books, stream: StreamRow, { first, count }: Placed): void {
  for (const it of difference([{ from: first, to: first + count }], named.get(stream.id) ?? [])) {
    ledger.add({ stream, ...it, timeFrom: at, timeTo: at, action: 'aggregated', reason: 'rebuilt', at })
    named.set(stream.id, withInterval(named.get(stream.id) ?? [], it.from, it.to))
  }
}

/** Where rows of series are lost, nobody can say what some blocks hold: those are lost with them. */
function isDescribed({ db, old, found }: Books, { data, segment, offset, bytes }: Placed): boolean {
  if (old.sound.has('series')) return true
  const file = found.segments.find((it) => it.id === segment)
  const known = db.prepare('SELECT 1 FROM series WHERE id = ?')
  try {
    const block = data ?? (file ? readAt(file.path, offset as number, bytes) : new Uint8Array(0))
    const ids = readHeader(block).version === 3 ? new Set(decodeAggregates(block).series) : decodeBlock(block).seriesIds
    return [...ids].every((it) => known.get(it) !== undefined)
  } catch (error) {
    // What is damaged besides is the scan's.
    if (error instanceof DamagedBlock) return true
    throw error
  }
}

const placeOf = (segment: number | null, offset: number | null) => `${segment} ${offset}`

/** A block of a segment, by its header; what the header does not say is from the old row, or looked up in the block. */
function placedOf(books: Books, found: FoundBlock, known: OldBlock | undefined): Placed[] {
  const { header, segment, offset, bytes } = found
  const isAggregate = segment.form === 'aggregate'
  const isSame = known !== undefined && known.row.first === header.first && known.row.count === header.count
  const inside = isAggregate && !isSame ? lookInto(found) : undefined
  if (isAggregate && !isSame && !inside) return []
  const stream = isSame ? known.row.stream : streamOf(books, found)
  if (inside) nameAggregated(books, stream, inside)
  return [
    {
      id: isSame ? known.row.id : null,
      stream,
      first: header.first,
      count: header.count,
      pending: isSame ? known.row.pending : header.count,
      readings: isSame && isAggregate ? known.row.readings : (inside?.readings ?? header.count),
      time_from: header.timeFrom,
      time_to: header.timeTo,
      received_from: header.receivedFrom,
      received_to: header.receivedTo,
      bytes,
      period: isSame ? known.row.period : 0,
      series: isSame ? known.row.series : (inside?.series ?? 1),
      window_ms: isSame ? known.row.window_ms : (inside?.windowMs ?? 0),
      segment: segment.id,
      offset,
      data: null,
    },
  ]
}

/** The first aggregates of a stream are written before it has a number. */
function streamOf({ streams }: Books, { header, segment }: FoundBlock): number {
  const ofClass = streams.ofClass(segment.class, segment.form)
  return ofClass.some((it) => it.id === header.stream) ? header.stream : (ofClass[0]?.id ?? header.stream)
}

/** Readings that an aggregate stands for do not come back: the line of the ledger that said so is gone with the old journal. */
function nameAggregated(books: Books, aggregates: number, { from, to }: { from: number; to: number }): void {
  const { streams, named, ledger, old, at } = books
  const of = streams.all().find((it) => it.id === aggregates)
  const raw = of && streams.byKey(streamKey({ ...of, form: 'raw' }))
  if (!raw || old.sound.has('ledger')) return
  for (const it of difference([{ from, to }], named.get(raw.id) ?? [])) {
    ledger.add({ stream: raw, ...it, timeFrom: at, timeTo: at, action: 'aggregated', reason: 'rebuilt', at })
    // The account of the old journal, where its row is left, has counted them.
    if (!old.tables.account.some((row) => row['class'] === raw.class)) books.accounts.of(raw.class).aggregated += it.to - it.from
    named.set(raw.id, withInterval(named.get(raw.id) ?? [], it.from, it.to))
  }
}

export function insertBlocks(db: Journal, blocks: readonly Placed[], found: FoundSegments): void {
  const names = [...BLOCK_COLUMNS.split(', ').map((it) => it.replaceAll('"', '')), 'data'] as (keyof Placed)[]
  const insert = db.prepare(
    `INSERT OR IGNORE INTO block (${names.map((it) => `"${it}"`).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
  // Those with a number of their own first: the others get numbers behind them.
  for (const it of [...blocks.filter((b) => b.id !== null), ...blocks.filter((b) => b.id === null)])
    insert.run(names.map((name) => it[name]))
  const segment = db.prepare('INSERT INTO segment (id, class, form, "end") VALUES (?, ?, ?, ?)')
  const used = new Set(blocks.map((it) => it.segment))
  for (const it of found.segments) if (used.delete(it.id)) segment.run(it.id, it.class, it.form, it.bytes)
}
