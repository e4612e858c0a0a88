// A ladder that is only thought of: what a forecast would say of it.
import { describe, expect, test } from 'vitest'
import type { ClassRetention, ClassWhatIf } from '../../src/core/retention.ts'
import type { ForecastParts } from '../../src/pipeline/forecast-request.ts'
import { forecastRequest, withWhatIf } from '../../src/pipeline/forecast-request.ts'
import { forecast } from '../../src/retention/forecast.ts'

const DAY_MS = 86_400_000
const retention = (name: string): ClassRetention => ({
  name,
  floorBytes: 0,
  whenFull: 'reduce',
  ladder: [],
  offlineForMs: 0,
  delivering: false,
})
const PARTS: ForecastParts = {
  bytesMax: 100_000_000,
  blockBytesMax: 90_000_000,
  classes: [retention('alarm'), retention('process')],
  figures: [],
  bands: [],
  rates: new Map([
    ['alarm', 1],
    ['process', 100],
  ]),
  bytesWrittenPerDay: 0,
  flashEnduranceBytes: null,
}
const DROPS: ClassWhatIf = {
  name: 'process',
  floorBytes: 0,
  whenFull: 'reduce',
  ladder: [{ offlineForMs: DAY_MS, keep: 'nothing' }],
}

const processAfter = (days: number, whatIf?: readonly ClassWhatIf[]) =>
  forecast(forecastRequest(withWhatIf(PARTS, whatIf), days * DAY_MS)).classes.find((it) => it.name === 'process')

describe('what if', () => {
  test('nothing is changed, all is as it is', () => {
    expect(withWhatIf(PARTS)).toEqual(PARTS)
  })

  test('a class drops after a day, two days lose one', () => {
    expect(processAfter(2)?.lost).toBe(0)
    const lost = processAfter(2, [DROPS])?.lost ?? 0
    expect(lost).toBeGreaterThan(0.9 * 100 * 86_400)
    expect(lost).toBeLessThan(1.1 * 100 * 86_400)
  })

  test('the order is another, the last one is the least valuable', () => {
    const swapped = withWhatIf(PARTS, [DROPS, { ...DROPS, name: 'alarm', ladder: [] }])
    expect(swapped.classes.map((it) => it.name)).toEqual(['process', 'alarm'])
  })

  test('a class that the box does not have is left out, and no class is lost', () => {
    const some = withWhatIf(PARTS, [{ ...DROPS, name: 'new' }, DROPS])
    expect(some.classes.map((it) => it.name)).toEqual(['process', 'alarm'])
  })
})
