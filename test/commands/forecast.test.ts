import { describe, expect, test } from 'vitest'
import { forecastPage } from '../../src/commands/forecast-page.ts'
import type { Forecast, ForecastRequest } from '../../src/core/retention.ts'
import { forecast } from '../../src/retention/forecast.ts'
import { OUTAGE } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

const DAY_MS = 86_400_000
const plain = (_: unknown, text: string) => text

function pageOf(offlineMs: number, over: Partial<ForecastRequest> = {}): string {
  return forecastPage(forecast({ ...OUTAGE, offlineMs, ...over }), plain, 80).join('\n')
}

/** Rows of the chart from the top, without their labels. */
function chartOf(page: string): string[] {
  return page.split('\n').flatMap((it) => /^ [ 0-9%]{5} \|(.*)$/.exec(it)?.[1] ?? [])
}

function rowOf(page: string, start: RegExp): string {
  return page.split('\n').find((it) => start.test(it)) ?? ''
}

describe('the page', () => {
  const page = pageOf(30 * DAY_MS)
  test('says of each class what is raw, aggregated and lost', () => {
    expect(rowOf(page, /^CLASS +RAW/)).toMatch(/^CLASS +RAW +AGGREGATED +LOST +BYTES +MAKES ROOM$/)
    expect(rowOf(page, /^alarm/)).toMatch(/^alarm +1,296,000 +0 +0 +38\.9 MB +-$/)
    expect(rowOf(page, /^debug/)).toMatch(/^debug +0 +0 +1\.30 G +0 B +in \d+ d/)
  })
  test('says when each step bites, the first first', () => {
    const steps = page.split('\n').filter((it) => /^(process|debug) +(offline|filled)/.test(it))
    expect(steps.map((it) => it.split(/ {2,}/).slice(0, 3).join(' | '))).toEqual([
      'process | offline for 7 d | aggregates of 10 s',
      'process | filled to 80 % | aggregates of 1 min',
      'process | offline for 30 d | aggregates of 5 min',
      'debug | offline for 1 d | nothing',
      'debug | filled to 50 % | nothing',
    ])
    expect(steps[0]).toMatch(/in 7 d$/)
    expect(steps[2]).toMatch(/not within 30 d$/)
  })
  test('says when space runs out and how long the flash lasts', () => {
    expect(page).toMatch(/space: runs out in \d+ d( \d+ h)? \(readings may take 1\.8 GB\)/)
    expect(page).toContain("flash: 13.7 years at today's writes")
    expect(pageOf(DAY_MS, { flashEnduranceBytes: null })).toContain('flash: no figure')
    expect(pageOf(DAY_MS)).toContain('space: enough for 1 d')
  })
  test('a class that waits says so', () => {
    const [sale, ...others] = OUTAGE.classes as [ForecastRequest['classes'][number], ...ForecastRequest['classes'][number][]]
    const classes = [{ ...sale, readingsPerSecond: 1_000 }, ...others]
    expect(rowOf(pageOf(30 * DAY_MS, { classes }), /^sale/)).toMatch(/waits in 11 h/)
  })
  test('without a ladder it says what holds instead', () => {
    const classes = OUTAGE.classes.map((it) => ({ ...it, ladder: [] }))
    expect(pageOf(DAY_MS, { classes })).toContain('no class has a ladder')
  })
})

describe('the chart', () => {
  test('is plain ASCII in 80 columns, from now to the end', () => {
    const page = pageOf(30 * DAY_MS)
    const chart = page.slice(page.indexOf(' 100 % |'))
    expect(chart).toMatch(/^[\x20-\x7e\n]*$/)
    for (const line of page.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(rowOf(page, /^ +now/)).toMatch(/^ +now +15 d +30 d$/)
    expect(page.trimEnd().split('\n').at(-1)).toBe('# sale, * alarm, + process, = debug')
  })

  test('fills as the log does, the most valuable class at the bottom', () => {
    const at = (atMs: number, alarm: number, process: number) => ({ atMs, bytes: { alarm, process } })
    const none = { raw: 0, aggregated: 0, lost: 0, bytes: 0, steps: [], fullAtMs: null, waitsAtMs: null }
    const classes = ['alarm', 'process'].map((name) => ({ name, ...none }))
    const made: Forecast = {
      offlineMs: 720,
      blockBytesMax: 1_000,
      classes,
      fullAtMs: null,
      flashYears: null,
      points: [at(0, 0, 0), at(180, 1, 0), at(360, 300, 200), at(720, 300, 700)],
    }
    const rows = chartOf(forecastPage(made, plain, 80).join('\n'))
    expect(rows).toHaveLength(10)
    const columns = [0, 30, 50, 71].map((x) => rows.map((it) => it[x] ?? ' ').join(''))
    expect(columns).toEqual([' '.repeat(10), `${' '.repeat(9)}#`, `${' '.repeat(5)}**###`, '*******###'])
  })
})

describe('the command', () => {
  test('asks for 30 days, or for as long as is said', async () => {
    expect((await runHere('forecast')).out).toContain('FORECAST  30 d without delivery')
    expect((await runHere('forecast --offline 36h')).out).toContain('FORECAST  1 d 12 h without delivery')
    const { out, err } = await runHere('forecast --offline 7d --json')
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(forecast({ ...OUTAGE, offlineMs: 7 * DAY_MS }))))
    expect(err).toBe('')
  })
  test.each(['-1d', '30', '0ms', '0.2ms', '3661d', 'month'])('--offline %s is refused with what is allowed', async (text) => {
    const { status, out, err } = await runHere(`forecast --offline ${text}`)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toMatch(/--offline: ".*" is (not a duration: .*7d|longer than 3660d)/)
  })
})
