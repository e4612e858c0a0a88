import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { formatTime, parseTime } from '../../src/commands/times.ts'

const NOW = 1_795_000_000_000_000

describe('times', () => {
  test.each([
    ['now', NOW],
    ['-10m', NOW - 600_000_000],
    ['-1.5s', NOW - 1_500_000],
    ['2026-11-24', Date.UTC(2026, 10, 24) * 1000],
    ['2026-11-24T08:00', Date.UTC(2026, 10, 24, 8) * 1000],
    ['2026-11-24T08:00:01.123456789Z', Date.UTC(2026, 10, 24, 8, 0, 1) * 1000 + 123_456],
    ['2026-11-24 08:00:00+02:00', Date.UTC(2026, 10, 24, 6) * 1000],
    ['1795000000000', NOW],
    ['1795000000000000', NOW],
    ['0', 0],
    ['1969-12-31T23:59:59.5Z', -500_000],
  ])('%s', (text, micros) => {
    expect(parseTime(text, '--from', NOW)).toBe(micros)
  })

  test.each([
    '',
    'yesterday',
    '-10',
    '10m',
    '2026-13-01',
    '2026-02-30',
    '2026-11-24T25:00Z',
    '99999999999999999',
    '1e3',
    '--from',
  ])('refuses "%s" and says what is allowed', (text) => {
    expect(() => parseTime(text, '--from', NOW)).toThrow(/--from: .* is not a time: now, -10m/)
  })

  test('what is printed reads back as the same microsecond', () => {
    const micros = fc.integer({ min: Date.UTC(1, 0) * 1000, max: Number.MAX_SAFE_INTEGER })
    fc.assert(fc.property(micros, (it) => parseTime(formatTime(it), 'x', NOW) === it))
  })
})
