// The writer: group commit. The only thread that changes the journal.
//
//   append ─► gather (by class) ─► block ─┐
//   refused ──────────────► ledger ───────┤ one transaction, one fsync ─► durable(append ids)
//   commit, offer (uplinks) ─► positions ─┤
//   changes (keeper: sealed, reduced) ────┘
//
// A commit starts when a class's `commitEvery` is over, when `commitBytes` wait, or when somebody is stalled; one after another, and on
// slow flash at least `commitEveryMin` apart. A commit gives nothing up: where there is no room (pressure.ts) it waits for the keeper.
// What must hold: a number is told to nobody before the commit that stores it; a failed commit or fsync is never repeated: the error goes up, the process ends, the next start reads what is on disk.
import type { ReadingBatch, Refused } from '../core/batch.ts'
import { bytesOf } from '../core/batch.ts'
import type { ClockState } from '../core/clock.ts'
import { Unreachable } from '../core/errors.ts'
import type { EndOffsets, Resumed } from '../core/log.ts'
import type { ClassSettings, DeliveryRule } from '../core/settings.ts'
import type { StreamRange } from '../core/stream.ts'
import type { Position, Refusal } from '../core/position.ts'
import { createEncoder } from '../columns/index.ts'
import { loadAccounts, lose } from './accounts.ts'
import type { LogFigures } from './figures.ts'
import { figuresOf } from './figures.ts'
import { eventTaker, openEvents } from './events.ts'
import { createExpiry } from './expiry.ts'
import { followMarker } from './followed.ts'
import { emptyGather } from './gather.ts'
import type { Given } from './given.ts'
import { createGiven } from './given.ts'
import { createIntake } from './intake.ts'
import type { Change } from './change.ts'
import { createChanges, damageOf } from './change.ts'
import type { Others } from './others.ts'
import { createOthers } from './others.ts'
import { loadCatalogue } from './catalogue.ts'
import type { Ready } from './choose.ts'
import { choose, freshRow, readyBlock } from './choose.ts'
import { giveBackPages, movedBytesMax, openJournal, ownCommits, presentEpoch, writeMeta } from './journal.ts'
import { loadLedger } from './ledger.ts'
import { loadPeriods } from './periods.ts'
import { loadPositions } from './positions.ts'
import { loadOffline } from './offline.ts'
import type { LogState } from './pressure.ts'
import { createPressure } from './pressure.ts'
import { loadMarks } from './recover-marks.ts'
import { tidySegments } from './recover.ts'
import { segmentPath, unlinkSegment } from './segment.ts'
import { type NotifierOptions, type Notifiers, openNotifiers } from './notifiers.ts'
import { openRules, readByAll, type RuleOptions, type RuleWriter, ruleWriter } from './rules.ts'
import { loadSeries } from './series.ts'
import { spaceOf } from './space.ts'
import { loadStreams } from './streams.ts'
import { createUnnamed } from './unnamed.ts'
import type { WriterWorld } from './writer-world.ts'

export interface WriterOptions extends RuleOptions, NotifierOptions {
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
}

export interface Writer {
  append(id: number, batch: ReadingBatch): void
  hurry(): void
  forget(origin: number): void
  readonly rules: RuleWriter
  readonly notify: Notifiers
  /** On disk before a follower begins. */
  followed(): void
  /** Says which of `ranges` hold nothing (any more). */
  offer(uplink: string, ranges: readonly StreamRange[], endOffsets: EndOffsets): readonly StreamRange[]
  commit(uplink: string, ranges: readonly StreamRange[], transaction: number, refused: readonly Refusal[]): void
  told(uplink: string): number
  restart(uplink: string, position: Position | 'none', undecided?: readonly StreamRange[]): Resumed
  readonly given: Given
  /** What other boxes send. */
  readonly others: Others
  /** Takes events as far as there is room; says which number of the list is wanted next. */
  readonly takeEvents: ReturnType<typeof eventTaker>
  /** Gives the ledger's oldest new lines their places in the gap streams; says how many still have none. */
  publish(): number
  /** A block that the keeper could not read. */
  damaged(stream: string, first: number): void
  /** The clock stepped, or became trusted. */
  clockStepped(state: ClockState): void
  /** What retention and sealing work from. */
  state(): LogState
  /** Makes true what the keeper has prepared; false when the log has moved on meanwhile. */
  apply(change: Change): boolean
  figures(): LogFigures
  /** Commits what waits, checkpoints, leaves the clean-stop mark. */
  close(): void
}

const FSYNCS_REMEMBERED = 100
/** On slow flash commits keep a distance of so many times the last fsync. */
const FSYNC_DISTANCE = 2
/** Lines of the ledger that get their places in one transaction. */
const PUBLISHED_ROWS_MAX = 1000
/** Appends that wait for room are tried again so often. */
const HELD_RETRY_MS = 20
/** … and for a reader that is stuck. */
const STUCK_RETRY_MS = 1000

export function openWriter(options: WriterOptions, world: WriterWorld): Writer {
  const { classes } = options
  const space = spaceOf(options.bytesMax)
  const db = openJournal(options.dir, options.bytesMax)
  const streams = loadStreams(db, options.device, presentEpoch(db, world))
  const accounts = loadAccounts(db, streams)
  const ledger = loadLedger(db, streams, options.device)
  const catalogue = loadCatalogue(db)
  const events = openEvents(db, streams)
  tidySegments(options.dir, catalogue)
  // For a repair while no agent runs.
  writeMeta(db, 'options', JSON.stringify(options))
  const books = { db, streams, accounts, catalogue, ledger }
  const rules = openRules(db, options)
  const notifiers = openNotifiers(db, options)
  const readTo = readByAll(options.rules ? rules : undefined, notifiers.readTo)
  const keepDelivered = options.keepDeliveredMs > 0 || readTo !== undefined
  const positions = loadPositions({ ...options, ...books, events, keepDelivered })
  const changes = createChanges({ ...books, positions })
  let isTrusted = world.clock().trusted
  const offline = loadOffline(db, classes, accounts, { ...world, isTrusted: () => isTrusted })
  const pressure = createPressure({ ...options, db, catalogue, offline })
  const encode = createEncoder()
  const series = loadSeries(db, options.device, world)
  const periods = loadPeriods(db, world.clock())
  db.transaction(() => periods.save())()
  const expire = createExpiry({ ...options, ...books, periods, readTo, monotonic: world.monotonic })
  const given = createGiven(positions, streams, () => commitForUplink())
  const marks = loadMarks({ ...options, ...books, kindOf: series.kindOf, given: given.of, room: pressure.journalRoom })
  const others = createOthers({ ...options, ...books, events, series, periods, positions, pressure, world, change, mustWrite })
  const nameUnnamed = createUnnamed({ ...options, ...books, positions, now: world.now, change })
  const intake = createIntake(classes, series, periods.of, makeRoomIn)
  const { waiting } = intake
  /** Appends with parts in several classes: how many of them are still to be committed. */
  const parts = new Map<number, number>()
  let ready: Ready[] = []
  let readyBytes = 0
  let timer: { at: number; cancel(): void } | undefined
  let stalled = false
  let dead = false
  /** The last commit left something waiting for room. */
  let isHeld = false
  /** Classes that wait at their own bound: only delivery helps them. */
  let atBound: ReadonlySet<number> = new Set()
  let lastCommitEnd = -Infinity
  let lastCommitMs = 0
  let commits = 0
  const commitMs: number[] = []
  const disk = ownCommits(db)

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
    if (readyBytes >= space.commitBytesMax) commitNow(world.monotonic())
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
    const wanted = isUrgent() ? now : Math.min(...waiting.map((it) => it.dueAt))
    const soonest = pressure.isStuck() ? now + STUCK_RETRY_MS : isHeld ? now + HELD_RETRY_MS : -Infinity
    const idle = positions.isDirty() || periods.isDirty() ? lastCommitEnd + idleCommitMs() : Infinity
    const due = Math.max(Math.min(wanted, idle), soonest)
    if (due === Infinity) return
    const at = Math.max(due, lastCommitEnd + Math.min(options.commitEveryMinMs, lastCommitMs * FSYNC_DISTANCE))
    if (timer && timer.at <= at) return
    timer?.cancel()
    timer = { at, ...world.after(Math.max(0, at - now), onTimer) }
  }

  const isUrgent = () =>
    stalled || waiting.reduce((sum, it, place) => sum + (atBound.has(place) ? 0 : it.bytes), 0) >= options.commitBytes

  const idleCommitMs = () => Math.min(...classes.map((it) => it.commitEveryMs))

  function onTimer(): void {
    timer = undefined
    commitNow(isUrgent() ? Infinity : world.monotonic() + 1)
    plan()
  }

  // --- the commit ---------------------------------------------------------------------------------------------------

  function makeBlock(place: number): void {
    const taken = intake.of(place)
    const { gather, period, mark } = taken
    if (gather.count === 0) return
    taken.mark = undefined
    const name = (classes[place] as ClassSettings).name
    const stream = streams.current(name, 'raw')
    if (classes[place]?.forward) streams.sibling(stream, 'aggregate') // Notes say its number from the first block on.
    const first = stream.next
    const received = gather.received.subarray(0, gather.batches)
    const encoded = encode(
      {
        ...gather,
        count: gather.count,
        received,
        bytes: gather.bytes.subarray(0, gather.bytesUsed),
        kindOf: series.kindOf,
      },
      { stream: stream.id, first },
    )
    ready.push(readyBlock({ stream, place, first, count: gather.count, period, mark }, received, encoded))
    readyBytes += encoded.block.length
    stream.next += gather.count
    stream.dirty = true
    emptyGather(gather)
  }

  /** Commits the classes that are due by `until` (monotonic ms) and need not wait for room, and all that uplinks have said. */
  function commitNow(until: number): void {
    if (dead || !pressure.canWrite()) return
    const due = classes.map((_, place) => place).filter((place) => intake.of(place).dueAt <= until)
    const bytes = readyBytes + due.reduce((sum, place) => sum + intake.of(place).bytes, 0)
    const held = bytes > 0 ? heldPlaces(bytes) : new Set<number>()
    for (const place of due) if (!held.has(place)) makeBlock(place)
    const room = { room: pressure.journalRoom() - series.unsavedBytes(), share: space.commitBytesMax }
    const { chosen, isShort } = choose(ready, held, room)
    const left = new Set(ready.filter((it) => !chosen.has(it)).map((it) => it.place))
    const places = due.filter((it) => !held.has(it) && !left.has(it))
    isHeld = isShort || due.some((it) => held.has(it)) || ready.some((it) => held.has(it.place))
    atBound = new Set([...held].filter(pressure.isAtBound))
    const isShortOfRoom =
      isShort ||
      due.some((it) => held.has(it) && !atBound.has(it)) ||
      ready.some((it) => held.has(it.place) && !atBound.has(it.place))
    if (isShortOfRoom) world.held()
    if (places.length === 0 && chosen.size === 0 && !positions.isDirty() && !periods.isDirty()) {
      stalled &&= isShortOfRoom
      return
    }
    const acked: number[] = []
    const started = world.monotonic()
    if (!attempt(() => write(places, chosen))) return
    ready = ready.filter((it) => !chosen.has(it))
    readyBytes = ready.reduce((sum, it) => sum + it.data.length, 0)
    for (const place of places) settle(place, acked)
    // Who is stalled waits for all classes: a commit of some is not what was asked for.
    if (until === Infinity) stalled = isShortOfRoom
    lastCommitEnd = world.monotonic()
    lastCommitMs = lastCommitEnd - started
    commits++
    commitMs.push(lastCommitMs)
    if (commitMs.length > FSYNCS_REMEMBERED) commitMs.shift()
    world.durable(acked, ledger.unpublished())
  }

  const heldPlaces = (bytes: number) => new Set(classes.map((_, place) => place).filter((it) => pressure.isHeld(it, bytes)))

  const fail = (error: unknown): void => {
    dead = true
    world.failed(error)
  }

  /** One transaction with its flush. A failure is final: the process must end. */
  function attempt(what: () => void): boolean {
    try {
      disk.begin()
      what()
      catalogue.settle()
      disk.commit()
    } catch (error) {
      fail(error)
      return false
    }
    for (const it of catalogue.gone()) unlinkSegment(segmentPath(options.dir, it))
    return true
  }

  /** Inside the transaction: everything that must agree. */
  function write(places: readonly number[], chosen: ReadonlySet<Ready>): void {
    const at = world.now()
    if (chosen.size > 0) series.save()
    periods.save()
    for (const block of chosen) store(block)
    for (const place of places) for (const it of intake.of(place).refused.values()) refuse(place, it, at)
    positions.save(at)
    expire(at)
    offline.tick()
    offline.save()
    saveStreams(chosen)
    accounts.save()
  }

  /** Numbers of blocks that still wait are not given out on disk. */
  function saveStreams(chosen: ReadonlySet<Ready>): void {
    const firstWaiting = new Map<number, number>()
    for (const it of ready)
      if (!chosen.has(it)) firstWaiting.set(it.stream.id, Math.min(it.first, firstWaiting.get(it.stream.id) ?? Infinity))
    streams.save((row) => firstWaiting.get(row.id))
  }

  function store(block: Ready): void {
    const account = accounts.of(block.stream.class)
    catalogue.addFresh(freshRow(block), block.data)
    account.accepted += block.count
    account.stored += block.count
    account.bytes += block.data.length
    if (block.mark) rules.mark(block.stream.class, block.mark)
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

  /** A transaction of its own, beside the group commits. The raw streams' numbers belong to blocks that may still be waiting: they are saved with them. */
  function change<T>(what: () => T): T | undefined {
    if (dead) throw new Error('the log cannot be written any more')
    let made: T | undefined
    const isDone = attempt(() => {
      // What is delivered is no longer changed.
      positions.save(world.now())
      made = what()
      streams.saveForms(['gap', 'aggregate', 'event'])
      accounts.save()
    })
    return isDone ? made : undefined
  }

  /** What uplinks say before they send has to be on disk when they go on. */
  function commitForUplink(): void {
    timer?.cancel()
    timer = undefined
    commitNow(world.monotonic() + 1)
    plan()
  }

  /** Before anything changes for an uplink. */
  function mustWrite(): void {
    if (dead) throw new Error('the log cannot be written any more')
    if (!pressure.canWrite()) throw new Unreachable('log-busy', 'somebody reads the log and does not end: nothing can be written')
  }

  return {
    append,
    hurry() {
      stalled = true
      plan()
    },
    forget: intake.forget,
    rules: ruleWriter({ rules, streams, pressure, classes, intake, makeRoomIn, append, change }),
    notify: notifiers.writer({ pressure, change }),
    followed: followMarker(db, change, mustWrite),
    offer(uplink, ranges, endOffsets) {
      mustWrite()
      const empty = positions.offer(uplink, ranges, endOffsets)
      commitForUplink()
      return empty
    },
    commit(uplink, ranges, transaction, refused) {
      positions.commit(uplink, ranges, transaction, refused)
      plan()
    },
    told: positions.told,
    restart(uplink, position, undecided) {
      mustWrite()
      if (position !== 'none') meet(uplink, position)
      positions.restart(uplink, position, undecided)
      marks.agree(uplink)
      commitForUplink()
      if (position !== 'none') nameUnnamed(uplink)
      return positions.resumed(uplink)
    },
    given,
    others,
    takeEvents: eventTaker({ events, positions, pressure, change, told: () => world.durable([], ledger.unpublished()) }),
    publish() {
      if (ledger.unpublished() > 0 && pressure.canWrite()) change(() => ledger.publish(PUBLISHED_ROWS_MAX))
      return ledger.unpublished()
    },
    damaged(key, first) {
      const stream = streams.byKey(key)
      const row = stream && catalogue.overlapping(stream.id, first, first + 1)[0]
      if (!stream || !row || !pressure.canWrite()) return
      // Whoever could not read it is woken only where it is another now: else it would look again, and again.
      if (change(() => changes.apply(damageOf(key, row), world.now()))) world.durable([], ledger.unpublished())
    },
    clockStepped(state) {
      periods.step(state)
      isTrusted = state.trusted
      plan()
    },
    state() {
      offline.tick()
      pressure.recover()
      return pressure.state(world.now())
    },
    apply(it) {
      if (!pressure.canWrite()) return false
      const done = change(() => changes.apply(it, world.now())) ?? false
      if (done && it.kind !== 'drop') giveBackPages(db, movedBytesMax(it.kind, space.walBytesMax), fail)
      if (done) world.durable([], ledger.unpublished())
      plan()
      return done
    },
    figures() {
      const isWaiting = (place: number) => intake.of(place).appends.length > 0 && pressure.isAtBound(place)
      const held = {
        waiting: classes.map((it) => it.name).filter((_, place) => isWaiting(place)),
        disk: pressure.disk(),
        stuck: pressure.isStuck(),
      }
      return figuresOf({ ...options, db, streams, accounts, catalogue, ...pressure.figures(), ...held }, commits, commitMs)
    },
    close() {
      timer?.cancel()
      for (const it of waiting) if (it.appends.length > 0) it.dueAt = 0
      commitNow(Infinity)
      // After a failed commit nothing more is written, the mark least of all.
      if (!dead) {
        db.pragma('wal_checkpoint(TRUNCATE)')
        writeMeta(db, 'clean-stop', '1')
        disk.flush()
      }
      dead = true
      disk.close()
      db.close()
    },
  }

  /**
   * The destination knows numbers that we have not given out: this log is an older copy. Its numbers must not be used again;
   * what waits without a number gets one of the new epoch.
   */
  function meet(uplink: string, position: Position): void {
    const beyond = marks.beyond(uplink, position)
    if (beyond.length === 0 && !positions.isAhead(position)) return
    // Their numbers are not on the disk yet; the keeper makes room.
    if (beyond.length > 0 && ready.length > 0)
      throw new Unreachable('log-full', 'readings wait for room, and need other numbers first')
    const epoch = world.randomEpoch()
    writeMeta(db, 'epoch', epoch)
    disk.flush()
    streams.beginEpoch(epoch)
    if (beyond.length === 0) return
    change(() => {
      marks.renumber(uplink, beyond, world.now())
      streams.saveForms(['raw'])
    })
  }
}
