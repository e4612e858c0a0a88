// Streams of other boxes: kept under their own names and numbers, and what the log has of each box as a position under a name of its own.
//
//   transaction ─► series to ours ─► blocks of ours, numbers kept ─┐
//   lines, events ─────────────────────────────────────────────────┼─► one transaction, one fsync
//   position (box:DEVICE) ─────────────────────────────────────────┘
//
// What must hold: the readings of a transaction and the position that says so are one transaction. Their numbers are never changed: as the box
// has them by `box:DEVICE`, somebody has seen them, so sealing keeps their order and retention drops and never reduces them to aggregates, whose
// numbers would be the other box's. What retention drops is named in this box's own gap streams.
import { DamagedBlock } from '../columns/index.ts'
import type { BoxOutcome, BoxRefusal, BoxTransaction } from '../core/boxes.ts'
import { boxOf } from '../core/boxes.ts'
import { BadInput } from '../core/errors.ts'
import type { Intervals } from '../core/intervals.ts'
import { countOf, difference, overlaps, union } from '../core/intervals.ts'
import type { GapSlice } from '../core/log.ts'
import type { Position } from '../core/position.ts'
import type { StreamIntervals, StreamRange } from '../core/stream.ts'
import { streamKey, streamOf } from '../core/stream.ts'
import type { Accounts } from './accounts.ts'
import { lose } from './accounts.ts'
import type { Catalogue } from './catalogue.ts'
import type { Events } from './events.ts'
import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { OfStream, OthersBlock } from './others-blocks.ts'
import { createOthersBlocks } from './others-blocks.ts'
import type { Periods } from './periods.ts'
import { rangesOf } from './position-ranges.ts'
import type { Positions } from './positions.ts'
import type { Pressure } from './pressure.ts'
import type { SeriesTable } from './series.ts'
import type { StreamRow, Streams } from './streams.ts'
import type { WriterWorld } from './writer-world.ts'

export interface OthersParts {
  readonly db: Journal
  readonly device: string
  readonly classes: readonly { readonly name: string }[]
  readonly streams: Streams
  readonly series: SeriesTable
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly ledger: Ledger
  readonly events: Events
  readonly periods: Periods
  readonly positions: Positions
  readonly keepDeliveredMs: number
  readonly pressure: Pick<Pressure, 'isHeld' | 'isAtBound' | 'journalRoom'>
  readonly world: Pick<WriterWorld, 'now' | 'held' | 'durable'>
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
  /** Throws Unreachable where nothing can be written now. */
  mustWrite(): void
}

export interface Others {
  position(device: string): Position | 'none'
  take(sent: BoxTransaction): BoxOutcome
}

const REASON = 'rolled-back'
/** A line of the ledger, with its entries in the indexes. */
const LINE_BYTES = 600

export function createOthers(parts: OthersParts): Others {
  const { db, device, classes, streams, series, accounts, catalogue, ledger, events, positions, pressure, world } = parts
  const insertLine = db.prepare(
    'INSERT INTO ledger (stream, first, end, count, time_from, time_to, action, reason, at, exact, gap_stream, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const toOurs = createOthersBlocks(parts)
  const placeOf = new Map(classes.map((it, place) => [it.name, place]))

  function position(of: string): Position | 'none' {
    const { transaction, delivered } = positions.resumed(boxOf(of))
    return transaction === 0 && delivered.size === 0 ? 'none' : { transaction, delivered }
  }

  function unknownClasses({ ranges }: BoxTransaction): BoxRefusal | undefined {
    const names = new Set(ranges.map((it) => streamOf(it.stream)).flatMap((it) => (it.form === 'event' ? [] : [it.class])))
    const unknown = [...names].filter((it) => !placeOf.has(it))
    return unknown.length > 0 ? { kind: 'class-unknown', classes: unknown } : undefined
  }

  /** What no box that is well can send. */
  function check({ device: from, ranges, elsewhere, slices, transaction }: BoxTransaction, known: Position | 'none'): void {
    if (known !== 'none' && transaction <= known.transaction)
      throw refused(from, `transaction ${transaction} comes after ${known.transaction}`)
    for (const { stream, from: first, to } of ranges) {
      if (streamOf(stream).device === device) throw refused(from, `${stream} is a stream of this box`)
      if (known !== 'none' && overlaps(known.delivered.get(stream) ?? [], first, to))
        throw refused(from, `${stream} ${first} to ${to - 1} is here already`)
    }
    for (const it of elsewhere) if (!isWithin(it, ranges)) throw refused(from, `${it.stream} lies outside of what it brings`)
    const brought = new Map<string, Intervals>()
    for (const it of slices) {
      const key = streamKey(it.stream)
      const earlier = brought.get(key) ?? []
      if (overlaps(earlier, it.from, it.to)) throw refused(from, `${key} ${it.from} to ${it.to - 1} comes twice`)
      brought.set(key, union(earlier, [{ from: it.from, to: it.to }]))
      if (!isWithin({ stream: key, from: it.from, to: it.to }, ranges))
        throw refused(from, `${key} ${it.from} to ${it.to - 1} lies outside of what it brings`)
      const row = streams.byKey(key)
      const isOfBlocks = it.form === 'raw' || it.form === 'aggregate'
      if (row && isOfBlocks && catalogue.overlapping(row.id, it.from, it.to).length > 0)
        throw refused(from, `${key} ${it.from} to ${it.to - 1} is here already, from another box`)
    }
  }

  function blocksOf(sent: BoxTransaction): readonly OfStream[] {
    try {
      return toOurs(sent)
    } catch (error) {
      if (error instanceof DamagedBlock || error instanceof RangeError)
        throw refused(sent.device, `a block that cannot be read: ${error.message}`)
      throw error
    }
  }

  function store(stream: StreamRow, { data, ...row }: OthersBlock): void {
    const account = accounts.of(stream.class)
    const pending = countOf(positions.storedOf(stream, row.first, row.first + row.count))
    account.accepted += row.readings
    if (stream.form === 'aggregate') account.aggregated += row.readings
    else {
      account.stored += pending
      account.delivered += row.count - pending
    }
    if (pending === 0 && parts.keepDeliveredMs === 0) return
    account.bytes += data.length
    catalogue.addFresh({ ...row, stream: stream.id, pending }, data)
  }

  function addLines({ stream, rows }: GapSlice): void {
    const gap = streams.of(stream)
    for (const it of rows) {
      const of = streams.of(it.stream)
      const span = [it.timeFrom, it.timeTo] as const
      const exact = it.exact ? 1 : 0
      insertLine.run(of.id, it.from, it.to, it.count, ...span, it.action, it.reason, it.at, exact, gap.id, it.sequence)
    }
  }

  /** Classes that have no room for so many bytes now; the keeper makes some. */
  function fullClasses(places: readonly number[], bytes: number): string[] {
    const full = places.filter((it) => pressure.isHeld(it, bytes))
    const isShort = bytes > pressure.journalRoom() - series.unsavedBytes()
    if (isShort || full.some((it) => !pressure.isAtBound(it))) world.held()
    return (isShort ? places : full).map((it) => classes[it]?.name ?? '')
  }

  /** What the box counts as delivered here, this log does not have and no uplink has got: this log was put back to an older copy of itself. */
  function missing(sent: BoxTransaction, before: StreamIntervals): StreamRange[] {
    const brought = Map.groupBy(sent.ranges, (it) => it.stream)
    return [...sent.delivered].flatMap(([key, set]) => {
      const stream = streamOf(key)
      if (stream.form === 'event' || !placeOf.has(stream.class)) return []
      const here = (brought.get(key) ?? []).reduce<Intervals>((all, it) => union(all, [it]), before.get(key) ?? [])
      return difference(set, here).map((it) => ({ stream: key, from: it.from, to: it.to }))
    })
  }

  function nameElsewhere({ stream: key, from, to }: StreamRange, at: number): void {
    const stream = streams.of(streamOf(key))
    ledger.add({ stream, from, to, timeFrom: at, timeTo: at, action: 'elsewhere', reason: 'another-uplink', at })
  }

  /** Says how many numbers it names. */
  function nameLost(lost: readonly StreamRange[], at: number): number {
    let named = 0
    for (const { stream: key, from, to } of lost) {
      const stream = streams.of(streamOf(key))
      for (const it of difference([{ from, to }], positions.delivered(stream))) {
        const count = it.to - it.from
        const line = {
          stream,
          from: it.from,
          to: it.to,
          timeFrom: at,
          timeTo: at,
          action: 'damaged',
          reason: REASON,
          at,
        } as const
        ledger.add(line)
        named += count
        if (stream.form !== 'raw') continue
        const account = accounts.of(stream.class)
        account.accepted += count
        lose(account, REASON, count)
      }
      grow(stream, to)
    }
    return named
  }

  function grow(stream: StreamRow, to: number): void {
    if (to <= stream.next) return
    stream.next = to
    stream.dirty = true
  }

  return {
    position,
    take(sent) {
      parts.mustWrite()
      const name = boxOf(sent.device)
      const before = position(sent.device)
      const unknown = unknownClasses(sent)
      if (unknown) return unknown
      check(sent, before)
      const fresh = blocksOf(sent)
      const rows = sent.slices.reduce((sum, it) => sum + (it.form === 'gap' ? it.rows.length : 0), 0)
      const bytes = fresh.flatMap((it) => it.blocks).reduce((sum, it) => sum + it.data.length, rows * LINE_BYTES)
      const of = sent.ranges.map((it) => streamOf(it.stream)).filter((it) => it.form !== 'event')
      const places = [...new Set(of.map((it) => placeOf.get(it.class) as number))]
      const full = fullClasses(places, bytes)
      if (full.length > 0) return { kind: 'full', classes: full }
      const newEvents = sent.slices.flatMap((it) => (it.form === 'event' ? [it] : []))
      if (!events.hasRoom(newEvents.flatMap((it) => it.rows))) return { kind: 'full', classes: [''] }
      const lost = before === 'none' ? [] : missing(sent, before.delivered)
      const ended = before === 'none' ? [] : [...before.delivered.keys()].filter((it) => !sent.delivered.has(it))
      // Of a box that this log has never heard of, what it has sent to somebody before is no business of this log.
      const adopted = before === 'none' ? rangesOf(sent.delivered) : []
      let rolledBack = 0
      const at = world.now()
      parts.change(() => {
        series.save()
        parts.periods.save()
        for (const { stream, blocks } of fresh) for (const it of blocks) store(stream, it)
        for (const { stream, to } of sent.ranges) grow(streams.of(streamOf(stream)), to)
        for (const it of sent.slices) if (it.form === 'gap') addLines(it)
        for (const it of newEvents) events.add(streams.of(it.stream), it.rows, positions.delivered)
        for (const it of sent.elsewhere) nameElsewhere(it, at)
        rolledBack = nameLost(lost, at)
        positions.commit(name, [...sent.ranges, ...adopted, ...lost], sent.transaction, [])
        positions.forget(name, ended)
        positions.save(at)
        streams.saveOthers()
      })
      world.durable([], ledger.unpublished())
      return { kind: 'stored', rolledBack }
    },
  }
}

function isWithin({ stream, from, to }: StreamRange, ranges: readonly StreamRange[]): boolean {
  const set = ranges.filter((it) => it.stream === stream).reduce<Intervals>((all, it) => union(all, [it]), [])
  return difference([{ from, to }], set).length === 0
}

function refused(device: string, text: string): BadInput {
  return new BadInput([
    { where: `what box ${device} sent`, text, remedy: 'two boxes with one device id? Give one of them another.' },
  ])
}
