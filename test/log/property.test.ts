// Random lives of a log against a simple model: what was accepted is there once and in order, or delivered, or named; the accounts add
// up; the files stay within the bound; a number that was handed out never means another reading. A crash is a copy of the files as they stand.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import fc from '../prove/fast-check.ts'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { RawSlice } from '../../src/core/log.ts'
import { readAt, segmentPath } from '../../src/log/segment.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import type { Position } from '../../src/core/position.ts'
import type { OpenedLog } from './helpers.ts'
import { bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

const BYTES_MAX = 32_000_000
const CLASSES = [
  classNamed('alarms', { floorBytes: 1_000_000, commitEveryMs: 50 }),
  classNamed('process', { commitEveryMs: 400, ladder: [{ offlineForMs: 20_000, keep: { windowMs: 10_000 } }] }),
]
const TAGS = 3
const RUNS = Number(process.env['HOLDFAST_RUNS'] ?? 60)
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_240)
/** Who asks for few wants to know whether, not how. */
const IS_SHORT = RUNS < 60

type Step =
  | { readonly do: 'append'; readonly place: number; readonly count: number; readonly bytes: number; readonly refused: number }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'send'; readonly outcome: 'had' | 'had-not' | 'answered' | 'half' }
  | { readonly do: 'publish' | 'crash' | 'reopen' | 'reboot' | 'work' | 'seal' }

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
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('work' as const, 'seal' as const, 'seal' as const) }) },
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
  /** By stream and sequence: the reading's number, from when it was handed out until it is known that the destination has not got it. */
  const handed = new Map<string, number>()
  const arrived = new Set<string>()

  function open(): void {
    log = openTestLog(dir, { bytesMax: BYTES_MAX, classes: CLASSES, bootId: `boot-${boot}`, commitBytes: 400_000 }, () => {
      if (bytesOnDisk(dir) > BYTES_MAX) throw new Error(`${bytesOnDisk(dir)} bytes on disk`)
    })
    builder = new BatchBuilder(newOrigin(0))
    begin()
  }

  function begin(): void {
    for (const key of handed.keys()) if (!arrived.has(key)) handed.delete(key)
    const { delivered, inDoubt } = log.writer.restart('kafka', there)
    log.keeper.restart('kafka', delivered, inDoubt)
  }

  function append({ place, count, bytes, refused }: Extract<Step, { do: 'append' }>): void {
    const name = CLASSES[place]?.name ?? ''
    const all = Array.from({ length: TAGS }, (_, n) => builder.series({ tag: `${name}/${n}`, class: name, kind: 'bytes' }))
    for (let i = 0; i < count; i++) {
      const series = all[given % TAGS] as number
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
    for (const slice of lanes.flatMap((it) => it.slices)) if (slice.form === 'raw') hand(slice)
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
        if (slice.form !== 'gap' && isGone) continue
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

  function hand(slice: RawSlice): void {
    for (const [sequence, value] of numbersIn(slice.block)) {
      if (sequence < slice.from || sequence >= slice.to) continue
      const key = `${slice.stream.epoch}:${slice.stream.class}:raw:${sequence}`
      if ((handed.get(key) ?? value) !== value) throw new Error(`${key} was ${handed.get(key)} and is ${value}`)
      handed.set(key, value)
    }
  }

  /** The files as they stand go on elsewhere. */
  function crash(newBoot: boolean): void {
    const old = log
    const copy = join(base, `life-${++lives}`)
    cpSync(dir, copy, { recursive: true, filter: (it) => !it.endsWith('-shm') })
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

  /** What was handed out keeps its number; readings of a tag come after those that came before them; none is there twice. */
  function checkBlocks(): void {
    const db = new Database(join(dir, 'journal.db'), { readonly: true })
    const rows = db
      .prepare(
        `SELECT s.epoch, s.class, b.first, b.count, b.bytes, b.data, b."offset", g.id AS segment FROM block b JOIN stream s ON s.id = b.stream LEFT JOIN segment g ON g.id = b.segment WHERE s.form = 'raw' ORDER BY s.id, b.first`,
      )
      .all() as BlockOnDisk[]
    db.close()
    const last = new Map<string, number>()
    const found = new Set<number>()
    for (const row of rows) {
      const block =
        row.data ?? readAt(segmentPath(dir, { id: row.segment ?? 0, class: row.class, form: 'raw' }), row.offset ?? 0, row.bytes)
      for (const [sequence, value] of numbersIn(block)) {
        const key = `${row.epoch}:${row.class}:raw:${sequence}`
        if ((handed.get(key) ?? value) !== value) throw new Error(`${key} was ${handed.get(key)} and is ${value}`)
        const tag = `${row.epoch}:${row.class}:${value % TAGS}`
        if (value >= given || value <= (last.get(tag) ?? -1)) throw new Error(`${key} out of order: ${value}`)
        if (found.has(value)) throw new Error(`${key}: reading ${value} is there twice`)
        found.add(value)
        last.set(tag, value)
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
      else if (it.do === 'work' || it.do === 'seal') log.work(it.do === 'seal')
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

interface BlockOnDisk {
  readonly epoch: string
  readonly class: string
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly data: Uint8Array | null
  readonly offset: number | null
  readonly segment: number | null
}

/** Sequence and number of each reading, in the order of sequences within a series. */
function numbersIn(data: Uint8Array): [number, number][] {
  const block = decodeBlock(data)
  const words = new Uint32Array(block.value.buffer, block.value.byteOffset)
  return Array.from({ length: block.count }, (_, i) => {
    const value = new DataView(block.bytes.buffer, block.bytes.byteOffset + (words[i * 2] as number)).getFloat64(0)
    return [block.sequence?.[i] ?? block.first + i, value]
  })
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
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: false, endOnFailure: IS_SHORT },
  )
  expect(RUNS).toBeGreaterThan(0)
})
