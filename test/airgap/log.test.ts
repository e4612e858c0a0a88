// What the log keeps of exports and receipts: numbers, accounts, epochs.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeBlock, sequenceAt } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { exportOf, receiptOf } from '../../src/core/airgap.ts'
import { BadInput } from '../../src/core/errors.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import type { Taken } from '../../src/core/log.ts'
import type { OpenedLog, TestOptions } from '../log/helpers.ts'
import { checkBooks, classNamed, counterSource, NEXT, openTestLog, slicesOf, T0, tempDir } from '../log/helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => void (temp = tempDir()))
afterEach(() => {
  log?.keeper.close()
  temp.remove()
})

const UPLINK = 'kafka'
const NAME = exportOf(UPLINK)
const ALL = { ...NEXT, uplink: NAME, readingsMax: 1e6 }

function open(options: TestOptions = {}): void {
  log = openTestLog(temp.dir, options)
}

function add(batches: number, source = counterSource()): void {
  for (let n = 0; n < batches; n++) {
    log.append(source.batch(10))
    log.clock.tick(1000)
  }
}

/** Everything that an export hands out. */
function handOut(): Taken[] {
  log.keeper.restart(NAME, log.writer.given.out(UPLINK).position.delivered, [])
  const taken = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...ALL, lane }))
  log.keeper.forget(NAME)
  return taken
}

const rangesOf = (taken: readonly Taken[]) => taken.flatMap((it) => it.ranges)

function giveAll(): StreamRange[] {
  const ranges = rangesOf(handOut())
  log.writer.given.give(UPLINK, ranges)
  return ranges
}

const epoch = () => log.writer.figures().epoch
const receipt = (ranges: readonly StreamRange[], transaction = 1) => ({ uplink: UPLINK, transaction, ranges, refused: [] })

/** By number: which series, and what. */
function readings(): Map<number, string> {
  const all = new Map<number, string>()
  for (const slice of handOut().flatMap(slicesOf)) {
    const block = decodeBlock(slice.block)
    let at = 0
    for (const [run, count] of block.runs.entries())
      for (let n = 0; n < count; n++, at++) all.set(sequenceAt(block, at), `${block.seriesIds[run]} ${block.value[at]}`)
  }
  return all
}

function addTwoSeries(): void {
  const builder = new BatchBuilder(newOrigin(0))
  const series = ['a', 'b'].map((tag) => builder.series({ tag, class: 'process', kind: 'double' }))
  for (let n = 0; n < 40; n++) {
    for (const it of series) builder.add(it, T0 + n * 1000, n)
    log.append(builder.take(T0))
    log.clock.tick(1000)
  }
}

test.each([
  [true, 'what was given out keeps its numbers when it is sealed, in a later run too'],
  [false, 'what was not given out is numbered anew by sealing (or the test before says nothing)'],
])('%s: %s', (isGiven) => {
  open()
  addTwoSeries()
  const before = readings()
  if (isGiven) giveAll()
  log.close()
  open()
  log.work(true)
  const after = readings()
  expect(after.size).toBe(80)
  if (isGiven) expect(after).toEqual(before)
  else expect(after).not.toEqual(before)
})

test('what was given out is stored as before; a receipt makes it delivered, once; the accounts agree', () => {
  open()
  add(5)
  const ranges = giveAll()
  const account = () => log.writer.figures().classes[0]
  expect(account()).toMatchObject({ accepted: 50, stored: 50, delivered: 0 })
  expect(log.writer.given.receive(receipt(ranges))).toEqual({ counted: 50, known: 0, ignored: 0 })
  expect(account()).toMatchObject({ accepted: 50, stored: 0, delivered: 50 })
  expect(log.writer.given.receive(receipt(ranges))).toEqual({ counted: 0, known: 50, ignored: 0 })
  expect(account()).toMatchObject({ accepted: 50, stored: 0, delivered: 50 })
  checkBooks(temp.dir, log.writer.figures())
  expect(rangesOf(handOut())).toEqual([])
})

test('a receipt for what was never given out, or for another stream, changes nothing', () => {
  open()
  add(5)
  const [range] = giveAll() as [StreamRange]
  add(5)
  expect(() => log.writer.given.receive(receipt([{ ...range, to: 51 }]))).toThrow(BadInput)
  expect(() => log.writer.given.receive(receipt([range, { ...range, from: 60, to: 70 }]))).toThrow(BadInput)
  expect(log.writer.given.receive(receipt([{ ...range, stream: 'box-1:ffff:process:raw' }]))).toEqual({
    counted: 0,
    known: 0,
    ignored: 50,
  })
  expect(log.writer.figures().classes[0]).toMatchObject({ stored: 100, delivered: 0 })
})

test('readings that an importer was refused for good are parked, and the same receipt parks them once', () => {
  open()
  add(2)
  const [range] = giveAll() as [StreamRange]
  const refused = [{ stream: range.stream, sequence: 7, code: 'record-too-large' }]
  log.writer.given.receive({ ...receipt([range]), refused })
  expect(log.writer.figures().classes[0]).toMatchObject({ stored: 1, delivered: 19 })
  log.writer.given.receive({ ...receipt([range]), refused })
  expect(log.writer.figures().classes[0]).toMatchObject({ stored: 1, delivered: 19 })
  checkBooks(temp.dir, log.writer.figures())
})

test('a box that meets its imports for the first time goes on in its epoch', () => {
  open()
  add(5)
  const ranges = giveAll()
  const before = epoch()
  const delivered = new Map(ranges.map((it) => [it.stream, [{ from: it.from, to: it.to }]]))
  const resumed = log.writer.restart(UPLINK, { transaction: 3, delivered })
  expect(epoch()).toBe(before)
  expect(resumed).toMatchObject({ transaction: 3, inDoubt: [] })
  expect(log.writer.figures().classes[0]).toMatchObject({ stored: 0, delivered: 50 })
})

test('numbers at the destination that were never given out are still those of a log that was put back', () => {
  open()
  add(5)
  const [range] = giveAll() as [StreamRange]
  add(1)
  const before = epoch()
  log.writer.restart(UPLINK, { transaction: 3, delivered: new Map([[range.stream, [{ from: 0, to: 55 }]]]) })
  expect(epoch()).not.toBe(before)
})

test('where the destination has forgotten the position, what left on a stick is in doubt', () => {
  open()
  add(5)
  const ranges = giveAll()
  add(5)
  expect(log.writer.restart(UPLINK, 'none').inDoubt).toEqual(ranges)
})

test('an epoch that is over stays in the position while something of it is on a stick', () => {
  open({ bootId: 'boot-1' })
  add(5)
  const [range] = giveAll() as [StreamRange]
  log.abandon()
  open({ bootId: 'boot-2' })
  add(1)
  const there = { transaction: 3, delivered: new Map([[range.stream, [{ from: 0, to: 50 }]]]) }
  expect([...log.writer.restart(UPLINK, there).delivered.keys()]).toContain(range.stream)
  expect(log.writer.restart(UPLINK, there).delivered.get(range.stream)).toEqual([{ from: 0, to: 50 }])
  expect(log.writer.given.receive(receipt([range], 4))).toEqual({ counted: 0, known: 50, ignored: 0 })
  log.writer.restart(UPLINK, there)
  expect(log.writer.given.out(UPLINK).position.delivered.has(range.stream)).toBe(false)
  // Now it is over: a late replay finds nobody.
  expect(log.writer.given.receive(receipt([range], 4))).toEqual({ counted: 0, known: 0, ignored: 50 })
  expect(log.writer.given.out(UPLINK).position.delivered.has(range.stream)).toBe(false)
  expect(log.writer.given.out(UPLINK).given.has(range.stream)).toBe(false)
  expect(receiptOf(UPLINK)).not.toBe(NAME)
})

test('lines of the ledger before those that the destination has are handed out', () => {
  const classes = [classNamed('process')]
  open({ classes })
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'a', class: 'process', kind: 'double' })
  for (let n = 0; n < 6; n++) {
    builder.add(series, T0 + n, n)
    builder.refuse('process', `reason-${n}`, T0 + n)
    log.append(builder.take(T0))
    log.clock.tick(1000)
  }
  while (log.writer.publish() > 0);
  const gaps = handOut()
    .flatMap((it) => it.slices)
    .filter((it) => it.form === 'gap')
  const stream = gaps[0]?.stream
  const key = `${stream?.device}:${stream?.epoch}:process:gap`
  expect(gaps.map((it) => [it.from, it.to])).toEqual([[0, 6]])
  log.keeper.restart(UPLINK, new Map([[key, [{ from: 2, to: 4 }]]]), [])
  const next = log.keeper.next({ ...ALL, uplink: UPLINK, lane: 'live' })
  const rows = next.slices.flatMap((it) => (it.form === 'gap' ? it.rows.map((row) => row.sequence) : []))
  expect(rows).toEqual([0, 1, 4, 5])
})

test('what was given out and did not become a whole file is given again, even where more is wanted', () => {
  open()
  add(5)
  const [range] = giveAll() as [StreamRange]
  expect([...log.writer.given.out(UPLINK).whole]).toEqual([])
  log.writer.given.whole(UPLINK, [{ ...range, to: 20 }])
  expect([...log.writer.given.out(UPLINK).whole]).toEqual([[range.stream, [{ from: 0, to: 20 }]]])
})
