import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ClockState } from '../../src/core/clock.ts'
import { loadPeriods, PERIOD_SCHEMA, periodReader } from '../../src/log/periods.ts'

const HOUR = 3_600_000_000
const T2000 = 946_684_800_000_000
const T2026 = 1_767_225_600_000_000

let dir = ''
let db: Database.Database
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'periods-'))
  db = new Database(join(dir, 'journal.db'))
  db.pragma('journal_mode = WAL')
  db.exec(PERIOD_SCHEMA)
})
afterEach(() => {
  db.close()
  rmSync(dir, { recursive: true, force: true })
})

function state(bootId: string, version: number, trusted: boolean, offsetUs: number, bootUs = 0): ClockState {
  return { bootId, version, trusted, offsetUs, bootUs, now: bootUs + offsetUs }
}

const rows = () => db.prepare('SELECT count(*) FROM period').pluck().get()

describe('periods', () => {
  test('a boot that begins in the past: its periods are relative until the clock is trusted, then corrected by what was missing', () => {
    const periods = loadPeriods(db, state('a', 0, false, T2000))
    const read = periodReader(db)
    const first = periods.current()
    periods.save()
    expect(periods.timeOf(first)).toEqual({ quality: 'relative', shiftUs: 0 })
    expect(read(first)).toEqual({ quality: 'relative', shiftUs: 0 })
    periods.step(state('a', 1, false, T2000 + HOUR, HOUR))
    const second = periods.current()
    periods.step(state('a', 2, true, T2026, 2 * HOUR))
    const third = periods.current()
    expect(new Set([first, second, third]).size).toBe(3)
    expect(periods.isDirty()).toBe(true)
    // Nobody is told before the commit …
    expect(read(first).quality).toBe('relative')
    periods.save()
    // … and everybody after it.
    for (const timeOf of [periods.timeOf, read, periodReader(db)]) {
      expect(timeOf(first)).toEqual({ quality: 'corrected', shiftUs: T2026 - T2000 })
      expect(timeOf(second)).toEqual({ quality: 'corrected', shiftUs: T2026 - T2000 - HOUR })
      expect(timeOf(third)).toEqual({ quality: 'synchronised', shiftUs: 0 })
    }
    expect(periods.isDirty()).toBe(false)
  })

  test('a shift is set once: later steps of a trusted clock do not move it', () => {
    const periods = loadPeriods(db, state('a', 0, false, T2000))
    const first = periods.current()
    periods.step(state('a', 1, true, T2026))
    periods.save()
    periods.step(state('a', 2, true, T2026 + HOUR))
    periods.save()
    expect(periods.timeOf(first).shiftUs).toBe(T2026 - T2000)
    const again = loadPeriods(db, state('a', 0, true, T2026 + HOUR))
    expect(again.isDirty()).toBe(false)
    expect(again.timeOf(first).shiftUs).toBe(T2026 - T2000)
  })

  test('a boot that was never trusted stays relative, whatever later boots know', () => {
    const before = loadPeriods(db, state('a', 0, false, T2000))
    const first = before.current()
    before.save()
    const read = periodReader(db)
    const after = loadPeriods(db, state('b', 0, false, T2000))
    const second = after.current()
    after.save()
    expect(second).not.toBe(first)
    expect(read(first).quality).toBe('relative')
    after.step(state('b', 1, true, T2026))
    after.save()
    for (const timeOf of [after.timeOf, read]) {
      expect(timeOf(first)).toEqual({ quality: 'relative', shiftUs: 0 })
      expect(timeOf(second).quality).toBe('corrected')
    }
  })

  test('a start within one boot goes on with the period; another offset or boot begins one', () => {
    const numbers = [
      loadAndSave(state('a', 0, true, T2026)),
      loadAndSave(state('a', 0, true, T2026 + 500)),
      loadAndSave(state('a', 0, true, T2026 + HOUR)),
      loadAndSave(state('b', 0, true, T2026 + HOUR)),
      loadAndSave(state('b', 0, false, T2026 + HOUR)),
    ]
    expect(numbers).toEqual([1, 1, 2, 3, 4])
    expect(rows()).toBe(4)
    // The boot's clock was trusted once: what it gave afterwards without trust can be mended at once.
    expect(periodReader(db)(4)).toEqual({ quality: 'corrected', shiftUs: 0 })
  })

  test('a trust that was lost with the power before its commit is found again at the next start in the same boot', () => {
    const before = loadPeriods(db, state('a', 0, false, T2000))
    before.save()
    before.step(state('a', 1, true, T2026))
    // Killed here. The next start is trusted from the beginning.
    loadAndSave(state('a', 0, true, T2026))
    expect(periodReader(db)(1)).toEqual({ quality: 'corrected', shiftUs: T2026 - T2000 })
  })

  test('batches name their period by the version of the clock that they were taken with', () => {
    loadAndSave(state('z', 0, true, T2026))
    const periods = loadPeriods(db, state('a', 5, false, T2000))
    periods.step(state('a', 6, false, T2000 + HOUR))
    periods.step(state('a', 7, true, T2026))
    expect([undefined, 0, 5, 6, 7, 8].map((it) => periods.of(it))).toEqual([4, 2, 2, 3, 4, 4])
    expect(() => periods.step(state('a', 9, true, T2026))).toThrow()
    expect(() => periods.step(state('a', 7, true, T2026))).toThrow()
    expect(() => periods.step(state('b', 8, true, T2026))).toThrow()
  })

  test('the age of a time: by the boot clock within a boot, by corrected times across boots, else unknown', () => {
    const before = loadPeriods(db, state('a', 0, false, T2000))
    const lost = before.current()
    before.save()
    const earlier = loadPeriods(db, state('b', 0, false, T2000))
    const corrected = earlier.current()
    earlier.step(state('b', 1, true, T2026))
    earlier.save()
    const periods = loadPeriods(db, state('c', 0, false, T2000))
    const here = periods.current()
    // One hour after its start, in a boot that knows no time: only what this boot has seen has an age.
    const now = T2000 + HOUR
    expect(periods.ageUs(here, T2000, now)).toBe(HOUR)
    expect([lost, corrected, 99].map((id) => periods.ageUs(id, T2000, now))).toEqual([undefined, undefined, undefined])
    periods.step(state('c', 1, true, T2026 + 5 * HOUR, HOUR))
    const later = T2026 + 7 * HOUR
    expect(periods.ageUs(here, T2000, later)).toBe(2 * HOUR)
    expect(periods.ageUs(corrected, T2000 + HOUR, later)).toBe(6 * HOUR)
    expect(periods.ageUs(lost, T2000, later)).toBeUndefined()
    // A leap of the wall clock makes nothing older.
    periods.step(state('c', 2, true, T2026 + 24 * 365 * HOUR, HOUR))
    expect(periods.ageUs(here, T2000, T2026 + 24 * 365 * HOUR + 2 * HOUR)).toBe(2 * HOUR)
  })

  test('rows of other boots that no block names any more are forgotten, those of this boot are not', () => {
    for (const boot of ['a', 'b', 'c']) loadAndSave(state(boot, 0, false, T2000))
    const periods = loadPeriods(db, state('c', 0, false, T2000))
    periods.forget(2)
    expect(rows()).toBe(2)
    periods.forget(4)
    expect(rows()).toBe(1)
    expect(periods.timeOf(1)).toEqual({ quality: 'relative', shiftUs: 0 })
    periods.step(state('c', 1, true, T2026))
    periods.save()
    expect(periods.timeOf(3).quality).toBe('corrected')
  })

  function loadAndSave(it: ClockState): number {
    const periods = loadPeriods(db, it)
    periods.save()
    return periods.current()
  }
})
