// Where T1's boxes put their readings: the periods' table alone (fast), or the whole log, its writer and its keeper.
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { decodeBlock } from '../../src/columns/index.ts'
import type { ReadingBatch } from '../../src/core/batch.ts'
import type { ClockState } from '../../src/core/clock.ts'
import type { RawSlice, SliceTime } from '../../src/core/log.ts'
import { timeShiftOf } from '../../src/core/query.ts'
import type { Keeper } from '../../src/log/keeper.ts'
import { openKeeper } from '../../src/log/keeper.ts'
import type { Periods } from '../../src/log/periods.ts'
import { loadPeriods, PERIOD_SCHEMA, periodReader } from '../../src/log/periods.ts'
import type { Writer } from '../../src/log/writer.ts'
import { openWriter } from '../../src/log/writer.ts'
import type { Machine } from '../machine/machine.ts'

/** A reading as an uplink would send it. */
export interface Sent {
  /** Its value: which reading it is. */
  readonly value: number
  readonly boxTime: boolean
  /** As it is sent: corrected. */
  readonly time: number
  readonly received: number
  readonly quality: SliceTime['quality']
  /** Readings of one stretch of the clock share it. */
  readonly stretch: string
}

export interface BoxLog {
  /** The agent starts; what the one before had not committed is gone. What it knows of the clock is durable when this returns. */
  open(state: ClockState, now: () => number): void
  step(state: ClockState): void
  append(batch: ReadingBatch): void
  /** Returns when all that was appended is durable. */
  commit(): void
  seal(): void
  /** In the order of their sequences. */
  sent(): Sent[]
  close(): void
}

export const BOX_SERIES = 0
const COMMIT_EVERY_MS = 1000

function sentOf(
  block: Pick<ReadingBatch, 'value' | 'time'>,
  at: number,
  received: number,
  boxTime: boolean,
  time: SliceTime,
  stretch: string,
): Sent {
  return {
    value: block.value[at] as number,
    boxTime,
    time: (block.time[at] as number) + (boxTime ? time.shiftUs : 0),
    received: received + time.shiftUs,
    quality: time.quality,
    stretch,
  }
}

/** The table in a SQLite file, and blocks in memory. */
export function tableOnly(dir: string): BoxLog {
  const db = new Database(join(dir, 'table.db'))
  db.pragma('journal_mode = WAL')
  // What is committed counts here, not whether the disk has it.
  db.pragma('synchronous = OFF')
  db.exec(PERIOD_SCHEMA)
  db.exec('DELETE FROM period')
  const kept: { readonly batch: ReadingBatch; readonly period: number }[] = []
  const shifts = new Map<number, number>()
  let waiting: ReadingBatch[] = []
  let periods: Periods

  function noteShift(period: number, { quality, shiftUs }: SliceTime): void {
    if (quality === 'relative') return
    assert.equal(shiftUs, shifts.get(period) ?? shiftUs, `the shift of period ${period} changed`)
    shifts.set(period, shiftUs)
  }

  return {
    open(state) {
      periods = loadPeriods(db, state)
      periods.save()
      waiting = []
    },
    step: (state) => periods.step(state),
    append: (batch) => void waiting.push(batch),
    commit() {
      db.transaction(() => periods.save())()
      for (const batch of waiting) kept.push({ batch, period: periods.of(batch.clock) })
      waiting = []
      const timeOf = periodReader(db)
      for (const { period } of kept) noteShift(period, timeOf(period))
    },
    seal() {},
    sent() {
      const timeOf = periodReader(db)
      return kept.flatMap(({ batch, period }) =>
        Array.from(batch.series, (series, at) =>
          sentOf(batch, at, batch.received, series === BOX_SERIES, timeOf(period), String(period)),
        ),
      )
    },
    close: () => db.close(),
  }
}

/** The log itself. Its timers go by the machine's monotonic clock, as the real ones do. */
export function wholeLog(dir: string, machine: Machine): BoxLog {
  let opened: { writer: Writer; keeper: Keeper; acked: Set<number>; tick(): void } | undefined
  let nextId = 0
  let epochs = 0
  const monotonic = () => machine.parts().monotonicUs() / 1000

  function open(state: ClockState, now: () => number) {
    const acked = new Set<number>()
    let timers: { at: number; run(): void }[] = []
    const options = {
      bytesMax: 64_000_000,
      commitBytes: 1_000_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      delivery: {},
      uplinks: ['kafka'],
    }
    const process = { name: 'c', floorBytes: 0, commitEveryMs: COMMIT_EVERY_MS, whenFull: 'reduce', ladder: [] } as const
    const writer = openWriter(
      { dir, device: 'box', classes: [process], ...options },
      {
        now,
        monotonic,
        after(ms, run) {
          const timer = { at: monotonic() + ms, run }
          timers.push(timer)
          return { cancel: () => void (timers = timers.filter((it) => it !== timer)) }
        },
        clock: () => state,
        hardware: '',
        randomEpoch: () => (++epochs).toString(16).padStart(32, '0'),
        durable: (ids) => ids.forEach((id) => acked.add(id)),
        held() {},
        failed(error) {
          throw error
        },
      },
    )
    const keeper = openKeeper({ dir, device: 'box', bytesMax: options.bytesMax, classes: ['c'] })
    const tick = () => {
      for (let due = timers.find((it) => it.at <= monotonic()); due; due = timers.find((it) => it.at <= monotonic())) {
        timers = timers.filter((it) => it !== due)
        due.run()
      }
    }
    return { writer, keeper, acked, tick }
  }
  const log = () => opened as NonNullable<typeof opened>

  return {
    open(state, now) {
      // As a kill: the connection is left as it is.
      opened?.keeper.close()
      opened = open(state, now)
      nextId = 0
    },
    step: (state) => log().writer.clockStepped(state),
    append: (batch) => log().writer.append(nextId++, batch),
    commit() {
      // Nothing but time: no step of the wall clock may hold a commit up.
      machine.pass(COMMIT_EVERY_MS * 1001)
      log().tick()
      assert.equal(log().acked.size, nextId, 'a commit that is due has not come')
      machine.pass(COMMIT_EVERY_MS * 1001)
      log().tick()
    },
    seal() {
      const { writer, keeper } = log()
      for (;;) {
        const change = keeper.work(writer.state(), true)
        if (!change) return
        const done = writer.apply(change)
        keeper.applied(done)
        if (!done) return
      }
    },
    sent: () => [...readAll(log().keeper)],
    close() {
      opened?.keeper.close()
      opened?.writer.close()
    },
  }
}

function* readAll(keeper: Keeper): Generator<Sent> {
  keeper.restart('kafka', new Map(), [])
  for (const lane of ['backlog', 'live'] as const)
    for (;;) {
      const taken = keeper.next({ uplink: 'kafka', lane, except: [], bytesMax: 4_000_000, readingsMax: 20_000 })
      if (taken.slices.length === 0) break
      for (const slice of taken.slices) {
        assert.equal(slice.form, 'raw')
        yield* readSlice(slice as RawSlice, (id) => {
          const it = taken.series.get(id)
          assert.ok(it)
          assert.ok(timeShiftOf(it, { quality: 'corrected', shiftUs: 1 }) === (it.boxTime ? 1 : 0))
          return it.boxTime === true
        })
      }
    }
}

function* readSlice({ block, from, to, stream, time }: RawSlice, isBoxTime: (series: number) => boolean): Generator<Sent> {
  const it = decodeBlock(block)
  let at = 0
  for (const [run, id] of it.seriesIds.entries())
    for (const end = at + (it.runs[run] as number); at < end; at++) {
      const sequence = it.sequence?.[at] ?? it.first + at
      if (sequence < from || sequence >= to) continue
      const stretch = `${stream.epoch} ${it.first}`
      yield sentOf(it, at, it.received[at] as number, isBoxTime(id), time ?? { quality: 'synchronised', shiftUs: 0 }, stretch)
    }
}
