// A journal made anew, from what is still readable of the old one and from the segments.
//
//   old journal: rows as they were written ─┐
//   segments: notes, headers ───────────────┴─► streams, series, ledger, positions ─► blocks ─► what is missing is named ─► accounts
//
// What must hold: no number is given to two blocks; what the ledger or a position says is gone does not come back; a class's account adds up,
// and what nobody can account for stands in it as lost ('unaccounted'). The present epoch is not taken over: the next open begins one.
import type { Interval, Intervals } from '../core/intervals.ts'
import { countOf, difference, withInterval } from '../core/intervals.ts'
import type { Account } from './accounts.ts'
import { loadAccounts, lose, lostOf } from './accounts.ts'
import { loadCatalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'
import { openEvents } from './events.ts'
import { loadLedger } from './ledger.ts'
import { loadPositions } from './positions.ts'
import type { Guarded, Row } from './recover-guard.ts'
import { columnsOf, GUARDED } from './recover-guard.ts'
import type { Books, Placed } from './recover-blocks.ts'
import { insertBlocks, placeBlocks } from './recover-blocks.ts'
import type { OldJournal } from './recover-old.ts'
import type { FoundBlock, FoundSegments } from './recover-walk.ts'
import type { NotedLoss } from './segment-notes.ts'
import type { StreamRow, Streams } from './streams.ts'
import { loadStreams } from './streams.ts'
import { doubt, leaveUnnamed } from './unnamed.ts'
import type { WriterOptions } from './writer.ts'

export type RebuildOptions = Pick<WriterOptions, 'device' | 'uplinks' | 'delivery' | 'keepDeliveredMs'> &
  Partial<Pick<WriterOptions, 'classes'>>

/** The present epoch and what belongs to it, and what rules and notifiers had read of numbers that may be others now (rules.ts, notifiers.ts): not taken over. */
const META_LEFT_OUT = /^(?:format|opened|epoch|boot-id|clean-stop|rules:.*|notify:.*)$/
/** `meta` is taken over in part; of segments the files say which there are. */
const COPIED = GUARDED.filter((it) => it !== 'meta' && it !== 'segment')
/** Of a stream that nothing is written to any more. */
const NO_EPOCH = ''

/** Fills `db`, an empty journal. In one transaction. `at` in µs. */
export function rebuild(db: Journal, old: OldJournal, found: FoundSegments, options: RebuildOptions, at: number): void {
  db.transaction(() => {
    for (const row of old.tables.meta)
      if (!META_LEFT_OUT.test(String(row['key']))) writeMeta(db, String(row['key']), String(row['value']))
    const held = heldBy(found.blocks)
    const moved = old.sound.has('ledger') ? [] : old.tables.ledger.filter((it) => isMoved(it, held))
    for (const table of COPIED)
      copy(
        db,
        table,
        old.tables[table].filter((it) => !moved.includes(it)),
      )
    addNoted(db, old, { ...found, losses: [...moved.map(lossOf), ...found.losses] }, options.device, at)
    leaveUnknown(db)
    // Counted anew, from the blocks.
    db.exec('UPDATE account SET stored = 0')
    const streams = loadStreams(db, options.device, NO_EPOCH)
    const accounts = loadAccounts(db, streams)
    const ledger = loadLedger(db, streams, options.device)
    const positions = loadPositions({
      db,
      streams,
      accounts,
      catalogue: loadCatalogue(db),
      events: openEvents(db, streams),
      ...options,
      keepDelivered: options.keepDeliveredMs > 0,
    })
    const forwarding = new Set((options.classes ?? []).flatMap((it) => (it.forward ? [it.name] : [])))
    const named = namedOf(db, streams)
    const books: Books = { db, old, found, streams, accounts, ledger, positions, named, at, forwarding }
    const blocks = placeBlocks(books, options.keepDeliveredMs > 0)
    insertBlocks(db, blocks, found)
    liftHeads(books, blocks)
    const holes = holesIn(books, blocks)
    // Where no position is known they may as well be delivered: unnamed.ts goes on with them.
    const isTold = arePositionsKnown(old)
    if (isTold) nameHoles(books, holes)
    balance(books, blocks, countHoles(holes))
    if (!isTold) leaveUnnamed(db, countHoles(holes))
    streams.save(() => undefined)
    accounts.save()
    // Nobody knows what was said in the gap streams of before: their lines go on in the new epoch's.
    writeMeta(db, 'gaps-from', String(Math.max(0, ...streams.all().map((it) => it.id)) + 1))
  })()
}

/** Of streams that nobody knows any more: their numbers will be those of others. Lines that such a gap stream said are said once more. */
function leaveUnknown(db: Journal): void {
  for (const it of ['ledger', 'parked', 'ended']) db.exec(`DELETE FROM ${it} WHERE stream NOT IN (SELECT id FROM stream)`)
  db.exec('UPDATE ledger SET gap_stream = NULL, sequence = NULL WHERE gap_stream NOT IN (SELECT id FROM stream)')
}

/** Whole, and not still to be told after a rebuild before this one. */
const arePositionsKnown = ({ sound, tables }: OldJournal) =>
  sound.has('position') && !tables.meta.some((it) => it['key'] === 'unnamed')

function copy(db: Journal, table: Guarded, rows: readonly Row[]): void {
  const names = columnsOf(db, table).map((it) => it.name)
  const insert = db.prepare(
    `INSERT OR IGNORE INTO ${table} (${names.map((it) => `"${it}"`).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
  for (const row of rows) insert.run(names.map((it) => row[it] ?? null))
}

// --- what the notes know better ----------------------------------------------------------------------------------------------

function addNoted(db: Journal, old: OldJournal, found: FoundSegments, device: string, at: number): void {
  const stream = db.prepare(
    'INSERT INTO stream (id, device, epoch, class, form, next) VALUES (@id, @device, @epoch, @class, @form, @next) ON CONFLICT (id) DO UPDATE SET next = max(next, excluded.next)',
  )
  for (const it of found.streams.values()) stream.run(it)
  const series = db.prepare(
    'INSERT OR IGNORE INTO series (id, device, tag, class, kind, unit, box_time, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  for (const it of found.series.values())
    series.run(it.id, device, it.tag, it.class, it.kind, it.unit ?? null, it.boxTime ? 1 : 0, at)
  const account = db.prepare(
    'INSERT OR IGNORE INTO account (class, accepted, delivered, stored, aggregated, lost) VALUES (?, ?, ?, 0, ?, ?)',
  )
  for (const it of found.accounts.values())
    account.run(it.class, it.accepted, it.delivered, it.aggregated, JSON.stringify(it.lost))
  if (!old.sound.has('ledger')) addLosses(db, found)
}

/** Lines that the old journal had and nobody can read there any more. */
function addLosses(db: Journal, { losses, blocks }: FoundSegments): void {
  const nextOf = db.prepare<[number], number>('SELECT next FROM stream WHERE id = ?').pluck()
  const lines = db.prepare<[number], Interval>(
    'SELECT first AS "from", "end" AS "to" FROM ledger WHERE stream = ? ORDER BY first',
  )
  /** By stream: all that lines name. Thousands of lines may stand behind one run, and each looks for its place behind all others. */
  const named = new Map<number, Intervals>()
  const insert = db.prepare(
    'INSERT INTO ledger (stream, first, end, count, time_from, time_to, action, reason, at, exact) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const over = db.prepare<[number, number, number], Interval>(
    'SELECT first AS "from", "end" AS "to" FROM ledger WHERE stream = ? AND first < ? AND "end" > ? ORDER BY first',
  )
  const held = heldBy(blocks)

  function namedIn(stream: number): Intervals {
    const known = named.get(stream) ?? lines.all(stream).reduce<Intervals>((set, it) => withInterval(set, it.from, it.to), [])
    named.set(stream, known)
    return known
  }

  /** Lines become longer, and one of many: what stands there may be a part of it as it was before. What sticks out is the same line, moved, or longer. */
  function unnamedOf(loss: NotedLoss): Intervals {
    if (endOver(namedIn(loss.stream), loss.first, loss.end) === null) return [{ from: loss.first, to: loss.end }]
    const there = over.all(loss.stream, loss.end, loss.first)
    if (there.some((it) => it.from < loss.first || it.to > loss.end)) return []
    const parts = there.reduce<Intervals>((set, it) => withInterval(set, it.from, it.to), [])
    return difference([{ from: loss.first, to: loss.end }], parts)
  }

  /** Undefined: there is no room for it, so what stands there is the same line as it was later. */
  function placeOf(loss: NotedLoss, next: number): number | undefined {
    const run = runAround(loss, held)
    const after = run && held.get(loss.stream)?.find((it) => it.from >= run.to)
    const end = run ? (after?.from ?? (next > run.to ? next : Infinity)) : loss.end
    let first = run?.to ?? loss.first
    for (let over = firstOver(first); over !== null; over = firstOver(first)) first = over
    return first + loss.end - loss.first > end ? undefined : first

    function firstOver(at: number): number | null {
      return endOver(namedIn(loss.stream), at, at + loss.end - loss.first)
    }
  }

  // A line that grew is in the notes of several segments: the longest holds the others.
  for (const it of losses.toSorted((a, b) => b.end - b.first - (a.end - a.first)))
    for (const { from, to } of placesOf(it)) {
      const count = Math.min(it.count, to - from)
      const isExact = count === to - from ? 1 : 0
      insert.run(it.stream, from, to, count, it.timeFrom, it.timeTo, it.action, it.reason, it.at, isExact)
      named.set(it.stream, withInterval(namedIn(it.stream), from, to))
    }

  function placesOf(loss: NotedLoss): Intervals {
    const next = nextOf.get(loss.stream)
    if (next === undefined) return []
    if (loss.count === loss.end - loss.first && !runAround(loss, held)) return unnamedOf(loss)
    const first = placeOf(loss, next)
    return first === undefined ? [] : [{ from: first, to: first + loss.end - loss.first }]
  }
}

/** Where the last of a set ends that overlaps [from, to); null: none does. */
function endOver(set: Intervals, from: number, to: number): number | null {
  let [low, high] = [0, set.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((set[middle] as Interval).from < to) low = middle + 1
    else high = middle
  }
  const last = set[low - 1]
  return last && last.to > from ? last.to : null
}

function heldBy(blocks: readonly FoundBlock[]): Map<number, Intervals> {
  const held = new Map<number, Intervals>()
  for (const { header } of blocks.toSorted((a, b) => a.header.first - b.header.first))
    held.set(header.stream, withInterval(held.get(header.stream) ?? [], header.first, header.first + header.count))
  return held
}

/** Notes are written before their blocks are recorded: refused numbers inside a run that was sealed with them stand behind it since. */
function runAround({ stream, first, action }: NotedLoss, held: ReadonlyMap<number, Intervals>): Interval | undefined {
  if (action !== 'refused' && action !== 'overflowed') return undefined
  return held.get(stream)?.find((it) => it.from <= first && first < it.to)
}

/** Of a journal that may be of an earlier day. */
const isMoved = (row: Row, held: ReadonlyMap<number, Intervals>) =>
  row['sequence'] === null && runAround(lossOf(row), held) !== undefined

function lossOf(row: Row): NotedLoss {
  const number = (name: string) => Number(row[name])
  return {
    stream: number('stream'),
    first: number('first'),
    end: number('end'),
    count: number('count'),
    timeFrom: number('time_from'),
    timeTo: number('time_to'),
    action: String(row['action']) as NotedLoss['action'],
    reason: String(row['reason']),
    at: number('at'),
  }
}

function namedOf(db: Journal, streams: Streams): Map<number, Intervals> {
  const named = new Map<number, Intervals>(streams.all().map((it) => [it.id, []]))
  for (const it of db.prepare('SELECT stream, first, "end" FROM ledger ORDER BY stream, first').all() as {
    stream: number
    first: number
    end: number
  }[])
    named.set(it.stream, withInterval(named.get(it.stream) ?? [], it.first, it.end))
  return named
}

// --- the books -----------------------------------------------------------------------------------------------------------------

/** Numbers that are somewhere were given out. */
function liftHeads({ streams, named, positions, old }: Books, blocks: readonly Placed[]): void {
  const ends = new Map<number, number>()
  const lift = (id: number, end: number) => void ends.set(id, Math.max(ends.get(id) ?? 0, end))
  for (const it of blocks) lift(it.stream, it.first + it.count)
  for (const [id, set] of named) lift(id, set.at(-1)?.to ?? 0)
  for (const row of old.tables.ledger)
    if (row['gap_stream'] !== null) lift(Number(row['gap_stream']), Number(row['sequence']) + 1)
  for (const it of streams.all()) {
    // Its rows are gone with the old journal: the list offers them once more, and an uplink passes over those that it has.
    const end = it.form === 'event' ? 0 : Math.max(it.next, ends.get(it.id) ?? 0, positions.seen(it).at(-1)?.to ?? 0)
    if (end === it.next) continue
    it.next = end
    it.dirty = true
  }
}

interface Holes {
  readonly stream: StreamRow
  readonly gone: Intervals
}

/** Numbers that are neither stored nor named nor known to be delivered. */
function holesIn({ streams, positions, named }: Books, blocks: readonly Placed[]): Holes[] {
  const held = Map.groupBy(blocks, (it) => it.stream)
  return streams.all().flatMap((stream) => {
    if ((stream.form !== 'raw' && stream.form !== 'aggregate') || streams.hasEnded(stream) || stream.next === 0) return []
    const here = (held.get(stream.id) ?? []).reduce<Intervals>((set, it) => withInterval(set, it.first, it.first + it.count), [])
    const gone = [here, named.get(stream.id) ?? [], positions.seen(stream)].reduce<Intervals>(difference, [
      { from: 0, to: stream.next },
    ])
    return [{ stream, gone }]
  })
}

/** Readings in them, by class. */
function countHoles(holes: readonly Holes[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { stream, gone } of holes)
    if (stream.form === 'raw') counts.set(stream.class, (counts.get(stream.class) ?? 0) + countOf(gone))
  return counts
}

function nameHoles(books: Books, holes: readonly Holes[]): void {
  const { ledger, at } = books
  for (const { stream, gone } of holes)
    for (const it of gone)
      ledger.add({ stream, ...it, ...timesOf(books, stream, it.from), action: 'damaged', reason: 'damaged', at })
}

/** Of what is gone nobody knows the times: those of the old row, where there is one. */
function timesOf({ old, at }: Books, stream: StreamRow, sequence: number): { timeFrom: number; timeTo: number } {
  const row = old.blocks.find(
    (it) => it.row.stream === stream.id && it.row.first <= sequence && it.row.first + it.row.count > sequence,
  )?.row
  return { timeFrom: row?.time_from ?? 0, timeTo: row?.time_to ?? at }
}

function balance({ streams, accounts, old }: Books, blocks: readonly Placed[], holes: ReadonlyMap<string, number>): void {
  const isTold = arePositionsKnown(old)
  const raw = streams.all().filter((it) => it.form === 'raw')
  // A class whose streams are all gone has an account still.
  for (const name of new Set([...old.accepted.keys(), ...[...accounts.all(), ...raw].map((it) => it.class)])) {
    const account = accounts.of(name)
    const mine = new Set(raw.filter((it) => it.class === name).map((it) => it.id))
    account.accepted = Math.max(
      account.accepted,
      old.accepted.get(name) ?? 0,
      raw.reduce((sum, it) => sum + (it.class === name ? it.next : 0), 0),
    )
    account.stored = blocks.reduce((sum, it) => sum + (mine.has(it.stream) ? it.pending : 0), 0)
    const gone = holes.get(name) ?? 0
    settle(account, isTold ? gone : 0, isTold)
    if (!isTold) doubt(account, gone)
  }
}

/**
 * `damaged`: what was named just now; of that, some may be in the account by another reason, whose line is gone. What came back as stored was
 * not delivered, as far as this log knows. What is left over is lost, and nobody knows how.
 */
function settle(account: Account, damaged: number, isDeliveredKnown: boolean): void {
  const rest = () => account.accepted - account.delivered - account.stored - account.aggregated - lostOf(account)
  const isNew = Math.max(0, Math.min(damaged, rest()))
  if (isNew > 0) lose(account, 'damaged', isNew)
  if (rest() < 0 && !isDeliveredKnown) account.delivered = Math.max(0, account.delivered + rest())
  if (rest() < 0) account.accepted -= rest()
  if (rest() > 0) lose(account, 'unaccounted', rest())
}
