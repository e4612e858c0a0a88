// S11: an older copy of the disk is put back, a card is cloned, a box is reset. The destination is a model: it keeps every record that it was
// sent by its whole name, and its position; it never takes one name for two readings.
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { union } from '../../src/core/intervals.ts'
import type { LedgerRow } from '../../src/core/log.ts'
import { streamKey, streamOf } from '../../src/core/stream.ts'
import type { OpenedLog, TestOptions } from '../log/helpers.ts'
import { classNamed, openTestLog } from '../log/helpers.ts'
import { scratch } from '../prove/campaign.ts'
import type { Dice } from './dice.ts'
import { createDice } from './dice.ts'
import { logOptions, UPLINK } from './options.ts'
import { BYTES_MAX } from './recording.ts'
import { addReading, CYCLE, readingsOf, timeOf } from './readings.ts'

const CASES = Number(process.env['HOLDFAST_CASES'] ?? 8)
const SEED = Number(process.env['SEED'] ?? 20_251_124)

let dir: string
beforeAll(() => (dir = scratch('restore')))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function destination() {
  const records = new Map<string, number | string>()
  let transaction = 0
  let delivered = new Map<string, Intervals>()
  const take = (name: string, what: number | string): void => {
    const known = records.get(name)
    if (known !== undefined && known !== what) throw new Error(`${name} is ${known} and ${what}`)
    if (known !== undefined) throw new Error(`${name} came twice`)
    records.set(name, what)
  }
  const lines = () =>
    [...records.values()]
      .filter((it) => typeof it === 'string')
      .map((it) => JSON.parse(it) as Pick<LedgerRow, 'stream' | 'from' | 'to'>)
  return {
    position: () => (transaction === 0 ? ('none' as const) : { transaction, delivered: new Map(delivered) }),
    lines,
    /** Of readings, that something came of. */
    streams: () => [...delivered.keys()].map((it) => streamOf(it)).filter((it) => it.form === 'raw'),
    /** Readings that are there, and that a line of the ledger names as given up. */
    namedAndThere: () =>
      lines().flatMap(({ stream, from, to }) => {
        const names = Array.from({ length: to - from }, (_, n) => `${streamKey(stream)}:${from + n}`)
        return names.filter((it) => records.has(it))
      }),
    numbers: () => new Set([...records.values()].filter((it) => typeof it === 'number')),
    /** All that the log hands out, a transaction at a time, at most `most` of them. */
    drain(log: OpenedLog, most = Infinity): void {
      for (let n = 0; n < most; n++) {
        let isMore = false
        for (const lane of ['live', 'backlog'] as const) {
          log.writer.publish()
          const taken = log.keeper.next({ uplink: UPLINK, lane, except: [], bytesMax: 20_000, readingsMax: 300 })
          if (taken.ranges.length === 0) continue
          isMore = true
          log.writer.offer(UPLINK, taken.ranges, {})
          for (const slice of taken.slices) {
            const key = streamKey(slice.stream)
            if (slice.form === 'gap') for (const row of slice.rows) take(`${key}:${row.sequence}`, JSON.stringify(row))
            if (slice.form === 'raw')
              for (const it of readingsOf(decodeBlock(slice.block), slice.from, slice.to, taken.series))
                take(`${key}:${it.sequence}`, it.number)
          }
          transaction++
          for (const it of taken.ranges)
            delivered = new Map(delivered).set(it.stream, union(delivered.get(it.stream) ?? [], [it]))
          log.writer.commit(UPLINK, taken.ranges, transaction, [])
          log.clock.tick(50)
        }
        if (!isMore) return
      }
    },
  }
}

type Destination = ReturnType<typeof destination>

function open(folder: string, bootId: string, hardware = '', more: TestOptions = {}): OpenedLog {
  mkdirSync(folder, { recursive: true })
  const options = logOptions({ dir: folder, bytesMax: BYTES_MAX, bootId, hasLadder: false })
  return openTestLog(folder, { ...options, bootId, hardware, ...more })
}

function meet(log: OpenedLog, there: Destination): void {
  const resumed = log.writer.restart(UPLINK, there.position())
  log.keeper.restart(UPLINK, resumed.delivered, resumed.inDoubt)
}

function append(log: OpenedLog, from: number, count: number): number {
  const builder = new BatchBuilder(newOrigin(0))
  for (let n = from; n < from + count; n++) addReading(builder, n, 8)
  builder.refuse('process', 'unreadable', timeOf(from), 2)
  const id = log.append(builder.take(timeOf(from)))
  for (let i = 0; i < 100 && !log.acked.includes(id); i++) log.clock.tick(100)
  if (log.failures.length > 0) throw log.failures[0]
  return from + count
}

const some = (dice: Dice) => CYCLE * (1 + dice.below(60))

/** Everything is sent; nothing that was acknowledged is missing, but for what only the copy that was put away had. */
function checkDrained(log: OpenedLog, there: Destination, kept: readonly (readonly [number, number])[]): void {
  there.drain(log)
  const numbers = there.numbers()
  for (const [from, to] of kept)
    for (let n = from; n < to; n++) if (!numbers.has(n)) throw new Error(`reading ${n} of ${from} to ${to} never came`)
  for (const it of log.writer.figures().classes) expect(it.stored, it.name).toBe(0)
}

describe('an older copy is put back', () => {
  for (const [name, isSealed, isCaughtUp] of [
    ['and met before anything is accepted', false, false],
    ['and fresh readings were accepted before it met its destination', false, true],
    ['and sealed ones', true, true],
  ] as const)
    test(`${name} (SEED=${SEED})`, { timeout: 120_000 }, () => {
      for (let n = 0; n < CASES; n++) {
        const dice = createDice(SEED, n)
        const there = destination()
        const folder = join(dir, `restored-${isSealed}-${isCaughtUp}-${n}`)
        let log = open(folder, 'boot-1')
        meet(log, there)
        const first = append(log, 0, some(dice))
        there.drain(log, dice.oneOf([0, 1, Infinity]))
        log.close()
        cpSync(folder, `${folder}-copy`, { recursive: true })
        log = open(folder, 'boot-2')
        meet(log, there)
        const second = append(log, first, some(dice))
        there.drain(log)
        const before = log.writer.figures().epoch
        log.close()
        log = open(`${folder}-copy`, 'boot-3')
        const third = isCaughtUp ? append(log, second, some(dice)) : second
        if (isSealed) log.work(true)
        meet(log, there)
        const { epoch } = log.writer.figures()
        expect(epoch).not.toBe(before)
        const fourth = append(log, third, some(dice))
        checkDrained(log, there, [[0, fourth]])
        log.close()
        rmSync(folder, { recursive: true })
        rmSync(`${folder}-copy`, { recursive: true })
      }
    })
})

test('an older copy is put back, and refuses readings before it met its destination: it names none that are there', () => {
  const refuse = (log: OpenedLog, from: number) => {
    const builder = new BatchBuilder(newOrigin(0))
    builder.refuse('process', 'unreadable', timeOf(from), 2)
    log.append(builder.take(timeOf(from)))
    for (let i = 0; i < 10; i++) log.clock.tick(100)
  }
  const there = destination()
  const folder = join(dir, 'refused')
  let log = open(folder, 'boot-1')
  meet(log, there)
  const first = append(log, 0, 80)
  log.close()
  cpSync(folder, `${folder}-copy`, { recursive: true })
  log = open(folder, 'boot-2')
  meet(log, there)
  append(log, first, 80)
  there.drain(log)
  log.close()

  log = open(`${folder}-copy`, 'boot-3')
  refuse(log, 10 * first)
  meet(log, there)
  append(log, 20 * first, 80)
  there.drain(log)
  expect(there.namedAndThere()).toEqual([])
  expect(there.lines().map((it) => it.to - it.from)).toEqual([2, 2, 2, 2, 2])
  log.close()
})

test(`a cloned card: the second box begins an epoch of its own (SEED=${SEED})`, { timeout: 120_000 }, () => {
  for (let n = 0; n < CASES; n++) {
    const dice = createDice(SEED, 100, n)
    const there = destination()
    const folder = join(dir, `cloned-${n}`)
    const first = open(folder, 'boot-1')
    meet(first, there)
    let next = append(first, 0, some(dice))
    there.drain(first)
    first.close()
    cpSync(folder, `${folder}-clone`, { recursive: true })
    const one = open(folder, 'boot-1')
    const other = open(`${folder}-clone`, 'boot-other')
    meet(one, there)
    next = append(one, next, some(dice))
    there.drain(one)
    next = append(other, next, some(dice))
    meet(other, there)
    expect(other.writer.figures().epoch).not.toBe(one.writer.figures().epoch)
    checkDrained(other, there, [[0, next]])
    one.close()
    other.close()
  }
})

test('a card that was cloned after a clean stop: in other hardware it begins an epoch of its own before it meets anybody', () => {
  const folder = join(dir, 'moved')
  const epochIn = (boot: string, hardware: string) => {
    const log = open(folder, boot, hardware)
    append(log, 0, 20)
    const { epoch } = log.writer.figures()
    log.close()
    return epoch
  }
  const first = epochIn('boot-1', 'board-1')
  expect(epochIn('boot-2', 'board-1')).toBe(first)
  const second = epochIn('boot-3', 'board-2')
  expect(second).not.toBe(first)
  expect(epochIn('boot-4', 'board-2')).toBe(second)
  // At one start nobody said which hardware it is.
  expect(epochIn('boot-4b', '')).toBe(second)
  expect(epochIn('boot-4c', 'board-2')).toBe(second)
  // By a version that does not ask.
  const db = new Database(join(folder, 'journal.db'))
  db.exec("DELETE FROM meta WHERE key = 'hardware'")
  db.close()
  expect(epochIn('boot-5', 'board-3')).toBe(second)
})

test("a card that was moved: as nobody's it keeps all; the box that it was again, it sends what it had not, and goes on in an epoch of its own", () => {
  const there = destination()
  const folder = join(dir, 'moved-on')
  const first = open(folder, 'boot-1', 'board-1')
  meet(first, there)
  const had = append(first, 0, 200)
  there.drain(first, 1)
  const next = append(first, had, 200)
  const { epoch, classes } = first.writer.figures()
  const waits = classes.reduce((sum, it) => sum + it.stored, 0)
  expect(waits).toBe(200)
  first.close()

  // What a box begins with.
  const nobodys = { device: 'box-new', uplinks: [], delivery: {}, classes: [classNamed('process')] }
  for (const boot of ['boot-2', 'boot-3']) {
    const log = open(folder, boot, 'board-2', nobodys)
    log.work()
    for (let n = 0; n < 100; n++) log.clock.tick(1_000)
    log.work()
    log.close()
  }
  const again = open(folder, 'boot-5', 'board-2')
  expect(again.writer.figures().epoch).not.toBe(epoch)
  expect(again.writer.figures().classes.reduce((sum, it) => sum + it.stored, 0)).toBe(waits)
  meet(again, there)
  checkDrained(again, there, [[0, append(again, next, 80)]])
  const ofReadings = there.streams()
  expect(new Set(ofReadings.map((it) => it.device))).toEqual(new Set(['box-1']))
  expect(new Set(ofReadings.map((it) => it.epoch))).toEqual(new Set([epoch, again.writer.figures().epoch]))
  again.close()
})

test('a card that was moved and is set up as another box: what it had not sent goes under the old name', () => {
  const there = destination()
  const folder = join(dir, 'moved-as-another')
  const first = open(folder, 'boot-1', 'board-1')
  const next = append(first, 0, 200)
  const { epoch } = first.writer.figures()
  first.close()
  const other = open(folder, 'boot-2', 'board-2', { device: 'box-new' })
  meet(other, there)
  checkDrained(other, there, [[0, append(other, next, 80)]])
  const now = other.writer.figures().epoch
  expect(new Set(there.streams().map((it) => `${it.device} ${it.epoch}`))).toEqual(new Set([`box-1 ${epoch}`, `box-new ${now}`]))
  expect(now).not.toBe(epoch)
  other.close()
})

test('a reset: another epoch', () => {
  const there = destination()
  const first = open(join(dir, 'reset'), 'boot-1')
  meet(first, there)
  const next = append(first, 0, 80)
  there.drain(first)
  const { epoch } = first.writer.figures()
  first.close()
  rmSync(join(dir, 'reset'), { recursive: true })
  const second = open(join(dir, 'reset'), 'boot-1')
  meet(second, there)
  expect(second.writer.figures().epoch).not.toBe(epoch)
  checkDrained(second, there, [[0, append(second, next, 80)]])
  second.close()
})
