// Links as they are in life, in simulated time, by the settings of situations: budgets are never exceeded, alarms within their bound, everything delivered.
import { expect, test } from 'vitest'
import type { LinkSettings, UplinkSettings } from '../../../src/core/settings.ts'
import { situation, uplinkOf } from '../../situations/read.ts'
import type { Outcome } from './world.ts'
import { simulate } from './world.ts'

function linkOf({ links = [] }: UplinkSettings, name: string): LinkSettings {
  const link = links.find((it) => it.interface === name)
  if (!link) throw new Error(`no link ${name}`)
  return link
}

/** Hours from reading to commit. */
function latest(outcome: Outcome, className: string, among: (read: number) => boolean = () => true): number {
  const waits = outcome.sent.filter((it) => it.class === className && among(it.read)).map((it) => it.at - it.read)
  return waits.reduce((most, it) => Math.max(most, it), 0)
}
const by = ({ sent }: Outcome, className: string) => new Set(sent.filter((it) => it.class === className).map((it) => it.link))
const sum = (days: readonly number[] = []) => days.reduce((total, it) => total + it, 0)

test('ship: six days by satellite for alarms alone, six hours in the harbour for everything', { timeout: 300_000 }, async () => {
  const uplink = uplinkOf(situation('cruise-ship'), 'shore')
  const { budget } = linkOf(uplink, 'wwan0')
  const bytesMax = budget?.bytes ?? 0
  const outcome = await simulate({
    start: '2026-06-01T00:00Z',
    hours: 6 * 24 + 6,
    classes: { alarm: 30, process: 600 },
    uplink,
    isUp: (link, hour) => (link === 'eth1' ? hour >= 6 * 24 : hour % 24 < 23),
    bytesPerSecond: { eth1: 2_500_000, wwan0: 30_000 },
    killEveryHours: 25,
  })
  expect(outcome.left).toEqual({ alarm: 0, process: 0 })
  expect(outcome.twice).toBe(0)
  expect([...by(outcome, 'process')]).toEqual(['eth1'])
  expect([...by(outcome, 'alarm')].sort()).toEqual(['eth1', 'wwan0'])
  expect(budget?.per).toBe('month')
  expect(sum(outcome.carried['wwan0'])).toBeLessThanOrEqual(bytesMax)
  // The satellite is away for an hour a day: alarms of other hours are there within some minutes.
  expect(latest(outcome, 'alarm', (read) => read % 24 < 22.9)).toBeLessThan(0.1)
  expect(latest(outcome, 'alarm')).toBeLessThan(1.1)
  console.log(
    `ship: ${sum(outcome.carried['wwan0']) / 1e6} of ${bytesMax / 1e6} MB, alarms within ${latest(outcome, 'alarm', (read) => read % 24 < 22.9) * 60} min, opened ${outcome.opened}`,
  )
})

test('ship with a budget that is too small: it is used up and not exceeded, and alarms wait for the next day', {
  timeout: 300_000,
}, async () => {
  const DAY_BYTES = 1_000_000
  const uplink = uplinkOf(situation('cruise-ship'), 'shore')
  const { bytesPerSecondMax: _, ...satellite } = linkOf(uplink, 'wwan0')
  const outcome = await simulate({
    start: '2026-06-01T00:00Z',
    hours: 2 * 24,
    classes: { alarm: 300, process: 500 },
    uplink: { ...uplink, links: [{ ...satellite, budget: { bytes: DAY_BYTES, per: 'day', zone: 'UTC' } }] },
    isUp: () => true,
    bytesPerSecond: { wwan0: 30_000 },
    killEveryHours: 5,
  })
  for (const day of outcome.carried['wwan0'] ?? []) expect(day).toBeLessThanOrEqual(DAY_BYTES)
  expect(Math.max(...(outcome.carried['wwan0'] ?? []))).toBeGreaterThan(DAY_BYTES * 0.5)
  expect(outcome.waits).toContain('budget')
  expect(by(outcome, 'process').size).toBe(0)
  expect(outcome.left['alarm']).toBeGreaterThan(0)
  expect(outcome.twice).toBe(0)
  console.log(`small: ${outcome.carried['wwan0']?.map(Math.round)} of ${DAY_BYTES} a day`)
})

test('store: bad days with alarms alone, good nights with the backlog', { timeout: 300_000 }, async () => {
  const outcome = await simulate({
    start: '2026-03-27T06:00Z',
    // Over the night on which the clocks go forward.
    hours: 3 * 24,
    classes: { alarm: 20, process: 600 },
    uplink: uplinkOf(situation('retail-store'), 'head-office'),
    // By day it is away for ten minutes of each fifteen.
    isUp: (_, hour) => (hour % 24 > 15 ? true : (hour * 60) % 15 < 5),
    bytesPerSecond: { wlan0: 50_000 },
  })
  const text = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', minute: '2-digit' })
  const times = new Set(outcome.sent.flatMap((it) => (it.class === 'process' ? [it.at] : [])))
  const onWall = [...times].map((hour) => text.format(Date.parse('2026-03-27T06:00Z') + hour * 3_600_000))
  // A transaction that began in the last minute ends in the next.
  expect(onWall.filter((it) => it < '22:00' && it > '06:00')).toEqual([])
  expect(outcome.left['alarm']).toBeLessThan(10)
  // What was read before the last night is there.
  const lastNight = outcome.sent.findLast((it) => it.class === 'process')?.read ?? 0
  expect(lastNight).toBeGreaterThan(2 * 24 + 20)
  expect(latest(outcome, 'alarm')).toBeLessThan(0.35)
  expect(outcome.twice).toBe(0)
  console.log(`store: alarms within ${latest(outcome, 'alarm') * 60} min, opened ${outcome.opened}`)
})

test('train: gaps of minutes all day, one link after the other', { timeout: 300_000 }, async () => {
  const uplink = uplinkOf(situation('train'), 'cloud')
  const { bytesPerSecondMax = 0 } = linkOf(uplink, 'wwan0')
  const outcome = await simulate({
    start: '2026-06-01T00:00Z',
    hours: 12,
    classes: { alarm: 60, process: 1_000 },
    uplink,
    // Wi-Fi in stations, mobile between them but for tunnels.
    isUp: (link, hour) => ((hour * 60) % 30 < 4 ? link === 'wlan0' : link === 'wwan0' && (hour * 60) % 11 > 3),
    bytesPerSecond: { wlan0: 200_000, wwan0: 20_000 },
    killEveryHours: 7,
  })
  expect(outcome.twice).toBe(0)
  expect(outcome.left['alarm']).toBeLessThan(10)
  expect(outcome.left['process']).toBeLessThan(600)
  expect([...by(outcome, 'process')].sort()).toEqual(['wlan0', 'wwan0'])
  expect(latest(outcome, 'alarm')).toBeLessThan(0.2)
  // The rate of the mobile link holds over the day.
  expect(bytesPerSecondMax).toBeGreaterThan(0)
  expect(sum(outcome.carried['wwan0'])).toBeLessThan(bytesPerSecondMax * 1.1 * 12 * 3_600)
  console.log(`train: alarms within ${latest(outcome, 'alarm') * 60} min, opened ${outcome.opened}`)
})

test('factory: live within a second also while the backlog of an outage drains', { timeout: 300_000 }, async () => {
  const settings = situation('smart-factory')
  const uplink = uplinkOf(settings, 'cloud')
  const AWAY_HOURS = 10 / 60
  const HOURS = AWAY_HOURS + 3 / 60
  const outcome = await simulate({
    start: '2026-06-01T00:00Z',
    hours: HOURS,
    // Some hundreds a second, on a line of 20 Mbit/s.
    classes: { alarm: 3_600, process: 2_400_000 },
    uplink,
    isUp: (_, hour) => hour >= AWAY_HOURS,
    bytesPerSecond: { eth1: 2_500_000 },
    speed: 1,
  })
  const SECOND = 1 / 3_600
  const isBacklog = ({ read }: { read: number }) => read < AWAY_HOURS
  // It has found the way: from then on.
  const [first] = outcome.sent.map((it) => it.at).toSorted((a, b) => a - b)
  const backlog = outcome.sent.filter(isBacklog)
  const drainedAt = backlog.reduce((last, it) => Math.max(last, it.at), 0)
  expect(backlog.filter((it) => it.at > (first ?? 0) + 10 * SECOND).length).toBeGreaterThan(10_000)
  const isMeanwhile = (read: number) => read > (first ?? 0) + SECOND && read < drainedAt
  // What a commit takes to the disk comes before it.
  const slowestCommit = Math.max(...settings.classes.map((it) => it.commitEveryMs)) / 3_600_000
  for (const name of ['alarm', 'process']) expect(latest(outcome, name, isMeanwhile) + slowestCommit).toBeLessThan(SECOND)
  expect(outcome.twice).toBe(0)
  console.log(
    `factory: live within ${latest(outcome, 'process', isMeanwhile) * 3_600} s, the backlog away after ${(drainedAt - (first ?? 0)) * 3_600} s, left ${JSON.stringify(outcome.left)}`,
  )
})
