// Random lives of a log against a simple model: what was accepted is there once and in order, or delivered, or named; the accounts add
// up; the files stay within the bound; a number is never used twice. A crash is a copy of the files as they stand.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import type { Position } from '../../src/core/position.ts'
import type { OpenedLog } from './helpers.ts'
import { bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

const BYTES_MAX = 32_000_000
const CLASSES = [
  classNamed('alarms', { floorBytes: 1_000_000, commitEveryMs: 50 }),
  classNamed('process', { commitEveryMs: 400 }),
]
const RUNS = Number(process.env['HOLDFAST_RUNS'] ?? 60)
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_240)

type Step =
  | { readonly do: 'append'; readonly place: number; readonly count: number; readonly bytes: number; readonly refused: number }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'send'; readonly outcome: 'had' | 'had-not' | 'answered' | 'half' }
  | { readonly do: 'publish' | 'crash' | 'reopen' | 'reboot' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        place: fc.nat(1),
        count: fc.integer({ min: 0, max: 60 }),
        bytes: fc.constantFrom(8, 8, 500, 20_000),
        refused: fc.constantFrom(0, 0, 0, 3),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.constantFrom(1, 60, 500) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        outcome: fc.constantFrom('had', 'had-not', 'answered', 'answered', 'half'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('publish' as const, 'crash' as const, 'reopen' as const, 'reboot' as const) }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 30, maxLength: 90 },
)

/** A log, the destination that it delivers to, and what both must agree on. */
function createLife(base: string) {
  let dir = join(base, 'life-0')
  let lives = 0
  const appended: number[] = []
  let acknowledged = 0
  let boot = 0
  let log: OpenedLog
  let builder: BatchBuilder
  let given = 0
  let transaction = 0
  let there: Position | 'none' = 'none'
  const random = noise(99)
  /** By stream and sequence: the reading's number, as soon as it was seen on disk. */
  const seen = new Map<string, number>()
  const arrived = new Set<string>()

  function open(): void {
    log = openTestLog(dir, { bytesMax: BYTES_MAX, classes: CLASSES, bootId: `boot-${boot}`, commitBytes: 400_000 }, () => {
      if (bytesOnDisk(dir) > BYTES_MAX) throw new Error(`${bytesOnDisk(dir)} bytes on disk`)
    })
    builder = new BatchBuilder(newOrigin(0))
    begin()
  }

  function begin(): void {
    log.keeper.restart('kafka', log.writer.restart('kafka', there).delivered)
  }

  function append({ place, count, bytes, refused }: Extract<Step, { do: 'append' }>): void {
    const name = CLASSES[place]?.name ?? ''
    const series = builder.series({ tag: name, class: name, kind: 'bytes' })
    for (let i = 0; i < count; i++) {
      const value = random(Math.max(8, bytes))
      new DataView(value.buffer).setFloat64(0, given)
      builder.addBytes(series, T0 + given++, value)
    }
    if (refused > 0) builder.refuse(name, 'unreadable', T0, refused)
    appended[log.append(builder.take(T0))] = count + refused
  }

  /** One transaction, which the destination has or has not; the log hears of it, or asks. */
  function send(outcome: Extract<Step, { do: 'send' }>['outcome']): void {
    const lanes = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...NEXT, lane, readingsMax: 200 }))
    const ranges = lanes.flatMap((it) => it.ranges)
    const gone = log.writer.offer('kafka', ranges, {})
    if (outcome === 'half') return begin()
    if (outcome !== 'had-not') {
      for (const slice of lanes.flatMap((it) => it.slices)) {
        const isGone = gone.some(
          (it) =>
            it.from < slice.to &&
            slice.from < it.to &&
            it.stream.includes(`:${slice.stream.class}:`) &&
            it.stream.includes(slice.stream.epoch),
        )
        if (slice.form === 'raw' && isGone) continue
        for (let at = slice.from; at < slice.to; at++) {
          const key = `${slice.stream.epoch}:${slice.stream.class}:${slice.form}:${at}`
          if (arrived.has(key)) throw new Error(`${key} arrived twice`)
          arrived.add(key)
        }
      }
      there = { transaction: ++transaction, delivered: merged(there, ranges) }
    }
    if (outcome === 'answered') log.writer.commit('kafka', ranges, transaction, [])
    else begin()
  }

  /** The files as they stand go on elsewhere. */
  function crash(newBoot: boolean): void {
    const old = log
    const copy = join(base, `life-${++lives}`)
    mkdirSync(copy)
    for (const it of ['journal.db', 'journal.db-wal']) copyFileSync(join(dir, it), join(copy, it))
    dir = copy
    if (newBoot) boot++
    settle()
    old.close()
    open()
    // What was acknowledged before is still accounted for.
    const accepted = log.writer.figures().classes.reduce((sum, it) => sum + it.accepted, 0)
    if (accepted < acknowledged) throw new Error(`${acknowledged} were acknowledged, ${accepted} are accounted for`)
  }

  /** Counts the acknowledged of the log that is about to go. */
  function settle(): void {
    for (const id of log.acked) acknowledged += appended[id] ?? 0
    appended.length = 0
  }

  /** Each reading on disk has its number for good, and comes after those that came before it. */
  function checkBlocks(): void {
    const db = new Database(join(dir, 'journal.db'), { readonly: true })
    const rows = db
      .prepare(
        'SELECT s.epoch, s.class, b.first, b.count, b.data FROM block b JOIN stream s ON s.id = b.stream ORDER BY s.id, b.first',
      )
      .all() as { epoch: string; class: string; first: number; count: number; data: Uint8Array }[]
    db.close()
    const last = new Map<string, number>()
    for (const row of rows) {
      const block = decodeBlock(row.data)
      const words = new Uint32Array(block.value.buffer, block.value.byteOffset)
      for (let i = 0; i < row.count; i++) {
        const offset = words[i * 2] as number
        const value = new DataView(block.bytes.buffer, block.bytes.byteOffset + offset).getFloat64(0)
        const key = `${row.epoch}:${row.class}:raw:${row.first + i}`
        if ((seen.get(key) ?? value) !== value) throw new Error(`${key} was ${seen.get(key)} and is ${value}`)
        seen.set(key, value)
        if (value >= given || value <= (last.get(row.epoch + row.class) ?? -1)) throw new Error(`${key} out of order: ${value}`)
        last.set(row.epoch + row.class, value)
      }
    }
  }

  open()
  return {
    step(it: Step): void {
      if (it.do === 'append') append(it)
      else if (it.do === 'tick') log.clock.tick(it.ms)
      else if (it.do === 'send') send(it.outcome)
      else if (it.do === 'publish') log.writer.publish()
      else if (it.do === 'reopen') {
        log.close()
        settle()
        open()
      } else crash(it.do === 'reboot')
      if (log.failures.length > 0) throw log.failures[0]
      checkBooks(dir, log.writer.figures())
    },
    checkBlocks,
    close: () => log.close(),
  }
}

function merged(there: Position | 'none', ranges: readonly StreamRange[]): Position['delivered'] {
  const all = new Map(there === 'none' ? [] : there.delivered)
  for (const { stream, from, to } of ranges) {
    const list = [...(all.get(stream) ?? []), { from, to }].sort((a, b) => a.from - b.from)
    const joined: { from: number; to: number }[] = []
    for (const it of list) {
      const last = joined.at(-1)
      if (last && it.from <= last.to) joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, it.to) }
      else joined.push(it)
    }
    all.set(stream, joined)
  }
  return all
}

test(`${RUNS} random lives`, { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { dir, remove } = tempDir()
      try {
        const life = createLife(dir)
        for (const [n, it] of list.entries()) {
          life.step(it)
          if (n % 10 === 9) life.checkBlocks()
        }
        life.close()
        life.checkBlocks()
      } finally {
        remove()
      }
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: false },
  )
  expect(RUNS).toBeGreaterThan(0)
})
