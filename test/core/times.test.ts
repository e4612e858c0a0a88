import { Cron } from 'croner'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { Times } from '../../src/core/times.ts'
import { isOpen, nextMinute, parseTimes } from '../../src/core/times.ts'
import { isZone, MINUTE_US, timeZone } from '../../src/core/zone.ts'

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Havana',
  'Pacific/Apia',
]
const us = (text: string) => Date.parse(text) * 1000
const iso = (at: number | undefined) => (at === undefined ? 'never' : new Date(at / 1000).toISOString().slice(0, 16))

function times(text: string): Times {
  const it = parseTimes(text)
  if (typeof it === 'string') throw new Error(`${text}: ${it}`)
  return it
}

/** Hours and minutes on the wall, by another way than the code's. */
function wallText(zone: string, at: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(at / 1000)
}

describe('hours', () => {
  test.each([
    // Clocks go forward in Berlin on 29 March 2026 at 02:00: what begins at 02:30 begins at 03:00, and 02:15-02:45 is not at all.
    ['22:00-06:00', 'Europe/Berlin', '2026-01-01T12:00Z', '2026-01-01T21:00', '2026-01-02T05:00'],
    ['22:00-06:00', 'Europe/Berlin', '2026-03-28T12:00Z', '2026-03-28T21:00', '2026-03-29T04:00'],
    ['02:30-03:30', 'Europe/Berlin', '2026-03-28T12:00Z', '2026-03-29T01:00', '2026-03-29T01:30'],
    ['02:15-02:45', 'Europe/Berlin', '2026-03-28T12:00Z', '2026-03-30T00:15', '2026-03-30T00:45'],
    // They go back on 25 October at 03:00: 02:15-02:45 comes twice.
    ['02:15-02:45', 'Europe/Berlin', '2026-10-24T22:00Z', '2026-10-25T00:15', '2026-10-25T00:45'],
    ['02:15-02:45', 'Europe/Berlin', '2026-10-25T00:45Z', '2026-10-25T01:15', '2026-10-25T01:45'],
    ['01:00-04:00', 'Europe/Berlin', '2026-10-24T12:00Z', '2026-10-24T23:00', '2026-10-25T03:00'],
    // Half an hour is what clocks change by on Lord Howe: on 4 October 02:00 is 02:30.
    ['02:00-02:30', 'Australia/Lord_Howe', '2026-10-03T00:00Z', '2026-10-04T15:00', '2026-10-04T15:30'],
    ['22:00-24:00', 'UTC', '2026-01-03T00:00Z', '2026-01-03T22:00', '2026-01-04T00:00'],
    ['* 22-23 * * mon-fri', 'UTC', '2026-01-03T00:00Z', '2026-01-05T22:00', '2026-01-06T00:00'],
    ['0-14 6 29 2 *', 'UTC', '2026-01-01T00:00Z', '2028-02-29T06:00', '2028-02-29T06:15'],
    ['* * 1 * 1', 'UTC', '2026-01-06T00:00Z', '2026-01-12T00:00', '2026-01-13T00:00'],
  ])('%s in %s after %s: from %s to %s', (text, name, from, opens, closes) => {
    const zone = timeZone(name)
    const opening = nextMinute(times(text), zone, us(from), true)
    expect(iso(opening)).toBe(opens)
    expect(iso(nextMinute(times(text), zone, opening ?? 0, false))).toBe(closes)
  })

  test('always never closes', () => expect(nextMinute(times('always'), timeZone('UTC'), 0, false)).toBeUndefined())
})

const clockTime = fc.integer({ min: 0, max: 1439 })
const clockText = (it: number) => `${String(Math.floor(it / 60)).padStart(2, '0')}:${String(it % 60).padStart(2, '0')}`
/** Around the days on which clocks are changed, and anywhere. */
const moment = fc.oneof(
  ...['2026-03-29', '2026-10-25', '2026-03-08', '2026-11-01', '2026-04-04', '2026-10-03', '2011-12-29'].map((day) =>
    fc.integer({ min: -1500, max: 2000 }).map((minutes) => us(`${day}T00:00Z`) + minutes * MINUTE_US),
  ),
  fc.integer({ min: 0, max: 60 * 365 * 1440 }).map((it) => it * MINUTE_US),
)

test('hours: open is what the wall says, and the next change is the first minute that differs', () => {
  const property = fc.property(clockTime, clockTime, fc.constantFrom(...ZONES), moment, (from, to, name, at) => {
    fc.pre(from !== to)
    const zone = timeZone(name)
    const window = times(`${clockText(from)}-${clockText(to)}`)
    const byHand = (it: number) => {
      const now = wallText(name, it)
      return from < to ? now >= clockText(from) && now < clockText(to) : now >= clockText(from) || now < clockText(to)
    }
    const open = byHand(at)
    expect(isOpen(window, zone, at)).toBe(open)
    const change = nextMinute(window, zone, at, !open)
    // Nothing is open or closed for longer than two days, whatever is done to clocks.
    let minute = at
    while (byHand(minute) === open && minute < at + 2 * 1440 * MINUTE_US) minute += MINUTE_US
    expect(iso(change)).toBe(iso(minute))
  })
  fc.assert(property, { numRuns: 40 })
})

const field = (from: number, to: number) => {
  const number = fc.integer({ min: from, max: to })
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`)
  const step = fc.tuple(fc.oneof(fc.constant('*'), range), fc.integer({ min: 1, max: 5 })).map(([a, b]) => `${a}/${b}`)
  const list = fc.array(fc.oneof(number.map(String), range), { minLength: 1, maxLength: 3 }).map((it) => it.join(','))
  return fc.oneof({ weight: 2, arbitrary: fc.constant('*') }, range, step, list)
}
const cronLine = fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map((it) => it.join(' '))

test('cron lines: open in the minutes that another reader of cron lines names', () => {
  const property = fc.property(cronLine, fc.constantFrom(...ZONES), moment, (line, name, at) => {
    const parsed = parseTimes(line)
    if (typeof parsed === 'string') return expect(parsed).toMatch(/^no month/)
    const zone = timeZone(name)
    // What croner makes of an hour that is skipped or comes twice is about jobs, not about windows: it is asked on the wall of UTC.
    const other = new Cron(line, { timezone: 'UTC' })
    const onWall = new Date(at / 1000 + zone.offset(at) * 60_000)
    expect(isOpen(parsed, zone, at)).toBe(other.match(onWall))
    const next = nextMinute(parsed, timeZone('UTC'), at, true)
    const theirs = other.match(new Date(at / 1000)) ? new Date(at / 1000) : other.nextRun(new Date(at / 1000))
    if (theirs && theirs.getTime() * 1000 - at < 366 * 1440 * MINUTE_US) expect(iso(next)).toBe(theirs.toISOString().slice(0, 16))
  })
  fc.assert(property, { numRuns: 300 })
})

test.each([
  '',
  '22:00',
  '24:00-06:00',
  '22:60-23:00',
  '06:00-06:00',
  '* * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
])('"%s" is told what is allowed', (text) => expect(typeof parseTimes(text)).toBe('string'))
test.each([
  '* * * * 8',
  '5-1 * * * *',
  '1- * * * *',
  '-1 * * * *',
  '*/0 * * * *',
  '1/2/3 * * * *',
  '1-2-3 * * * *',
  'x * * * *',
  '* * 30,31 2 *',
  '1,,2 * * * *',
])('"%s" is told what is wrong', (text) => expect(typeof parseTimes(text)).toBe('string'))
test('zones', () => {
  expect([isZone('Europe/Berlin'), isZone('UTC'), isZone('Europe/Nowhere'), isZone('')]).toEqual([true, true, false, false])
})
