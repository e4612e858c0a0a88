import { describe, expect, test } from 'vitest'
import { formatBytes, formatCount, formatDuration, parseBytes, parseDurationMs, parsePercent } from '../../src/core/units.ts'

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['1s', 1_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['0.5ms', 0.5],
  ])('%s', (text, ms) => expect(parseDurationMs(text)).toBe(ms))
  test.each(['', '1', 's', '1 s', '-1s', '1S', '1min', '1s ', '1.s', '999999999999999d', '1toString'])('"%s" is none', (text) =>
    expect(parseDurationMs(text)).toBeUndefined(),
  )
  test.each([
    [0, '0 ms'],
    [0.25, '0.3 ms'],
    [999.97, '1 s'],
    [1_500, '1.5 s'],
    [59_999, '1 min'],
    [61_000, '1 min 1 s'],
    [3_599_999, '1 h'],
    [8_040_000, '2 h 14 min'],
    [604_800_000, '7 d'],
    [-5_000, '-5 s'],
    [Number.NaN, '–'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%s ms reads %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('sizes', () => {
  test.each([
    ['64kB', 64_000],
    ['2GB', 2e9],
    ['64KiB', 65_536],
    ['0B', 0],
    ['1.5MB', 1_500_000],
  ])('%s', (text, bytes) => expect(parseBytes(text)).toBe(bytes))
  test.each(['', '64', '64KB', '64kb', '64 kB', '-1B', '99999TB9'])('"%s" is none', (text) =>
    expect(parseBytes(text)).toBeUndefined(),
  )
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [64_000, '64 kB'],
    [999_999, '1 MB'],
    [1_930_000_000, '1.93 GB'],
  ])('%s bytes read %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})

describe('shares and counts', () => {
  test.each([
    ['30%', 0.3],
    ['2.5%', 0.025],
    ['0%', 0],
    ['100%', 1],
  ])('%s', (text, share) => expect(parsePercent(text)).toBeCloseTo(share, 12))
  test.each(['30', '101%', '-1%', '1 %', '%'])('"%s" is none', (text) => expect(parsePercent(text)).toBeUndefined())
  test('counts are grouped', () => expect([0, 1.25, 1_234_567].map(formatCount)).toEqual(['0', '1.3', '1,234,567']))
})
