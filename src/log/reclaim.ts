// The hard bound: before a commit writes, it makes room. First what is delivered and only kept, then the lowest class, oldest first;
// a class's floor holds against all classes below it; classes that are no longer in the settings are below all others. (The ladder of aggregates comes between these two: retention/.)
import type { Intervals } from '../core/intervals.ts'
import type { ClassSettings } from '../core/settings.ts'
import type { Accounts } from './accounts.ts'
import { lose } from './accounts.ts'
import type { Journal } from './journal.ts'
import { PAGE_BYTES, pagesMax } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { StreamRow, Streams } from './streams.ts'

/** Pages that reclaiming leaves free beyond what the commit needs: index pages, the ledger, positions. */
const PAGES_SPARE = 64

interface BlockRow {
  readonly id: number
  readonly first: number
  readonly count: number
  readonly pending: number
  readonly time_from: number
  readonly time_to: number
  readonly bytes: number
}

export interface Reclaimer {
  /** Makes room for a block of so many bytes of a class (its place in the settings), inside the commit's transaction. False when nothing may be given up for it. */
  makeRoom(bytes: number, wanting: number, at: number): boolean
  /** Gives up one block that cannot be read. Inside a transaction. */
  dropDamaged(stream: StreamRow, first: number, at: number): void
}

export interface ReclaimParts {
  readonly db: Journal
  readonly bytesMax: number
  readonly classes: readonly ClassSettings[]
  readonly streams: Streams
  readonly accounts: Accounts
  readonly ledger: Ledger
  /** Sequences of a stream that may be under way to an uplink. */
  readonly pinned: (stream: StreamRow) => Intervals
}

export function createReclaimer({ db, bytesMax, classes, streams, accounts, ledger, pinned }: ReclaimParts): Reclaimer {
  const columns = 'id, first, count, pending, time_from, time_to, bytes'
  const kept = db.prepare(`SELECT ${columns} FROM block WHERE stream = ? AND pending = 0 ORDER BY first LIMIT 1`)
  const oldest = db.prepare(`SELECT ${columns} FROM block WHERE stream = ? AND first >= ? ORDER BY first LIMIT 1`)
  const at = db.prepare(`SELECT ${columns} FROM block WHERE stream = ? AND first = ?`)
  const remove = db.prepare('DELETE FROM block WHERE id = ?')
  const parkedIn = db
    .prepare('SELECT DISTINCT sequence FROM parked WHERE stream = ? AND sequence >= ? AND sequence < ? ORDER BY sequence')
    .pluck()
  const unpark = db.prepare('DELETE FROM parked WHERE stream = ? AND sequence >= ? AND sequence < ?')
  const freePages = () => {
    const pages = db.pragma('page_count', { simple: true }) as number
    const free = db.pragma('freelist_count', { simple: true }) as number
    return pagesMax(bytesMax) - pages + free
  }

  function drop(stream: StreamRow, block: BlockRow, action: 'dropped' | 'damaged', reason: string, now: number): void {
    const account = accounts.of(stream.class)
    for (const [from, to] of givenUp(stream, block))
      ledger.add({ stream, from, to, timeFrom: block.time_from, timeTo: block.time_to, action, reason, at: now })
    if (block.pending > 0) lose(account, reason, block.pending)
    account.stored -= block.pending
    account.bytes -= block.bytes
    unpark.run(stream.id, block.first, block.first + block.count)
    remove.run(block.id)
  }

  /** The sequences of a block that still count as stored: all, or those that are parked. */
  function givenUp(stream: StreamRow, block: BlockRow): [number, number][] {
    if (block.pending === 0) return []
    if (block.pending === block.count) return [[block.first, block.first + block.count]]
    return (parkedIn.all(stream.id, block.first, block.first + block.count) as number[]).map((it) => [it, it + 1])
  }

  function firstUnpinned(stream: StreamRow): BlockRow | undefined {
    const pins = pinned(stream)
    for (let from = 0; ; ) {
      const block = oldest.get(stream.id, from) as BlockRow | undefined
      const pin = block && pins.find((it) => it.from < block.first + block.count && block.first < it.to)
      if (!pin) return block
      from = pin.to
    }
  }

  const rawStreams = (place: number) => streams.ofClass((classes[place] as ClassSettings).name, 'raw')
  const known = new Set(classes.map((it) => it.name))
  const unknownStreams = () => streams.all().filter((it) => it.form === 'raw' && !known.has(it.class))

  function dropKept(now: number): boolean {
    for (const stream of [...unknownStreams(), ...lowestFirst.flatMap(rawStreams)]) {
      const block = kept.get(stream.id) as BlockRow | undefined
      if (block) return (drop(stream, block, 'dropped', 'full', now), true)
    }
    return false
  }

  /** Drops the oldest block of the first of these streams that has one to give. */
  function dropFrom(list: readonly StreamRow[], now: number): boolean {
    for (const stream of list) {
      const block = firstUnpinned(stream)
      if (block) return (drop(stream, block, 'dropped', 'full', now), true)
    }
    return false
  }

  const dropOf = (places: readonly number[], now: number) => places.some((place) => dropFrom(rawStreams(place), now))

  const lowestFirst = classes.map((_, place) => place).reverse()
  const spare = (place: number) => {
    const { name, floorBytes } = classes[place] as ClassSettings
    return accounts.of(name).bytes - floorBytes
  }

  /** What a reading of class `wanting` may push out, in this order; a higher class's floor is never touched for a lower one. */
  function dropStored(wanting: number, now: number): boolean {
    const fromNoBetter = lowestFirst.filter((it) => it >= wanting && spare(it) > 0)
    const fromBetter = spare(wanting) < 0 ? lowestFirst.filter((it) => it < wanting && spare(it) > 0) : []
    const floorsBelow = lowestFirst.filter((it) => it > wanting)
    return [fromNoBetter, fromBetter, floorsBelow, [wanting]].some((places) => dropOf(places, now))
  }

  return {
    makeRoom(bytes, wanting, now) {
      const needed = Math.ceil(bytes / PAGE_BYTES) + PAGES_SPARE
      while (freePages() < needed)
        if (!dropKept(now) && !dropFrom(unknownStreams(), now) && !dropStored(wanting, now)) return false
      return true
    },
    dropDamaged(stream, first, now) {
      const block = at.get(stream.id, first) as BlockRow | undefined
      if (block) drop(stream, block, 'damaged', 'damaged', now)
    },
  }
}
