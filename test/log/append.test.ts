import type { DecodedBlock } from '../../src/columns/index.ts'
import { rowsOf } from '../../src/core/query.ts'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { BLOCK_BYTES_MAX, BLOCK_READINGS_MAX } from '../../src/core/bounds.ts'
import { BAD, UNCERTAIN } from '../../src/core/reading.ts'
import { openJournal } from '../../src/log/journal.ts'
import type { OpenedLog } from './helpers.ts'
import { books, checkBooks, classNamed, counterSource, decoded, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => void (temp = tempDir()))
afterEach(() => temp.remove())

const live = { ...NEXT, lane: 'live' } as const

describe('a round trip', () => {
  test('every kind of value comes back as it was, with time, quality, status, receive time and name', () => {
    log = openTestLog(temp.dir)
    const builder = new BatchBuilder(newOrigin(0))
    const of = (tag: string, kind: 'double' | 'long' | 'bool' | 'string' | 'bytes', unit?: string) =>
      builder.series(unit === undefined ? { tag, class: 'process', kind } : { tag, class: 'process', kind, unit })
    builder.add(of('d', 'double', '°C'), T0 + 1, Number.MIN_VALUE, UNCERTAIN, 0x40000000)
    builder.add(of('d', 'double', '°C'), T0 + 2, -0)
    builder.addLong(of('l', 'long'), T0 + 3, -(2n ** 63n))
    builder.add(of('b', 'bool'), T0 + 4, 1)
    builder.addString(of('s', 'string'), T0 + 5, 'Grüße 🚀')
    builder.addBytes(of('y', 'bytes'), T0 + 6, Uint8Array.of(0, 255, 7))
    builder.addNone(of('d', 'double', '°C'), T0 + 7, BAD, 0x80000000)
    log.append(builder.take(T0 + 99))
    log.clock.tick(1000)
    const rows = ['d', 'l', 'b', 's', 'y'].flatMap((tag) =>
      log.keeper.query({ tag, from: 0, to: 2 ** 53, after: 0 }).parts.flatMap((it) => [...rowsOf(it)]),
    )
    expect(rows.map((it) => [it.time - T0, it.value, it.quality, it.status])).toEqual([
      [1, Number.MIN_VALUE, 'uncertain', 0x40000000],
      [2, -0, 'good', 0],
      [7, null, 'bad', 0x80000000],
      [3, -(2n ** 63n), 'good', 0],
      [4, true, 'good', 0],
      [5, 'Grüße 🚀', 'good', 0],
      [6, Uint8Array.of(0, 255, 7), 'good', 0],
    ])
    expect(rows.every((it) => it.received === T0 + 99 && it.class === 'process')).toBe(true)
    expect(rows[0]?.unit).toBe('°C')
    expect(rows.map((it) => it.sequence)).toEqual([0, 1, 2, 3, 4, 5, 6])
    const taken = log.keeper.next(live)
    expect(decoded(taken).map((it) => it.count)).toEqual([7])
    expect([...taken.series.values()].map((it) => it.tag).sort()).toEqual(['b', 'd', 'l', 's', 'y'])
    log.close()
  })

  test('series keep their number over restarts, and a tag of another kind or unit is another series', () => {
    for (let run = 0; run < 2; run++) {
      log = openTestLog(temp.dir)
      const builder = new BatchBuilder(newOrigin(0))
      for (const unit of ['bar', 'Pa']) builder.add(builder.series({ tag: 'p', class: 'process', kind: 'double', unit }), T0, run)
      builder.addLong(builder.series({ tag: 'p', class: 'process', kind: 'long' }), T0, 5n)
      log.append(builder.take(T0))
      log.close()
    }
    const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
    expect(db.prepare('SELECT id, kind, unit FROM series ORDER BY id').all()).toEqual([
      { id: 1, kind: 'double', unit: 'bar' },
      { id: 2, kind: 'double', unit: 'Pa' },
      { id: 3, kind: 'long', unit: null },
    ])
    db.close()
  })

  test('a batch larger than a block becomes several, in order; large values keep a block near its bound of bytes', () => {
    log = openTestLog(temp.dir, { bytesMax: 200_000_000 })
    const { batch, builder } = counterSource()
    log.append(batch(BLOCK_READINGS_MAX * 2 + 5))
    const bytes = builder.series({ tag: 'blob', class: 'process', kind: 'bytes' })
    const random = noise(7)
    const before = BLOCK_READINGS_MAX * 2 + 5
    for (let i = 0; i < 40; i++) builder.addBytes(bytes, T0, random(200_000))
    log.append(builder.take(T0))
    log.clock.tick(1000)
    const found = new Map<number, DecodedBlock>()
    for (let taken = log.keeper.next(live); taken.slices.length > 0; taken = log.keeper.next(live))
      for (const it of decoded(taken)) found.set(it.first, it)
    const blocks = [...found.values()]
    expect(blocks.reduce((sum, it) => sum + it.count, 0)).toBe(before + 40)
    expect(blocks.every((it) => it.bytes.length <= BLOCK_BYTES_MAX + 200_000)).toBe(true)
    const counters = blocks.flatMap((it) => [...it.value.subarray(0, it.count)]).slice(0, before)
    expect(counters.every((value, i) => value === i)).toBe(true)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('several classes in one batch, and a class that is not in the settings', () => {
    log = openTestLog(temp.dir, { classes: [classNamed('alarms', { commitEveryMs: 100 }), classNamed('process')] })
    const builder = new BatchBuilder(newOrigin(0))
    for (let i = 0; i < 90; i++)
      builder.add(
        builder.series({ tag: `t${i % 3}`, class: ['alarms', 'process', 'gone'][i % 3] as string, kind: 'double' }),
        T0 + i,
        i,
      )
    const id = log.append(builder.take(T0))
    log.clock.tick(150)
    expect(log.acked).toEqual([])
    log.clock.tick(900)
    expect(log.acked).toEqual([id])
    const figures = log.writer.figures()
    expect(figures.classes.map(({ name, accepted, stored, lost }) => ({ name, accepted, stored, lost }))).toEqual([
      { name: 'alarms', accepted: 30, stored: 30, lost: {} },
      { name: 'process', accepted: 60, stored: 30, lost: { 'no-such-class': 30 } },
    ])
    checkBooks(temp.dir, figures)
    log.close()
  })
})

describe('group commit', () => {
  test('waits for commitEvery, and one commit carries all that came meanwhile', () => {
    log = openTestLog(temp.dir)
    const { batch } = counterSource()
    const commits = log.writer.figures().commits
    const ids = [log.append(batch(3))]
    log.clock.tick(999)
    ids.push(log.append(batch(2)))
    expect(log.acked).toEqual([])
    log.clock.tick(1)
    expect(log.acked).toEqual(ids)
    expect(log.writer.figures().commits).toBe(commits + 1)
    log.close()
  })

  test('commitBytes and hurry commit sooner; hurry with nothing waiting does no harm', () => {
    log = openTestLog(temp.dir, { commitBytes: 25_000 })
    const { batch } = counterSource()
    log.writer.hurry()
    log.clock.tick(0)
    const first = log.append(batch(10))
    log.clock.tick(10)
    expect(log.acked).toEqual([])
    log.writer.hurry()
    log.clock.tick(0)
    expect(log.acked).toEqual([first])
    const second = log.append(batch(2000))
    log.clock.tick(1)
    expect(log.acked).toEqual([first, second])
    log.close()
  })

  test('classes have intervals of their own', () => {
    log = openTestLog(temp.dir, { classes: [classNamed('alarms', { commitEveryMs: 10 }), classNamed('process')] })
    const slow = log.append(counterSource('process').batch(5))
    const quick = log.append(counterSource('alarms').batch(5))
    log.clock.tick(20)
    expect(log.acked).toEqual([quick])
    log.clock.tick(1000)
    expect(log.acked).toEqual([quick, slow])
    log.close()
  })

  test('what is not due yet has no number in the file: publishing lines of the ledger in between leaves no hole', () => {
    log = openTestLog(temp.dir, {
      classes: [classNamed('alarms', { commitEveryMs: 10 }), classNamed('process', { commitEveryMs: 60_000 })],
      commitBytes: 1e9,
    })
    const alarms = counterSource('alarms')
    const process = counterSource('process')
    alarms.builder.refuse('alarms', 'unreadable', T0)
    log.append(alarms.builder.take(T0))
    log.clock.tick(20)
    // More than a block: its numbers are given, its commit is far away.
    log.append(process.batch(BLOCK_READINGS_MAX))
    log.append(process.batch(10))
    expect(log.writer.publish()).toBe(0)
    expect(books(temp.dir).find((it) => it.class === 'process')?.next ?? 0).toBe(0)
    const early = log.keeper.next(live)
    expect(early.ranges.some((it) => it.stream.includes(':process:'))).toBe(false)
    log.clock.tick(60_000)
    const taken = log.keeper.next(live)
    expect(decoded(taken).reduce((sum, it) => sum + it.count, 0)).toBe(BLOCK_READINGS_MAX + 10)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('synchronous is FULL after the first write of each open', () => {
    for (let open = 0; open < 2; open++) {
      const db = openJournal(temp.dir, 64_000_000)
      expect(db.pragma('synchronous', { simple: true })).toBe(2)
      db.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('x', 'y')")
      expect(db.pragma('synchronous', { simple: true })).toBe(2)
      expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
      db.close()
    }
  })

  test('a commit that fails is told once, acknowledges nothing, and nothing is written after it', () => {
    log = openTestLog(temp.dir)
    const { batch } = counterSource()
    log.append(batch(5))
    log.clock.tick(1000)
    const other = new Database(join(temp.dir, 'journal.db'))
    other.exec('DROP TABLE account')
    other.close()
    log.append(batch(5))
    log.clock.tick(1000)
    expect(log.failures).toHaveLength(1)
    log.append(batch(5))
    log.clock.tick(1000)
    expect(log.acked).toEqual([0])
    expect(() => log.writer.offer('kafka', [], {})).toThrow(/cannot be written/)
    log.close()
    const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
    expect(db.prepare('SELECT sum(count) FROM block').pluck().get()).toBe(5)
    expect(db.prepare("SELECT value FROM meta WHERE key = 'clean-stop'").pluck().get()).toBe('0')
    db.close()
  })
})

describe('refused readings', () => {
  test('get the numbers after the stored of their commit, one line each reason, and are published once', () => {
    log = openTestLog(temp.dir)
    const { batch, builder } = counterSource()
    for (let i = 0; i < 4; i++) {
      builder.refuse('process', i % 2 ? 'overflow' : 'out-of-range', T0 + i, 3)
      log.append(batch(10))
    }
    log.clock.tick(1000)
    expect(log.writer.publish()).toBe(0)
    const gap = log.keeper.next(live).slices.find((it) => it.form === 'gap')
    const rows = gap?.form === 'gap' ? gap.rows : []
    expect(
      rows.map((it) => [it.sequence, it.from, it.to, it.count, it.reason, it.action, it.timeFrom - T0, it.timeTo - T0]),
    ).toEqual([
      [0, 40, 46, 6, 'out-of-range', 'refused', 0, 2],
      [1, 46, 52, 6, 'overflow', 'overflowed', 1, 3],
    ])
    expect(log.keeper.next(live).slices).toEqual([])
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('thousands of lines that wait are published piece by piece', () => {
    log = openTestLog(temp.dir)
    const { batch, builder } = counterSource()
    for (let i = 0; i < 2500; i++) {
      builder.refuse('process', 'unreadable', T0)
      log.append(batch(1))
      log.clock.tick(1000)
    }
    expect([log.writer.publish(), log.writer.publish(), log.writer.publish()]).toEqual([1500, 500, 0])
    const sequences: number[] = []
    for (let taken = log.keeper.next(live); taken.ranges.length > 0; taken = log.keeper.next(live))
      sequences.push(...taken.slices.flatMap((it) => (it.form === 'gap' ? it.rows.map((row) => row.sequence) : [])))
    expect(sequences).toEqual(Array.from({ length: 2500 }, (_, i) => i))
    log.close()
  })
})
