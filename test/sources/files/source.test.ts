// Each value is another one: what is missing or there twice shows.
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Place, Running } from './harness.ts'
import { CSV, csvLines, numbers, place, until, values } from './harness.ts'

const HEADER = 'time,value\n'

let here: Place
beforeEach(() => {
  here = place()
})
afterEach(() => here.remove())

const at = (name: string) => join(here.folder, name)
const seen = (it: Running) => values(it.rows)
const all = (it: Running, count: number) =>
  until(
    () => it.rows.length >= count,
    () => [it.rows.length, it.source.status()],
  )
/** Several more looks: whoever would read something twice would have done so. */
const looks = () => sleep(400)

describe('each line once, in the order of the file', () => {
  test('appended to, in pieces that end in the middle of a line', async () => {
    const text = HEADER + csvLines(0, 500)
    writeFileSync(at('a.csv'), '')
    const it = here.open(CSV)
    for (let from = 0; from < text.length; from += 2_000) {
      appendFileSync(at('a.csv'), text.slice(from, from + 2_000))
      await sleep(20)
    }
    await all(it, 500)
    await looks()
    expect(seen(it)).toEqual(numbers(0, 500))
    await it.stop()
  })

  test('renamed while it grows, as a rotation does, and a new one in its place', async () => {
    writeFileSync(at('log.csv'), HEADER + csvLines(0, 50))
    const it = here.open(CSV)
    await all(it, 50)
    for (let round = 1; round <= 5; round++) {
      appendFileSync(at('log.csv'), csvLines(round * 50, 20))
      renameSync(at('log.csv'), at(`log.${round}.csv`))
      writeFileSync(at('log.csv'), HEADER + csvLines(round * 50 + 20, 30))
      if (round % 2 === 0) await all(it, round * 50)
    }
    await all(it, 300)
    await looks()
    expect(seen(it).toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 300))
    await it.stop()
  })

  test('copied away and emptied, as copytruncate does', async () => {
    writeFileSync(at('log.csv'), HEADER + csvLines(0, 100))
    const it = here.open(CSV)
    await all(it, 100)
    appendFileSync(at('log.csv'), csvLines(100, 10))
    copyFileSync(at('log.csv'), at('log.1.csv'))
    truncateSync(at('log.csv'))
    appendFileSync(at('log.csv'), HEADER + csvLines(110, 10))
    await all(it, 120)
    await looks()
    expect(seen(it).toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 120))
    expect(it.source.status().notes).toMatchObject({ copied: 1 })
    await it.stop()
  })

  test('a copy goes on where the file was that has most in common with it, not where one with the same header was', async () => {
    writeFileSync(at('empty.csv'), `${HEADER}2026-01-01,`)
    writeFileSync(at('log.csv'), HEADER + csvLines(0, 100))
    const it = here.open(CSV)
    await all(it, 100)
    // Its bookmark stands behind the header, and is of no file any more.
    rmSync(at('empty.csv'))
    copyFileSync(at('log.csv'), at('copy.csv'))
    await looks()
    expect(seen(it)).toEqual(numbers(0, 100))
    await it.stop()
  })

  test('a copy that was seen before anything was in it', async () => {
    writeFileSync(at('log.csv'), HEADER + csvLines(0, 100))
    const it = here.open(CSV)
    await all(it, 100)
    writeFileSync(at('copy.csv'), '')
    await looks()
    copyFileSync(at('log.csv'), at('copy.csv'))
    await looks()
    expect(seen(it)).toEqual(numbers(0, 100))
    await it.stop()
  })

  test('written anew under its name, with more at the end', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 100))
    const it = here.open(CSV)
    await all(it, 100)
    writeFileSync(at('.new'), HEADER + csvLines(0, 130))
    renameSync(at('.new'), at('a.csv'))
    await all(it, 130)
    await looks()
    expect(seen(it)).toEqual(numbers(0, 130))
    await it.stop()
  })

  test('replaced in place by other lines of the same length', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(100, 50))
    const it = here.open(CSV)
    await all(it, 50)
    writeFileSync(at('a.csv'), HEADER + csvLines(200, 50))
    await all(it, 100)
    expect(seen(it)).toEqual([...numbers(100, 50), ...numbers(200, 50)])
    await it.stop()
  })

  test('a second name of one file, and what is hidden or no file, is nothing new', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 30))
    writeFileSync(at('.hidden.csv'), HEADER + csvLines(30, 30))
    const it = here.open(CSV)
    await all(it, 30)
    linkSync(at('a.csv'), at('b.csv'))
    await looks()
    expect(seen(it)).toEqual(numbers(0, 30))
    await it.stop()
  })

  test('a stop and a start: it goes on where it was, nothing is marked', async () => {
    for (let round = 0; round < 3; round++) {
      appendFileSync(at('a.csv'), (round === 0 ? HEADER : '') + csvLines(round * 100, 100))
      const it = here.open(CSV)
      await all(it, 100)
      await it.stop()
      expect(seen(it)).toEqual(numbers(round * 100, 100))
      expect(it.rows.every((row) => row.status === 0)).toBe(true)
    }
  })

  test('a share that is away and comes back: nothing is read twice', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 40))
    const it = here.open(CSV)
    await all(it, 40)
    renameSync(here.folder, `${here.folder}-away`)
    await until(
      () => it.source.status().state === 'down',
      () => it.source.status(),
    )
    expect(it.source.status()).toMatchObject({ code: 'no-such-folder', remedy: expect.stringContaining('Mount') })
    renameSync(`${here.folder}-away`, here.folder)
    appendFileSync(at('a.csv'), csvLines(40, 10))
    await all(it, 50)
    expect(it.source.status().state).toBe('up')
    expect(seen(it)).toEqual(numbers(0, 50))
    await it.stop()
  })

  test('mounted anew: other inodes, the same files', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 40))
    const first = here.open(CSV)
    await all(first, 40)
    await first.stop()
    copyFileSync(at('a.csv'), at('copy'))
    rmSync(at('a.csv'))
    renameSync(at('copy'), at('a.csv'))
    appendFileSync(at('a.csv'), csvLines(40, 5))
    const it = here.open(CSV)
    await all(it, 5)
    await looks()
    expect(seen(it)).toEqual(numbers(40, 5))
    await it.stop()
  })
})

describe('a kill between the disk and the bookmark', () => {
  test('what may be in the log already comes again with status 1, nothing else does, and nothing is missing', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 20_000))
    const first = here.open(CSV, { isHeld: true })
    await until(
      () => first.batches >= 2,
      () => first.batches,
    )
    first.abandon()
    const it = here.open(CSV)
    await all(it, 20_000)
    await looks()
    expect(seen(it)).toEqual(numbers(0, 20_000))
    const marked = it.rows.filter((row) => row.status === 1).length
    expect(marked).toBeGreaterThanOrEqual(first.rows.length)
    // Up to the step in which it is said ahead, one fsync for a megabyte.
    expect(it.rows.findLastIndex((row) => row.status === 1)).toBe(marked - 1)
    appendFileSync(at('a.csv'), csvLines(20_000, 100))
    await all(it, 20_100)
    expect(it.rows.slice(20_000).every((row) => row.status === 0)).toBe(true)
    await it.stop()
  })

  test('a bookmark file that is cut short, or full of nonsense, costs no line', async () => {
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 100))
    const first = here.open(CSV)
    await all(first, 100)
    await first.stop()
    const path = join(here.dir, 'legacy.bookmarks')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, `${text}{"id":1,"offset":12,"\u0000\n[]\nnull\n{"id":"x"}\n{"id":1,"of`)
    const it = here.open(CSV)
    appendFileSync(at('a.csv'), csvLines(100, 10))
    await all(it, 10)
    expect(seen(it)).toEqual(numbers(100, 10))
    await it.stop()
  })
})

describe('lines that cannot be read', () => {
  test('are counted with file and line, named in the ledger, and cost no other line', async () => {
    const bad = [
      '2026-01-01,x',
      'yesterday,4',
      '2026-01-01,"4',
      '2026-02-30,4',
      '2026-01-01,1e99999',
      `2026-01-01,${'9'.repeat(1_100_000)}`,
    ]
    writeFileSync(at('a.csv'), HEADER + csvLines(0, 1) + bad.map((line, n) => `${line}\n${csvLines(n + 1, 1)}`).join(''))
    appendFileSync(at('a.csv'), Buffer.concat([Buffer.from('2026-01-01,'), Buffer.from([0xff, 0xfe, 10])]))
    appendFileSync(at('a.csv'), csvLines(7, 1))
    const it = here.open(CSV)
    await all(it, 8)
    expect(seen(it)).toEqual(numbers(0, 8))
    const { notes, details, state } = it.source.status()
    expect([state, notes?.['unreadable-line']]).toEqual(['up', 7])
    expect(details?.lastFailure).toMatch(/^a\.csv:15: is not text/)
    expect(it.refused.reduce((sum, one) => sum + one.count, 0)).toBe(7)
    expect(new Set(it.refused.map((one) => `${one.class} ${one.reason}`))).toEqual(new Set(['process unreadable']))
    await it.stop()
  })

  test('a file without the column is named, and the others are read', async () => {
    writeFileSync(at('a.csv'), `zeit,wert\n${csvLines(0, 5)}`)
    writeFileSync(at('b.csv'), HEADER + csvLines(5, 5))
    const it = here.open(CSV)
    await all(it, 5)
    await looks()
    expect(it.source.status().notes).toEqual({ 'unreadable-file': 1 })
    expect(it.source.status().details?.lastFailure).toBe('a.csv: has no column "time"; its header has zeit, wert')
    await it.stop()
  })

  test('a torn last line waits for its end', async () => {
    writeFileSync(at('a.csv'), `${HEADER + csvLines(0, 3)}2026-01-01,12`)
    const it = here.open(CSV)
    await all(it, 3)
    await looks()
    expect(seen(it)).toEqual(numbers(0, 3))
    appendFileSync(at('a.csv'), '34\n')
    await all(it, 4)
    expect(seen(it)).toEqual([...numbers(0, 3), 1234])
    await it.stop()
  })
})

describe('what becomes of a file', () => {
  const moved = { ...CSV, settled: '300ms', whenDone: 'move' }

  test('move: once all is durable and nobody writes any more, the last line without a line feed included', async () => {
    writeFileSync(at('a.csv'), `${HEADER + csvLines(0, 3)}2026-01-01,3`)
    const it = here.open(moved, { isHeld: true })
    await until(
      () => it.rows.length === 3,
      () => it.rows.length,
    )
    await sleep(600)
    expect(readdirSync(here.folder)).toEqual(['a.csv'])
    it.release()
    await until(
      () => !readdirSync(here.folder).includes('a.csv'),
      () => it.source.status(),
    )
    expect(seen(it)).toEqual(numbers(0, 4))
    expect(readFileSync(at('done/a.csv'), 'utf8')).toMatch(/,3$/)
    writeFileSync(at('a.csv'), HEADER + csvLines(4, 2))
    await until(
      () => readdirSync(at('done')).includes('a-1.csv'),
      () => it.source.status(),
    )
    expect(seen(it)).toEqual(numbers(0, 6))
    await it.stop()
  })

  test('delete: one with lines that could not be read is kept in failed', async () => {
    writeFileSync(at('good.csv'), HEADER + csvLines(0, 3))
    writeFileSync(at('bad.csv'), `${HEADER + csvLines(3, 3)}nonsense\n`)
    const it = here.open({ ...moved, whenDone: 'delete' })
    await until(
      () => readdirSync(here.folder).length === 1,
      () => readdirSync(here.folder),
    )
    expect(readdirSync(at('failed'))).toEqual(['bad.csv'])
    expect(seen(it).toSorted()).toEqual(numbers(0, 6))
    await it.stop()
  })
})
