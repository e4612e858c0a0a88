import { describe, expect, test } from 'vitest'
import type { QueryRow } from '../../src/core/agent-api.ts'
import type { LedgerLine, LogDay } from '../../src/core/operator.ts'
import { daysOf, groupsOf, secondsLeft } from '../../src/page/pages/log/bars.ts'
import { csvOf, seriesOf } from '../../src/page/pages/log/series.ts'
import { uplinkDraft, withoutUplink, withUplink } from '../../src/page/pages/uplinks/draft.ts'
import { weekOf } from '../../src/page/pages/uplinks/hours.ts'

const DAY_US = 86_400_000_000

describe('days of the log', () => {
  const day = (n: number, name: string, readings: number, givenUp: LogDay['givenUp'] = {}): LogDay => ({
    day: n * DAY_US,
    class: name,
    readings,
    bytes: readings,
    givenUp,
  })

  test('are one bar each, days without anything too', () => {
    const bars = daysOf(
      [day(3, 'alarm', 1), day(1, 'process', 5, { aggregated: 2, dropped: 1, elsewhere: 9 }), day(1, 'alarm', 1)],
      31,
    )
    expect(bars.map((it) => [it.day / DAY_US, it.readings, it.aggregated, it.lost])).toEqual([
      [1, 6, 2, 1],
      [2, 0, 0, 0],
      [3, 1, 0, 0],
    ])
    expect(daysOf([], 31)).toEqual([])
  })

  test('that are too many keep the youngest', () => {
    expect(daysOf([day(1, 'a', 1), day(100, 'a', 1)], 31).map((it) => it.day / DAY_US)).toEqual(
      Array.from({ length: 31 }, (_, n) => 70 + n),
    )
  })
})

test('lines of the ledger are grouped by class, action and reason, the most first', () => {
  const line = (name: string, reason: string, count: number, at: number) =>
    ({ class: name, action: 'dropped', reason, count, timeFrom: at, timeTo: at + 1 }) as LedgerLine
  const groups = groupsOf([line('debug', 'full', 1, 5), line('debug', 'full', 2, 1), line('process', 'full', 9, 3)])
  expect(groups.map((it) => [it.class, it.readings, it.from, it.to])).toEqual([
    ['process', 9, 3, 4],
    ['debug', 3, 1, 6],
  ])
})

test('the time left of a check is what the rest takes at the same pace', () => {
  expect(secondsLeft(25, 100, 10_000)).toBe(30)
  expect(secondsLeft(0, 100, 10_000)).toBeUndefined()
})

describe('rows of a query', () => {
  const row = (it: Partial<QueryRow>) =>
    ({ tag: 'a', time: 0, kind: 'double', value: 1, quality: 'good', status: 0, class: 'process', ...it }) as QueryRow

  test('are lines in the order of time; a bad reading is a hole', () => {
    const [series] = seriesOf([
      row({ time: 2e6, value: 5n }),
      row({ time: 1e6, value: true }),
      row({ time: 3e6, quality: 'bad', value: 7 }),
    ])
    expect(series).toMatchObject({ times: [1, 2, 3], values: [1, 5, null], bad: 1 })
  })

  test('are CSV that no spreadsheet takes for a formula', () => {
    const text = csvOf([
      row({ value: '=cmd()' }),
      row({ value: 'a "b", c', unit: '°C' }),
      row({ value: -1.5 }),
      row({ value: new Uint8Array([1, 255]) }),
    ])
    expect(text.split('\r\n')).toEqual([
      'tag,time,value,quality,status,unit,class,count,min,max',
      "a,1970-01-01T00:00:00.000Z,'=cmd(),good,0,,process,,,",
      'a,1970-01-01T00:00:00.000Z,"a ""b"", c",good,0,°C,process,,,',
      'a,1970-01-01T00:00:00.000Z,-1.5,good,0,,process,,,',
      'a,1970-01-01T00:00:00.000Z,01ff,good,0,,process,,,',
      '',
    ])
  })
})

const FILE = `version: 1
uplinks:
  # the cloud of the customer
  - name: cloud
    kafka: { brokers: ["a:9093"], tls: {}, sasl: { mechanism: scram-sha-512, user: u, password: { secret: cloud } }, headers: id }
    links:
      - { interface: wwan0, classes: [alarm], budget: { bytes: 5MB, per: month, zone: Europe/Berlin } }
`

describe('an uplink of the file', () => {
  const draft = uplinkDraft(FILE, 'cloud')
  if (!draft) throw new Error('it is there')

  test('that nobody changed leaves the file as it is', () => {
    expect(draft).toMatchObject({ brokers: 'a:9093', tls: true, mechanism: 'scram-sha-512', user: 'u', secret: 'cloud' })
    const text = withUplink(FILE, 'cloud', draft)
    expect(uplinkDraft(text, 'cloud')).toEqual(draft)
    for (const kept of ['# the cloud of the customer', 'headers: id', 'zone: Europe/Berlin']) expect(text).toContain(kept)
  })

  test('that is another box: what nobody changed stays, and what is changed is the box alone', () => {
    const file = `version: 1
uplinks:
  - name: post # by radio
    box: { url: "https://10.30.1.5:8460", password: { secret: post }, tls: { ca: { secret: post-ca }, serverName: post } }
`
    const found = uplinkDraft(file, 'post')
    if (!found) throw new Error('it is there')
    expect(found).toMatchObject({ kind: 'box', url: 'https://10.30.1.5:8460', secret: 'post', ca: 'post-ca', serverName: 'post' })
    const same = withUplink(file, 'post', found)
    expect(uplinkDraft(same, 'post')).toEqual(found)
    expect(same).not.toContain('kafka')
    expect(same).toContain('# by radio')
    const text = withUplink(file, 'post', { ...found, url: 'https://post:8460', ca: '', secret: 'other' })
    expect(uplinkDraft(text, 'post')).toMatchObject({ kind: 'box', url: 'https://post:8460', ca: '', secret: 'other' })
    const made = withUplink('version: 1\n', undefined, { ...found, name: 'new' })
    expect(uplinkDraft(made, 'new')).toEqual({ ...found, name: 'new' })
  })

  test('goes back with what was changed, and without what was taken out', () => {
    const text = withUplink(FILE, 'cloud', {
      ...draft,
      tls: false,
      mechanism: '',
      insecure: 'a hall of our own',
      links: [],
      liveShare: '40%',
    })
    expect(text).not.toMatch(/tls|sasl|wwan0/)
    expect(uplinkDraft(text, 'cloud')).toMatchObject({
      tls: false,
      mechanism: '',
      insecure: 'a hall of our own',
      liveShare: '40%',
      links: [],
    })
    expect(text).toContain('# the cloud of the customer')
  })

  test('is added to a file without any, and removed', () => {
    const text = withUplink('version: 1\n', undefined, { ...draft, name: 'shore' })
    expect(uplinkDraft(text, 'shore')?.brokers).toBe('a:9093')
    expect(uplinkDraft(withoutUplink(text, 'shore'), 'shore')).toBeUndefined()
  })
})

test('hours of a window are stretches of seven days, in its zone', () => {
  const noon = Date.UTC(2026, 5, 3, 12) * 1_000
  const week = weekOf('22:00-06:00', 'Europe/Berlin', noon)
  expect(week).toHaveLength(7)
  expect(week[0]?.stretches).toEqual([
    { from: 0, to: 0.25 },
    { from: 22 / 24, to: 1 },
  ])
  expect(weekOf('not a time', 'UTC', noon)).toEqual([])
})
