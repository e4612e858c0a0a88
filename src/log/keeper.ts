// The keeper: everything that reads the log beside the writer. Short statements only, no cursor is ever held open across an await, so
// that the writer's checkpoints always get through.
//
//   next, restart ─► lanes ─► uplinks          query ─► operators
//   work ─► make room (reducing.ts), aggregates that leave (forwarding.ts), seal (sealing.ts), merge lines (ledger-compaction.ts) ─► Change ─► writer ─► applied
//
// What must hold: what was handed out to an uplink keeps its numbers; while a change is with the writer, nothing of it is handed out.
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock } from '../columns/index.ts'
import type { Intervals } from '../core/intervals.ts'
import { difference, intersection, union } from '../core/intervals.ts'
import type { Band } from '../core/retention.ts'
import type { Change } from './change.ts'
import { openReader } from './journal.ts'
import type { Lanes } from './lanes.ts'
import { createLanes } from './lanes.ts'
import { createForwarding } from './forwarding.ts'
import type { KeeperOptions } from './keeper-options.ts'
import type { LogState } from './pressure.ts'
import type { StoredBlock } from './query.ts'
import { createCompaction } from './ledger-compaction.ts'
import { createRaisedReader } from './raised.ts'
import { createQuery } from './query.ts'
import { createReducer } from './reducing.ts'
import type { FollowReader } from './follow-reader.ts'
import { createFollowReader } from './follow-reader.ts'
import type { RuleReader } from './rule-reader.ts'
import { createRuleReader } from './rule-reader.ts'
import type { Check } from './check.ts'
import { createCheck } from './check.ts'
import { createScan } from './scan.ts'
import { createSealing } from './sealing.ts'
import { createSegmentWriter } from './segment-writer.ts'
import { spaceOf } from './space.ts'
import { openStored } from './stored.ts'
import type { TryAggregates } from './tried.ts'
import { createTryAggregates } from './tried.ts'

export interface Keeper extends Pick<Lanes, 'next' | 'restart' | 'forget'> {
  heads(): Record<string, { next: number; lost: number }>
  query: ReturnType<typeof createQuery>
  readonly rules: Pick<RuleReader, 'read' | 'behind'>
  readonly follow: Pick<FollowReader, 'begin' | 'read'>
  /** The next step of making room or sealing; undefined when there is none now. `all`: seal whatever there is. */
  work(state: LogState, all: boolean): Change | undefined
  /** What became of the last step; nothing else is worked on before. */
  applied(done: boolean): void
  /** For the forecast. */
  bands(): readonly Band[]
  tryAggregates: TryAggregates
  /** For people who look after the log. */
  readonly check: Check
  close(): void
}

export function openKeeper({ dir, device, bytesMax, classes, aggregating = [] }: KeeperOptions): Keeper {
  const db = openReader(dir)
  const stored = openStored(db, dir)
  const lanes = createLanes(db, stored, classes, (stream) => forwarding.heldOf(stream))
  const ruleReader = createRuleReader(db, stored)
  const followReader = createFollowReader(db, stored)
  const segments = createSegmentWriter(db, dir, device, stored, spaceOf(bytesMax).segmentBytesMax)
  const raised = createRaisedReader(db, stored.timeOf)
  const tryAggregates = createTryAggregates(stored)
  const reducer = createReducer({ db, stored, segments, raised, tryAggregates, seenOf: (stream) => seenOf(stream) })
  const { numberedTo } = followReader
  const forwarding = createForwarding({
    db,
    stored,
    reducer,
    raised,
    classes: aggregating,
    sentOf: (stream) => sentOf(stream),
    seenOf: (stream) => seenOf(stream),
  })
  const sealing = createSealing({ db, stored, segments, reducer, raised, numberedTo, seenOf: (stream) => seenOf(stream) })
  const scan = createScan(db, stored, { monotonic: () => performance.now() })
  const compaction = createCompaction({
    db,
    positionsOf: stored.positionsOf,
    marksOf: stored.marksOf,
    mayHave: (stream) => mayHave(stream),
    monotonic: () => performance.now(),
  })
  const lost = db.prepare('SELECT stream, sum(count) AS lost FROM ledger GROUP BY stream')

  /** Numbers below are of an earlier run: what an intent says of those may have been sent. Of later ones the lanes know it. */
  const nextAtOpen = new Map(stored.streams().map((it) => [it.key, it.next]))

  /** The last step makes room. */
  let isMaking = false
  /** … is a merging of lines. */
  let isMerging = false

  /** Of a stream: what any uplink has or may have, what is under way now, and numbers that no run may cross. */
  function sentOf(stream: string): { sent: Intervals; underWay: Intervals; cuts: readonly number[] } {
    const positions = stored.positionsOf(stream)
    const handed = lanes.handedOut(stream)
    const hadBy = (uplink: string) => positions.find((it) => it.uplink === uplink)?.had ?? []
    const earlier = [{ from: 0, to: nextAtOpen.get(stream) ?? 0 }]
    const pinned = intersection(positions.map((it) => it.pinned).reduce<Intervals>(union, []), earlier)
    const underWay = handed.map((it) => difference(it.ranges, hadBy(it.uplink))).reduce<Intervals>(union, pinned)
    return {
      underWay,
      sent: positions.map((it) => it.had).reduce<Intervals>(union, underWay),
      cuts: [...handed.flatMap((it) => it.liveStart ?? []), ...stored.marksOf(stream).map((it) => it.head)],
    }
  }

  /** By uplink, of a stream: what may be on its way to it, but for what it has. */
  function mayHave(stream: string): { uplink: string; ranges: Intervals }[] {
    const positions = stored.positionsOf(stream)
    const earlier = [{ from: 0, to: nextAtOpen.get(stream) ?? 0 }]
    const pinned = positions.map((it) => ({ uplink: it.uplink, ranges: intersection(it.pinned, earlier) }))
    const hadBy = (uplink: string) => positions.find((it) => it.uplink === uplink)?.had ?? []
    return [...pinned, ...lanes.handedOut(stream)].map(({ uplink, ranges }) => ({
      uplink,
      ranges: difference(ranges, hadBy(uplink)),
    }))
  }

  /** The same, with what rules are told of. */
  function seenOf(stream: string) {
    const { sent, ...rest } = sentOf(stream)
    return { ...rest, seen: union(sent, ruleKept(stream)) }
  }

  function ruleKept(stream: string): Intervals {
    const kept = ruleReader.kept(stream)
    return kept.from < kept.to ? [kept] : []
  }

  function readBlock(row: StoredBlock): Uint8Array {
    const block = row.data ?? stored.read(row)
    if (!block) throw new DamagedBlock('truncated', 'the block has gone')
    return block
  }

  return {
    next: lanes.next,
    restart: lanes.restart,
    forget: lanes.forget,
    heads: () =>
      db.transaction(() => {
        const lostBy = new Map((lost.all() as { stream: number; lost: number }[]).map((it) => [it.stream, it.lost]))
        return Object.fromEntries(stored.streams().map((it) => [it.key, { next: it.next, lost: lostBy.get(it.id) ?? 0 }]))
      })(),
    rules: ruleReader,
    follow: followReader,
    query: createQuery(db, stored.describe, readBlock, { timeOf: stored.timeOf, decodeAggregates }),
    // No transaction around it: a snapshot held for so long would keep the write-ahead log from beginning anew. The writer checks what it applies.
    work(state, all) {
      if (!state.canWrite) return undefined
      const making = reducer.next(state)
      isMaking = making !== undefined
      const change =
        making ?? forwarding.next(state, all) ?? sealing.next(state, all) ?? compaction.next(state.now, all) ?? scan.step()
      isMerging = change?.kind === 'merge'
      const range = change && { stream: change.stream, from: change.from, to: change.to }
      if (range) for (const it of [lanes, ruleReader, followReader]) it.block(range)
      return change
    },
    applied(done) {
      if (!done && isMaking) reducer.refused()
      if (!done && isMerging) compaction.refused()
      for (const it of [lanes, ruleReader, followReader]) it.block(undefined)
      segments.settle(done)
    },
    bands: reducer.bands,
    tryAggregates,
    check: createCheck(db, dir, stored),
    close: () => db.close(),
  }
}
