// What each uplink has, what may be under way to it, and when a reading counts as delivered.
// In memory at once; on disk with the next group commit. A lost local commit costs one read of the uplink's own position.
import { exportOf, receiptOf } from '../core/airgap.ts'
import { boxOf } from '../core/boxes.ts'
import { OUTSTANDING_EPOCHS_MAX } from '../core/bounds.ts'
import type { Intervals } from '../core/intervals.ts'
import { contains, countOf, difference, intersection, overlaps, union, withInterval } from '../core/intervals.ts'
import type { EndOffsets, Resumed } from '../core/log.ts'
import type { DeliveryRule } from '../core/settings.ts'
import type { Form, StreamIntervals, StreamRange } from '../core/stream.ts'
import { streamKey, streamOf } from '../core/stream.ts'
import type { Position, Refusal } from '../core/position.ts'
import type { Accounts } from './accounts.ts'
import type { Catalogue } from './catalogue.ts'
import type { Events } from './events.ts'
import type { Journal } from './journal.ts'
import { clipped, newRanges, notDelivered, rangesOf } from './position-ranges.ts'
import type { StreamRow, Streams } from './streams.ts'

interface UplinkState {
  transaction: number
  delivered: Map<string, Intervals>
  intent: { ranges: readonly StreamRange[]; endOffsets: EndOffsets } | undefined
  /** Of earlier intents, what nobody could decide: in doubt until it is delivered. */
  doubt: readonly StreamRange[]
  /** The destination has forgotten its position, and what became of the intent is not decided. */
  isOpen: boolean
  positionDirty: boolean
  intentDirty: boolean
}

interface SavedRange extends StreamRange {
  readonly doubt?: boolean
}

interface Mark {
  readonly ranges: readonly StreamRange[]
  readonly refused: readonly Refusal[]
  readonly uplink: string
}

/** More transactions than one intent can cover. */
const INTENT_TRANSACTIONS_MAX = 10_000

export interface Positions {
  commit(uplink: string, ranges: readonly StreamRange[], transaction: number, refused: readonly Refusal[]): void
  /** Says which of `ranges` hold nothing, as far as their numbers are given out. */
  offer(uplink: string, ranges: readonly StreamRange[], endOffsets: EndOffsets): readonly StreamRange[]
  /** `undecided`: of an open intent, what stays in doubt although the position is known. */
  restart(uplink: string, position: Position | 'none', undecided?: readonly StreamRange[]): void
  /** What an uplink goes on from, once its restart is saved. What exports gave out is kept the same way, under names of its own. */
  resumed(uplink: string): Resumed
  /** The number of the last transaction that is known to be committed. */
  told(uplink: string): number
  /** What is kept of these streams under this name goes. */
  forget(name: string, streams: readonly string[]): void
  /** Whether the destination knows of numbers that this log has not given out yet: the log was rolled back. */
  isAhead(position: Position): boolean
  /** Whether `save` has anything to do. */
  isDirty(): boolean
  /** Sequences of before this run that may be under way. */
  pinned(stream: StreamRow): Intervals
  /** Sequences that count as delivered, by the class's rule. */
  delivered(stream: StreamRow): Intervals
  /** Sequences that somebody may have seen: any uplink has them, or they are under way to one. */
  seen(stream: StreamRow): Intervals
  /** Whether everybody who has any of [from, to), or may have, has all of it. */
  isEven(stream: StreamRow, from: number, to: number): boolean
  /** Sequences of [from, to) that still count as stored. */
  storedOf(stream: StreamRow, from: number, to: number): Intervals
  /** Sequences of [from, to) by the uplinks that have them. */
  havers(stream: StreamRow, from: number, to: number): readonly Had[]
  /** They are given up: nothing of them is parked any more. Inside a transaction. */
  unpark(stream: StreamRow, from: number, to: number): void
  /** Inside the commit's transaction: marks blocks as delivered, writes positions and intents. */
  save(at: number): void
}

export interface Had {
  readonly from: number
  readonly to: number
  /** By name, in the order of the settings. */
  readonly uplinks: readonly string[]
}

export interface PositionParts {
  readonly device: string
  readonly db: Journal
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly events: Events
  readonly uplinks: readonly string[]
  readonly delivery: Readonly<Record<string, DeliveryRule>>
  readonly keepDelivered: boolean
}

export function loadPositions({
  device,
  db,
  streams,
  accounts,
  catalogue,
  events,
  uplinks,
  delivery,
  keepDelivered,
}: PositionParts): Positions {
  const states = new Map<string, UplinkState>()
  let marks: Mark[] = []
  let endStreamsDue = false
  const nextAtOpen = new Map(streams.all().map((it) => [it.key, it.next]))
  const sql = {
    position: db.prepare(
      'INSERT INTO position (uplink, number, delivered) VALUES (?, ?, ?) ON CONFLICT (uplink) DO UPDATE SET number = excluded.number, delivered = excluded.delivered',
    ),
    intent: db.prepare(
      'INSERT INTO intent (uplink, ranges, end_offsets) VALUES (?, ?, ?) ON CONFLICT (uplink) DO UPDATE SET ranges = excluded.ranges, end_offsets = excluded.end_offsets',
    ),
    noIntent: db.prepare('DELETE FROM intent WHERE uplink = ?'),
    park: db.prepare('INSERT OR IGNORE INTO parked (uplink, stream, sequence, code, at) VALUES (?, ?, ?, ?, ?)'),
    anyBlock: db.prepare('SELECT 1 FROM block WHERE stream = ? LIMIT 1'),
    anyUnsaid: db.prepare('SELECT 1 FROM ledger WHERE sequence IS NULL AND stream = ? LIMIT 1'),
    parked: db
      .prepare('SELECT DISTINCT sequence FROM parked WHERE stream = ? AND sequence >= ? AND sequence < ? ORDER BY sequence')
      .pluck(),
    refused: db
      .prepare('SELECT sequence FROM parked WHERE uplink = ? AND stream = ? AND sequence >= ? AND sequence < ? ORDER BY sequence')
      .pluck(),
    unpark: db.prepare('DELETE FROM parked WHERE stream = ? AND sequence >= ? AND sequence < ?'),
    unnamedBelow: db
      .prepare<[], string>("SELECT value FROM meta WHERE key = 'gaps-from' AND EXISTS (SELECT 1 FROM meta WHERE key = 'unnamed')")
      .pluck(),
  }
  const stateOf = (uplink: string): UplinkState => {
    let state = states.get(uplink)
    if (!state)
      states.set(
        uplink,
        (state = {
          transaction: 0,
          delivered: new Map(),
          intent: undefined,
          doubt: [],
          isOpen: false,
          positionDirty: false,
          intentDirty: false,
        }),
      )
    return state
  }
  for (const row of db.prepare('SELECT uplink, number, delivered FROM position').all() as {
    uplink: string
    number: number
    delivered: string
  }[]) {
    const state = stateOf(row.uplink)
    state.transaction = row.number
    state.delivered = new Map(JSON.parse(row.delivered) as [string, Intervals][])
  }
  for (const row of db.prepare('SELECT uplink, ranges, end_offsets FROM intent').all() as {
    uplink: string
    ranges: string
    end_offsets: string
  }[])
    loadIntent(stateOf(row.uplink), JSON.parse(row.ranges) as SavedRange[], JSON.parse(row.end_offsets) as EndOffsets)

  function loadIntent(state: UplinkState, saved: readonly SavedRange[], endOffsets: EndOffsets): void {
    const known = (isDoubt: boolean) =>
      clipped(
        saved.filter((it) => (it.doubt === true) === isDoubt).map(({ stream, from, to }) => ({ stream, from, to })),
        streams,
      )
    const ranges = known(false)
    state.intent = ranges.length > 0 ? { ranges, endOffsets } : undefined
    state.doubt = known(true)
  }

  function has(uplink: string, stream: StreamRow, from: number, to: number): boolean {
    return contains(stateOf(uplink).delivered.get(stream.key) ?? [], from, to)
  }

  const hadBy = (uplink: string, stream: StreamRow): Intervals => stateOf(uplink).delivered.get(stream.key) ?? []

  /** What counts as delivered of a stream, by its class's rule. */
  function deliveredOf(stream: StreamRow): Intervals {
    const rule = delivery[stream.class] ?? 'all-uplinks'
    if (rule === 'none') return []
    if (rule === 'any-uplink') return uplinks.reduce<Intervals>((set, it) => union(set, hadBy(it, stream)), [])
    const [first, ...others] = rule === 'all-uplinks' ? uplinks : rule
    if (first === undefined) return []
    return others.reduce((set, it) => intersection(set, hadBy(it, stream)), hadBy(first, stream))
  }

  /** Sequences of [from, to) that still count as stored: not delivered, or parked. */
  function storedOf(stream: StreamRow, from: number, to: number, delivered = deliveredOf(stream)): Intervals {
    const parked = sql.parked.all(stream.id, from, to) as number[]
    return parked.reduce<Intervals>((set, it) => withInterval(set, it, it + 1), difference([{ from, to }], delivered))
  }

  function havers(stream: StreamRow, from: number, to: number): Had[] {
    const refused = (uplink: string) =>
      (sql.refused.all(uplink, stream.id, from, to) as number[]).map((it) => ({ from: it, to: it + 1 }))
    const sets = uplinks.map((uplink) => ({
      uplink,
      had: difference(intersection(hadBy(uplink, stream), [{ from, to }]), refused(uplink)),
    }))
    const cuts = new Set([from, to, ...sets.flatMap(({ had }) => had.flatMap((it) => [it.from, it.to]))])
    const bounds = [...cuts].sort((a, b) => a - b)
    return bounds.slice(1).map((end, n) => {
      const start = bounds[n] as number
      return { from: start, to: end, uplinks: sets.filter(({ had }) => contains(had, start, end)).map((it) => it.uplink) }
    })
  }

  function deliver(stream: StreamRow, from: number, to: number): void {
    const account = accounts.of(stream.class)
    const delivered = deliveredOf(stream)
    for (const block of catalogue.overlapping(stream.id, from, to)) {
      if (block.pending === 0) continue
      const pending = countOf(storedOf(stream, block.first, block.first + block.count, delivered))
      if (pending === block.pending) continue
      if (stream.form === 'raw') {
        account.delivered += block.pending - pending
        account.stored -= block.pending - pending
      } else account.aggregatesDelivered += Math.max(0, block.pending - pending)
      if (pending === 0 && !keepDelivered) {
        account.bytes -= block.bytes
        catalogue.remove(block)
      } else catalogue.setPending(block.id, pending)
    }
  }

  function applyMark({ uplink, ranges, refused }: Mark, at: number): void {
    for (const it of refused) {
      const stream = streams.byKey(it.stream)
      if (stream) sql.park.run(uplink, stream.id, it.sequence, it.code, at)
    }
    for (const range of ranges) {
      const stream = streams.byKey(range.stream)
      if (stream?.form === 'raw' || stream?.form === 'aggregate') deliver(stream, range.from, range.to)
      if (stream?.form === 'event') events.forget(stream, deliveredOf(stream))
    }
  }

  function add(state: UplinkState, ranges: readonly StreamRange[]): void {
    for (const { stream, from, to } of ranges)
      state.delivered.set(stream, withInterval(state.delivered.get(stream) ?? [], from, to))
    state.positionDirty = true
  }

  /** Streams of epochs that are over and of which nothing is left need no place in the position: it has few. */
  function endStreams(): void {
    const outstanding = outstandingEpochs()
    // Of what was made anew it is still to be found what is missing (unnamed.ts).
    const unnamedBelow = Number(sql.unnamedBelow.get() ?? 0)
    for (const raw of streams.all()) {
      if (raw.id < unnamedBelow || isStillSent(raw)) continue
      if (raw.form !== 'raw' || raw.epoch === streams.epoch() || streams.hasEnded(raw) || outstanding.has(raw.epoch)) continue
      const of = (form: Form) => streams.byKey(streamKey({ ...raw, form }))
      const gap = of('gap')
      const isSaid = !gap || gap.next === 0 || uplinks.filter((it) => serves(it, raw)).every((it) => has(it, gap, 0, gap.next))
      const held = [raw, of('aggregate')].filter((it) => it !== undefined)
      if (!isSaid || held.some((it) => sql.anyBlock.get(it.id) || sql.anyUnsaid.get(it.id))) continue
      for (const it of held) streams.end(it)
      if (gap) streams.end(gap)
    }
    for (const state of states.values())
      for (const key of state.delivered.keys()) {
        const stream = streams.byKey(key)
        if (stream ? streams.hasEnded(stream) && stream.form !== 'event' : !isOthers(key)) state.delivered.delete(key)
      }
  }

  /** Their numbers are not this log's: of a list of events, or of another box. Both may bring again what a log has lost. */
  const isOthers = (key: string) => streamOf(key).form === 'event' || streamOf(key).device !== device

  /** Another box that has this one as its uplink still speaks of it. */
  function isStillSent(row: StreamRow): boolean {
    if (row.device === device) return false
    return [...states].some(([name, it]) => name.startsWith(boxOf('')) && it.delivered.has(row.key))
  }

  /** Epochs of which something left on a stick and no receipt came: while the position names them, a late import sees what is there. */
  function outstandingEpochs(): ReadonlySet<string> {
    const isOutstanding = (uplink: string, key: string, set: Intervals) =>
      difference(set, stateOf(receiptOf(uplink)).delivered.get(key) ?? []).length > 0
    const keys = uplinks.flatMap((uplink) =>
      [...stateOf(exportOf(uplink)).delivered].flatMap(([key, set]) => (isOutstanding(uplink, key, set) ? [key] : [])),
    )
    const rows = keys.flatMap((key) => streams.byKey(key) ?? []).toSorted((a, b) => a.id - b.id)
    return new Set([...new Set(rows.map((it) => it.epoch))].slice(-OUTSTANDING_EPOCHS_MAX))
  }

  function pinnedBy(uplink: string, stream: StreamRow): Intervals {
    const ranges = underWay(stateOf(uplink)).filter((it) => it.stream === stream.key)
    const set = ranges.reduce<Intervals>((all, it) => union(all, [{ from: it.from, to: it.to }]), [])
    // What was given out since is known to the keeper, who hands it out: an intent covers far more than was ever sent.
    return intersection(set, [{ from: 0, to: nextAtOpen.get(stream.key) ?? 0 }])
  }

  /** An uplink that is no longer in the settings holds nothing back. */
  const pinnedOf = (stream: StreamRow): Intervals => uplinks.map((it) => pinnedBy(it, stream)).reduce<Intervals>(union, [])

  function serves(uplink: string, stream: StreamRow): boolean {
    const rule = delivery[stream.class] ?? 'all-uplinks'
    return rule !== 'none' && (typeof rule === 'string' || rule.includes(uplink))
  }

  /** Numbers between two that the destination has, where this log holds nothing, were given up or delivered: they are no holes of a position. */
  function withoutHoles(there: StreamIntervals): StreamIntervals {
    return new Map(
      [...there].map(([stream, set]) => {
        const [from, to] = [set[0]?.from ?? 0, set.at(-1)?.to ?? 0]
        const between = difference([{ from, to }], set).map((it) => ({ stream, ...it }))
        return [stream, between.flatMap(emptyPartsOf).reduce<Intervals>((all, it) => union(all, [it]), set)]
      }),
    )
  }

  function saveIntent(uplink: string, state: UplinkState): void {
    state.doubt = notDelivered(state.doubt, state.delivered)
    const ranges: SavedRange[] = [...state.doubt.map((it) => ({ ...it, doubt: true })), ...(state.intent?.ranges ?? [])]
    if (ranges.length === 0) sql.noIntent.run(uplink)
    else sql.intent.run(uplink, JSON.stringify(ranges), JSON.stringify(state.intent?.endOffsets ?? {}))
  }

  function emptyPartsOf(range: StreamRange): StreamRange[] {
    const stream = streams.byKey(range.stream)
    if (stream?.form !== 'raw' && stream?.form !== 'aggregate') return []
    const held = catalogue.overlapping(stream.id, range.from, range.to).map((it) => ({ from: it.first, to: it.first + it.count }))
    const given = { from: range.from, to: Math.min(range.to, stream.next) }
    return difference([given], held).map((it) => ({ stream: range.stream, ...it }))
  }

  // The rules of delivery may be others than when these positions were written: what now counts as delivered is found by the first commit.
  for (const uplink of uplinks) {
    const ranges = rangesOf(stateOf(uplink).delivered)
    if (ranges.length > 0) marks.push({ uplink, ranges, refused: [] })
  }

  return {
    commit(uplink, ranges, transaction, refused) {
      const state = stateOf(uplink)
      state.transaction = Math.max(state.transaction, transaction)
      add(state, ranges)
      marks.push({ uplink, ranges, refused })
    },
    offer(uplink, ranges, endOffsets) {
      const state = stateOf(uplink)
      // What is sent from now on replaces an intent that nobody could decide: that stays in doubt.
      if (state.isOpen && state.intent) state.doubt = [...state.doubt, ...state.intent.ranges]
      state.isOpen = false
      state.intent = { ranges, endOffsets }
      state.intentDirty = true
      return ranges.flatMap(emptyPartsOf)
    },
    isAhead: ({ delivered }) =>
      [...delivered].some(([key, intervals]) => {
        if (isOthers(key)) return false
        const stream = streams.byKey(key)
        // A stream of this epoch that we have not begun yet is ahead too.
        return stream === undefined ? streamOf(key).epoch === streams.epoch() : (intervals.at(-1)?.to ?? 0) > stream.next
      }),
    restart(uplink, position, undecided = []) {
      const state = stateOf(uplink)
      if (position === 'none') {
        // Whatever was given out while the doubt lasted was surely not sent; it is marked with the rest. What left on a stick may be there.
        const onSticks = notDelivered(clipped(rangesOf(stateOf(exportOf(uplink)).delivered), streams), state.delivered)
        state.doubt = [...state.doubt, ...onSticks]
        const ranges = notDelivered(clipped(state.intent?.ranges ?? [], streams), state.delivered)
        state.intent = ranges.length > 0 ? { ranges, endOffsets: state.intent?.endOffsets ?? {} } : undefined
        state.isOpen = ranges.length > 0
        // Nobody knows how many transactions of it were committed, or whether one that held a checkpoint alone was: none of their numbers is used again.
        if (state.isOpen || state.transaction > 0) state.transaction += INTENT_TRANSACTIONS_MAX
      } else {
        const there = undecided.length > 0 || state.isOpen ? withoutHoles(position.delivered) : position.delivered
        const news = newRanges(there, state.delivered, streams, isOthers)
        state.transaction = Math.max(state.transaction, position.transaction)
        for (const { stream, from, to } of news)
          state.delivered.set(stream, union(state.delivered.get(stream) ?? [], [{ from, to }]))
        if (news.length > 0) marks.push({ uplink, ranges: news, refused: [] })
        state.doubt = [...state.doubt, ...clipped(undecided, streams)]
        state.intent = undefined
        state.isOpen = false
      }
      state.doubt = notDelivered(state.doubt, state.delivered)
      endStreamsDue = true
      state.intentDirty = true
      state.positionDirty = true
    },
    forget(name, keys) {
      for (const it of keys) stateOf(name).delivered.delete(it)
      if (keys.length > 0) endStreamsDue = true
    },
    told: (uplink) => stateOf(uplink).transaction,
    resumed(uplink) {
      const state = stateOf(uplink)
      const { transaction, delivered, intent } = state
      return {
        transaction,
        delivered: new Map(delivered),
        inDoubt: underWay(state),
        unread: intent?.ranges ?? [],
        endOffsets: intent?.endOffsets ?? {},
      }
    },
    isDirty: () => marks.length > 0 || [...states.values()].some((it) => it.positionDirty || it.intentDirty),
    delivered: deliveredOf,
    pinned: pinnedOf,
    seen: (stream) => [...states.keys()].reduce<Intervals>((set, it) => union(set, hadBy(it, stream)), pinnedOf(stream)),
    isEven: (stream, from, to) =>
      [...states.keys()].every(
        (it) => has(it, stream, from, to) || !overlaps(union(hadBy(it, stream), pinnedBy(it, stream)), from, to),
      ),
    storedOf: (stream, from, to) => storedOf(stream, from, to),
    havers,
    unpark: (stream, from, to) => void sql.unpark.run(stream.id, from, to),
    save(at) {
      for (const mark of marks) applyMark(mark, at)
      marks = []
      if (endStreamsDue) endStreams()
      endStreamsDue = false
      for (const [uplink, state] of states) {
        if (state.positionDirty) sql.position.run(uplink, state.transaction, JSON.stringify([...state.delivered]))
        if (state.intentDirty) saveIntent(uplink, state)
        state.positionDirty = false
        state.intentDirty = false
      }
    },
  }
}

/** All that may have been sent and is not known to have arrived. */
const underWay = ({ doubt, intent }: UplinkState): StreamRange[] => [...doubt, ...(intent?.ranges ?? [])]
