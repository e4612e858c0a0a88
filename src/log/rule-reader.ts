// How rules read the log: every raw stream from a number on, in whole blocks. They are no uplink: nothing waits for them, nothing is handed out to
// them; but what they have read since their last saved state keeps its numbers, for they may read it again.
import { DamagedBlock, seriesIn } from '../columns/index.ts'
import type { Interval } from '../core/intervals.ts'
import type { LogSeries, RawSlice } from '../core/log.ts'
import type { RulePositions, RuleTaken } from '../core/rule.ts'
import type { StreamRange } from '../core/stream.ts'
import type { Journal } from './journal.ts'
import type { DamagedPlace } from './lane-walk.ts'
import { plain } from './lane-walk.ts'
import { ruleReader } from './rules.ts'
import { secondLooks } from './second-look.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface RuleReader {
  read(positions: RulePositions, readingsMax: number): RuleTaken & { readonly damaged: readonly DamagedPlace[] }
  behind(positions: RulePositions): number
  /** Of a stream: what may be read again. */
  kept(stream: string): Interval
  /** Numbers that are being changed: nothing of them is read until that is over. */
  block(range: StreamRange | undefined): void
}

interface Reading {
  readonly slices: RawSlice[]
  readonly series: Map<number, LogSeries>
  readonly damaged: DamagedPlace[]
  room: number
  missed: number
}

const BLOCKS_A_READ = 32

export function createRuleReader(db: Journal, stored: Stored): RuleReader {
  const saved = ruleReader(db)
  const refused = db
    .prepare<[{ stream: number; from: number; to: number }], number>(
      `SELECT coalesce(sum(min("end", :to) - max(first, :from)), 0) FROM ledger WHERE stream = :stream AND first < :to AND "end" > :from AND action IN ('refused', 'overflowed')`,
    )
    .pluck()
  const looks = secondLooks()
  let read: RulePositions = {}
  let blocked: StreamRange | undefined

  /** What a stream that is new to them had before is not theirs. */
  function beginsAt(row: StoredStream, positions: RulePositions): number {
    const known = positions[row.key] ?? stored.overlapping(row.id, 0, row.next, 1)[0]?.first ?? row.next
    return Math.min(known, row.next)
  }

  /** How far it comes, at the end of a block or of a hole. */
  function readStream(row: StoredStream, from: number, out: Reading): number {
    const isShut = blocked?.stream === row.key && blocked.from < row.next && from < blocked.to
    const to = isShut ? Math.min(row.next, blocked?.from ?? 0) : row.next
    let at = from
    while (at < to && out.room > 0) {
      const blocks = stored.overlapping(row.id, at, to, BLOCKS_A_READ)
      for (const block of blocks) {
        if (out.room <= 0) return at
        if (block.first > at) out.missed += holeOf(row, at, block.first)
        at = Math.max(at, block.first)
        if (!take(row, block, at, out)) return at
        at = block.first + block.count
      }
      if (blocks.length < BLOCKS_A_READ && at < to && out.room > 0) {
        out.missed += holeOf(row, at, to)
        at = to
      }
    }
    return at
  }

  /** Numbers without a reading that were one: others were refused before the log. */
  const holeOf = (row: StoredStream, from: number, to: number) => to - from - (refused.get({ stream: row.id, from, to }) ?? 0)

  function take(row: StoredStream, block: ReturnType<Stored['overlapping']>[number], from: number, out: Reading): boolean {
    const to = block.first + block.count
    try {
      const bytes = stored.read(block)
      // It went while we looked.
      if (!bytes) return ((out.missed += to - from), true)
      for (const id of seriesIn(bytes)) {
        const it = stored.describe(id)
        if (it) out.series.set(id, it)
      }
      looks.passed(block.id)
      const time = stored.timeOf(block.period)
      out.slices.push({ form: 'raw', stream: plain(row), from, to, block: bytes, time })
      out.room -= to - from
      return true
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: row.key, first: block.first })
      const isPassed = looks.isSecond(block.id)
      if (isPassed) out.missed += to - from
      return isPassed
    }
  }

  return {
    read(positions, readingsMax) {
      const out: Reading = { slices: [], series: new Map(), damaged: [], room: readingsMax, missed: 0 }
      const next: Record<string, number> = {}
      db.transaction(() => {
        for (const row of stored.streams().filter((it) => it.form === 'raw')) {
          const at = beginsAt(row, positions)
          const end = at < row.next ? readStream(row, at, out) : at
          next[row.key] = end
        }
      })()
      read = next
      return { slices: out.slices, series: out.series, positions: next, missed: out.missed, damaged: out.damaged }
    },
    behind(positions) {
      const raw = stored.streams().filter((it) => it.form === 'raw')
      return raw.reduce((sum, it) => sum + it.next - beginsAt(it, positions), 0)
    },
    kept(stream) {
      const start = saved()
      if (!start) return { from: 0, to: 0 }
      const marks = Object.values(start.marks).map((it) => it[stream] ?? 0)
      return { from: start.positions[stream] ?? 0, to: Math.max(read[stream] ?? 0, ...marks) }
    },
    block(range) {
      blocked = range
    },
  }
}
