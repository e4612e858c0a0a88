// The writer: group commit. The only thread that changes the journal.
//
//   append ─► gather (by class) ─► block ─┐
//   refused ──────────────► ledger ───────┤ one transaction, one fsync ─► durable(append ids)
//   commit, offer (uplinks) ─► positions ─┘
//
// A commit starts when a class's `commitEvery` is over, when `commitBytes` wait, or when somebody is stalled; one after another, and on
// slow flash at least `commitEveryMin` apart. What must hold: a number is told to nobody before the commit that stores it; a failed
// commit or fsync is never repeated: the error goes up, the process ends, the next start reads what is on disk.
import type { ReadingBatch, Refused } from '../core/batch.ts'
import { bytesOf } from '../core/batch.ts'
import type { EndOffsets, Resumed } from '../core/log.ts'
import type { ClassSettings, DeliveryRule } from '../core/settings.ts'
import type { StreamRange } from '../core/stream.ts'
import type { Position, Refusal } from '../core/position.ts'
import { createEncoder } from '../columns/index.ts'
import { loadAccounts, lose } from './accounts.ts'
import type { LogFigures } from './figures.ts'
import { figuresOf } from './figures.ts'
import { emptyGather } from './gather.ts'
import { createIntake } from './intake.ts'
import { boundWal, COMMIT_BYTES_MAX, openJournal, presentEpoch, writeMeta } from './journal.ts'
import { loadLedger } from './ledger.ts'
import { loadPositions } from './positions.ts'
import { createReclaimer } from './reclaim.ts'
import type { StreamRow } from './streams.ts'
import { loadSeries } from './series.ts'
import { loadStreams } from './streams.ts'

export interface WriterOptions {
  /** DIR/log. */
  readonly dir: string
  readonly device: string
  readonly bytesMax: number
  readonly commitBytes: number
  readonly commitEveryMinMs: number
  readonly keepDeliveredMs: number
  /** First is most valuable. */
  readonly classes: readonly ClassSettings[]
  readonly delivery: Readonly<Record<string, DeliveryRule>>
  readonly uplinks: readonly string[]
  /** Of this boot of the machine: a new one without a clean stop begins a new epoch. */
  readonly bootId: string
}

/** What the log does not own: clock, dice, and who is told. */
export interface WriterWorld {
  /** Microseconds since 1970 UTC. */
  now(): number
  /** Monotonic milliseconds. */
  monotonic(): number
  after(ms: number, run: () => void): { cancel(): void }
  /** 128 random bits as hexadecimal digits. */
  randomEpoch(): string
  /** After the fsync: these appends are on disk. `unpublished` lines of the ledger wait for a place in a gap stream. */
  durable(ids: readonly number[], unpublished: number): void
  /** The journal cannot be written: nothing more will be acknowledged, the process must end. */
  failed(error: unknown): void
}

export interface Writer {
  append(id: number, batch: ReadingBatch): void
  hurry(): void
  forget(origin: number): void
  /** Says which of `ranges` hold nothing (any more). */
  offer(uplink: string, ranges: readonly StreamRange[], endOffsets: EndOffsets): readonly StreamRange[]
  commit(uplink: string, ranges: readonly StreamRange[], transaction: number, refused: readonly Refusal[]): void
  restart(uplink: string, position: Position | 'none'): Resumed
  /** Gives the ledger's oldest new lines their places in the gap streams; says how many still have none. */
  publish(): number
  /** A block that the keeper could not read. */
  damaged(stream: string, first: number): void
  figures(): LogFigures
  /** Commits what waits, checkpoints, leaves the clean-stop mark. */
  close(): void
}

/** A block that has its numbers and waits for the commit. */
interface Ready {
  readonly stream: StreamRow
  readonly place: number
  readonly first: number
  readonly count: number
  readonly timeFrom: number
  readonly timeTo: number
  readonly receivedFrom: number
  readonly receivedTo: number
  readonly data: Uint8Array
}

const EXPIRE_EVERY_MS = 1000
const EXPIRE_BLOCKS_MAX = 500
const FSYNCS_REMEMBERED = 100
/** On slow flash commits keep a distance of so many times the last fsync. */
const FSYNC_DISTANCE = 4
/** Lines of the ledger that get their places in one transaction. */
const PUBLISHED_ROWS_MAX = 1000
/** A line of the ledger or a series, with its entries in the indexes, and how many reasons a class is thought to have in a commit. */
const ROW_BYTES = 300
const REFUSED_REASONS = 8

export function openWriter(options: WriterOptions, world: WriterWorld): Writer {
  const { classes } = options
  const db = openJournal(options.dir, options.bytesMax)
  const streams = loadStreams(db, options.device, presentEpoch(db, options.bootId, world.randomEpoch))
  const accounts = loadAccounts(db, streams)
  const ledger = loadLedger(db, streams)
  const positions = loadPositions({
    db,
    streams,
    accounts,
    uplinks: options.uplinks,
    delivery: options.delivery,
    keepDelivered: options.keepDeliveredMs > 0,
  })
  const reclaimer = createReclaimer({
    db,
    bytesMax: options.bytesMax,
    classes,
    streams,
    accounts,
    ledger,
    pinned: positions.pinned,
  })
  const encode = createEncoder()
  const series = loadSeries(db, options.device, world)
  const intake = createIntake(classes, series, makeRoomIn)
  const { waiting } = intake
  /** Appends with parts in several classes: how many of them are still to be committed. */
  const parts = new Map<number, number>()
  let ready: Ready[] = []
  let readyBytes = 0
  let timer: { at: number; cancel(): void } | undefined
  let stalled = false
  let dead = false
  let lastCommitEnd = -Infinity
  let lastCommitMs = 0
  let lastExpiry = -Infinity
  let commits = 0
  const commitMs: number[] = []
  const insert = db.prepare(
    'INSERT INTO block (stream, first, count, pending, time_from, time_to, received_from, received_to, bytes, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const expire = db.prepare('DELETE FROM block WHERE id = ?')
  const expired = db.prepare(
    'SELECT id, stream, bytes FROM block WHERE pending = 0 AND stream = ? AND received_to < ? ORDER BY first LIMIT ?',
  )
  const begin = db.prepare('BEGIN IMMEDIATE')
  const end = db.prepare('COMMIT')

  // --- in ---------------------------------------------------------------------------------------------------------

  function append(id: number, batch: ReadingBatch): void {
    if (dead) return
    const touched = intake.take(batch)
    if (touched.size === 0) return void world.durable([id], ledger.unpublished())
    parts.set(id, touched.size)
    for (const place of touched) wait(place, id, bytesOf(batch))
    plan()
  }

  /** A full gather becomes a block; blocks enough for a transaction are committed at once, with nobody's acknowledgement that is not due. */
  function makeRoomIn(place: number): void {
    makeBlock(place)
    if (readyBytes >= COMMIT_BYTES_MAX) commitNow(world.monotonic())
  }

  function wait(place: number, id: number, bytes: number): void {
    const it = intake.of(place)
    it.appends.push(id)
    it.bytes += bytes
    it.dueAt = Math.min(it.dueAt, world.monotonic() + (classes[place] as ClassSettings).commitEveryMs)
  }

  // --- when -------------------------------------------------------------------------------------------------------

  /** Sets the one timer to the next moment at which a commit is due. */
  function plan(): void {
    if (dead) return
    const now = world.monotonic()
    const urgent = isUrgent()
    const due = urgent
      ? now
      : Math.min(...waiting.map((it) => it.dueAt), positions.isDirty() ? lastCommitEnd + idleCommitMs() : Infinity)
    if (due === Infinity) return
    const at = Math.max(due, lastCommitEnd + Math.min(options.commitEveryMinMs, lastCommitMs * FSYNC_DISTANCE))
    if (timer && timer.at <= at) return
    timer?.cancel()
    timer = { at, ...world.after(Math.max(0, at - now), onTimer) }
  }

  const isUrgent = () => stalled || waiting.reduce((sum, it) => sum + it.bytes, 0) >= options.commitBytes

  const idleCommitMs = () => Math.min(...classes.map((it) => it.commitEveryMs))

  function onTimer(): void {
    timer = undefined
    commitNow(isUrgent() ? Infinity : world.monotonic() + 1)
    plan()
  }

  // --- the commit ---------------------------------------------------------------------------------------------------

  function makeBlock(place: number): void {
    const { gather } = intake.of(place)
    if (gather.count === 0) return
    const name = (classes[place] as ClassSettings).name
    const stream = streams.current(name, 'raw')
    const first = stream.next
    const { block, timeFrom, timeTo } = encode(
      {
        ...gather,
        count: gather.count,
        received: gather.received.subarray(0, gather.batches),
        bytes: gather.bytes.subarray(0, gather.bytesUsed),
        kindOf: series.kindOf,
      },
      { stream: stream.id, first },
    )
    const received = gather.received.subarray(0, gather.batches)
    ready.push({
      stream,
      place,
      first,
      count: gather.count,
      timeFrom,
      timeTo,
      receivedFrom: Math.min(...received.subarray(0, 1)),
      receivedTo: received.at(-1) as number,
      data: block,
    })
    readyBytes += block.length
    stream.next += gather.count
    stream.dirty = true
    emptyGather(gather)
  }

  /** Commits the classes that are due by `until` (monotonic ms), and all that uplinks have said. */
  function commitNow(until: number): void {
    if (dead) return
    const places = classes.map((_, place) => place).filter((place) => intake.of(place).dueAt <= until)
    if (places.length === 0 && ready.length === 0 && !positions.isDirty()) {
      stalled = false
      return
    }
    for (const place of places) makeBlock(place)
    const acked: number[] = []
    const started = world.monotonic()
    try {
      boundWal(db)
      begin.run()
      write(places)
      end.run()
    } catch (error) {
      dead = true
      world.failed(error)
      return
    }
    ready = []
    readyBytes = 0
    for (const place of places) settle(place, acked)
    // Who is stalled waits for all classes: a commit of some is not what was asked for.
    if (until === Infinity) stalled = false
    lastCommitEnd = world.monotonic()
    lastCommitMs = lastCommitEnd - started
    commits++
    commitMs.push(lastCommitMs)
    if (commitMs.length > FSYNCS_REMEMBERED) commitMs.shift()
    world.durable(acked, ledger.unpublished())
  }

  /** Inside the transaction: everything that must agree. */
  function write(places: readonly number[]): void {
    const at = world.now()
    // Lines of the ledger, new series and positions need room too.
    reclaimer.makeRoom((series.unsaved() + places.length * REFUSED_REASONS) * ROW_BYTES, 0, at)
    series.save()
    // Highest class first, so that it finds the room.
    for (const block of ready.sort((a, b) => a.place - b.place || a.first - b.first)) store(block, at)
    for (const place of places) for (const it of intake.of(place).refused.values()) refuse(place, it, at)
    positions.save(at)
    dropExpired(at)
    streams.save()
    accounts.save()
  }

  function store(block: Ready, at: number): void {
    const { stream, first, count } = block
    const account = accounts.of(stream.class)
    account.accepted += count
    if (!reclaimer.makeRoom(block.data.length, block.place, at)) {
      ledger.add({
        stream,
        from: first,
        to: first + count,
        timeFrom: block.timeFrom,
        timeTo: block.timeTo,
        action: 'dropped',
        reason: 'full',
        at,
      })
      lose(account, 'full', count)
      return
    }
    insert.run(
      stream.id,
      first,
      count,
      count,
      block.timeFrom,
      block.timeTo,
      block.receivedFrom,
      block.receivedTo,
      block.data.length,
      block.data,
    )
    account.stored += count
    account.bytes += block.data.length
  }

  /** Refused readings get the numbers after those of the stored: one line of the ledger each class and reason. */
  function refuse(place: number, it: Refused, at: number): void {
    const stream = streams.current((classes[place] as ClassSettings).name, 'raw')
    const from = stream.next
    stream.next += it.count
    stream.dirty = true
    const account = accounts.of(stream.class)
    account.accepted += it.count
    lose(account, it.reason, it.count)
    const action = it.reason === 'overflow' ? 'overflowed' : 'refused'
    ledger.add({ stream, from, to: from + it.count, timeFrom: it.timeFrom, timeTo: it.timeTo, action, reason: it.reason, at })
  }

  function settle(place: number, acked: number[]): void {
    const it = intake.of(place)
    for (const id of it.appends) {
      const left = (parts.get(id) ?? 1) - 1
      if (left > 0) parts.set(id, left)
      else {
        parts.delete(id)
        acked.push(id)
      }
    }
    it.appends.length = 0
    it.refused.clear()
    it.bytes = 0
    it.dueAt = Infinity
  }

  function dropExpired(at: number): void {
    if (options.keepDeliveredMs === 0 || world.monotonic() - lastExpiry < EXPIRE_EVERY_MS) return
    lastExpiry = world.monotonic()
    for (const stream of streams.all()) {
      if (stream.form !== 'raw') continue
      const rows = expired.all(stream.id, at - options.keepDeliveredMs * 1000, EXPIRE_BLOCKS_MAX) as {
        id: number
        bytes: number
      }[]
      for (const { id, bytes } of rows) {
        expire.run(id)
        accounts.of(stream.class).bytes -= bytes
      }
    }
  }

  /** A transaction of its own, beside the group commits. */
  function change(what: () => void): void {
    if (dead) throw new Error('the log cannot be written any more')
    try {
      boundWal(db)
      db.transaction(what).immediate()
    } catch (error) {
      dead = true
      world.failed(error)
    }
  }

  /** What uplinks say before they send has to be on disk when they go on. */
  function commitForUplink(): void {
    if (dead) throw new Error('the log cannot be written any more')
    timer?.cancel()
    timer = undefined
    commitNow(world.monotonic() + 1)
    plan()
  }

  return {
    append,
    hurry() {
      stalled = true
      plan()
    },
    forget: intake.forget,
    offer(uplink, ranges, endOffsets) {
      const empty = positions.offer(uplink, ranges, endOffsets)
      commitForUplink()
      return empty
    },
    commit(uplink, ranges, transaction, refused) {
      positions.commit(uplink, ranges, transaction, refused)
      plan()
    },
    restart(uplink, position) {
      if (position !== 'none' && positions.isAhead(position)) beginEpoch(world.randomEpoch())
      positions.restart(uplink, position)
      commitForUplink()
      return positions.resumed(uplink)
    },
    publish() {
      if (ledger.unpublished() > 0)
        change(() => {
          reclaimer.makeRoom(PUBLISHED_ROWS_MAX * ROW_BYTES, 0, world.now())
          ledger.publish(PUBLISHED_ROWS_MAX)
          // The raw streams' numbers belong to blocks that may still be waiting: they are saved with them.
          streams.saveForm('gap')
          accounts.save()
        })
      return ledger.unpublished()
    },
    damaged(key, first) {
      const stream = streams.byKey(key)
      if (!stream) return
      change(() => {
        reclaimer.dropDamaged(stream, first, world.now())
        accounts.save()
      })
      world.durable([], ledger.unpublished())
    },
    figures: () => figuresOf({ db, bytesMax: options.bytesMax, classes, streams, accounts }, commits, commitMs),
    close() {
      timer?.cancel()
      for (const it of waiting) if (it.appends.length > 0) it.dueAt = 0
      commitNow(Infinity)
      // After a failed commit nothing more is written, the mark least of all.
      if (!dead) {
        db.pragma('wal_checkpoint(TRUNCATE)')
        writeMeta(db, 'clean-stop', '1')
      }
      dead = true
      db.close()
    },
  }

  /**
   * The destination knows numbers that we have not given out: this log is an older copy. Its numbers must not be used again;
   * what waits without a number gets one of the new epoch.
   */
  function beginEpoch(epoch: string): void {
    writeMeta(db, 'epoch', epoch)
    streams.beginEpoch(epoch)
  }
}
