import { gunzipSync } from 'node:zlib'
import { existsSync, readFileSync } from 'node:fs'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { putRegisters, registerValue } from '../../src/plant/modbus-values.ts'
import { holesIn, newBitmap } from '../../src/plant/bitmap.ts'
import type { Range } from '../../src/plant/ranges.ts'
import { addTo, countIn, holds } from '../../src/plant/ranges.ts'
import { readRecording } from '../../src/plant/recordings.ts'
import type { SignalSpec } from '../../src/plant/signals.ts'
import { signalOf } from '../../src/plant/signals.ts'

const SPECS: SignalSpec[] = [
  { kind: 'recording', recording: 'machine-temperature', column: 'value' },
  { kind: 'counter' },
  { kind: 'sine', mean: 10, amplitude: 4, samplesPerTurn: 100, noise: 1 },
  { kind: 'noise', mean: 2, spread: 1 },
  { kind: 'steps', levels: [1, 2, 3], samplesEach: 5 },
  { kind: 'text', words: ['on', 'off', 'idle'], samplesEach: 5 },
  { kind: 'bool', samplesOn: 2, samplesOff: 3 },
]

describe('a signal', () => {
  test.each(SPECS)('$kind is a function of seed, tag and n', (spec) => {
    const value = signalOf(spec, 7, 'a')
    const forward = Array.from({ length: 300 }, (_, n) => value(n))
    const again = signalOf(spec, 7, 'a')
    const backward = Array.from({ length: 300 }, (_, n) => again(299 - n)).toReversed()
    expect(backward).toEqual(forward)
    // One that never changes would prove nothing.
    expect(new Set(forward).size).toBeGreaterThan(1)
  })

  test('differs by tag and by seed', () => {
    const spec = { kind: 'noise', mean: 0, spread: 1 } as const
    const series = (seed: number, tag: string) => Array.from({ length: 20 }, (_, n) => signalOf(spec, seed, tag)(n)).join()
    expect(new Set([series(1, 'a'), series(1, 'b'), series(2, 'a')]).size).toBe(3)
  })

  test('noise stays in its spread and uses it', () => {
    const value = signalOf({ kind: 'noise', mean: 5, spread: 2 }, 1, 'x')
    const values = Array.from({ length: 5000 }, (_, n) => value(n) as number)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(3)
    expect(Math.max(...values)).toBeLessThanOrEqual(7)
    expect(Math.min(...values)).toBeLessThan(3.1)
    expect(Math.max(...values)).toBeGreaterThan(6.9)
  })
})

describe('recordings', () => {
  test('have the rows of their origin, and wrap round', () => {
    const machine = readRecording('machine-temperature', 'value')
    expect(machine.length).toBe(22_695)
    expect(machine[0]).toBe(73.96732207)
    expect(readRecording('ambient-temperature', 'value').length).toBe(7_267)
    const energy = readRecording('energy-meter', 'Usage_kWh')
    expect(energy.length).toBe(35_040)
    expect([energy[0], energy[1]]).toEqual([3.17, 4])
    const value = signalOf({ kind: 'recording', recording: 'machine-temperature', column: 'value' }, 1, 't')
    expect(value(22_695 + 5)).toBe(machine[5])
  })

  test('have no row that is not a number', () => {
    for (const column of ['Usage_kWh', 'Lagging_Current_Reactive.Power_kVarh', 'Leading_Current_Power_Factor']) {
      expect(readRecording('energy-meter', column).every(Number.isFinite)).toBe(true)
    }
  })

  test('a column that does not exist is an error', () => {
    expect(() => readRecording('energy-meter', 'Volts')).toThrow(/no column Volts/)
  })

  test('each data set has its licence beside it, and nothing is larger than its share', () => {
    const folder = new URL('../../src/plant/recordings/', import.meta.url)
    expect(readFileSync(new URL('nab-machine-temperature/LICENSE.txt', folder), 'utf8')).toContain('Numenta')
    expect(readFileSync(new URL('steel-energy-meter/ATTRIBUTION.txt', folder), 'utf8')).toContain('10.24432/C52G8C')
    expect(existsSync(new URL('README.md', folder))).toBe(true)
    const zipped = readFileSync(new URL('steel-energy-meter/Steel_industry_data.csv.gz', folder))
    expect(zipped.length).toBeLessThan(600_000)
    expect(gunzipSync(zipped).length).toBeGreaterThan(2_000_000)
  })
})

describe('ranges', () => {
  test('hold what was added, in whatever order, as few runs as can be', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 80 }), (numbers) => {
        const ranges: Range[] = []
        for (const n of numbers) addTo(ranges, n)
        const all = [...new Set(numbers)].toSorted((a, b) => a - b)
        expect(countIn(ranges)).toBe(all.length)
        expect(Array.from({ length: 62 }, (_, n) => n).filter((n) => holds(ranges, n))).toEqual(all)
        expect(ranges.length).toBe(all.filter((n) => !all.includes(n - 1)).length)
      }),
    )
  })

  test('a bitmap knows what was marked, and its holes', () => {
    const map = newBitmap()
    expect([3, 4, 4, 900, 7].map((n) => map.mark(n))).toEqual([false, false, true, false, false])
    expect([map.count, map.first, map.last]).toEqual([4, 3, 900])
    expect(holesIn(map, 2, 10)).toEqual([
      [2, 3],
      [5, 7],
      [8, 10],
    ])
  })
})

describe('register values', () => {
  const bytesOf = (type: string, order: 'ABCD' | 'CDAB' | 'BADC' | 'DCBA', value: number | string | boolean) => {
    const registers = Buffer.alloc(16)
    putRegisters(registers, 0, type, order, registerValue(type, value))
    return registers.toString('hex')
  }

  test('orders are those of the settings', () => {
    const value = 0x01020304
    expect(bytesOf('uint32', 'ABCD', value).slice(0, 8)).toBe('01020304')
    expect(bytesOf('uint32', 'CDAB', value).slice(0, 8)).toBe('03040102')
    expect(bytesOf('uint32', 'BADC', value).slice(0, 8)).toBe('02010403')
    expect(bytesOf('uint32', 'DCBA', value).slice(0, 8)).toBe('04030201')
    expect(bytesOf('float64', 'CDAB', 1).slice(0, 16)).toBe('0000000000003ff0')
  })

  test('types are cut to what they hold', () => {
    expect(registerValue('int16', 40_000)).toBe(-25_536)
    expect(registerValue('uint16', 70_000)).toBe(4464)
    expect(registerValue('float32', 0.1)).toBe(Math.fround(0.1))
    expect(registerValue('uint64', 12)).toBe(12n)
    expect(registerValue('string:4', 'P-100')).toBe('P-10')
    expect(bytesOf('bcd16', 'ABCD', 1234).slice(0, 4)).toBe('1234')
    expect(bytesOf('bit:3', 'ABCD', true).slice(0, 4)).toBe('0008')
    expect(bytesOf('int64', 'ABCD', -2).slice(0, 16)).toBe('fffffffffffffffe')
    expect(() => registerValue('int12', 1)).toThrow(/no such register type/)
  })
})
