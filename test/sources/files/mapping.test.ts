import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from '../../prove/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { splitCsv } from '../../../src/core/csv.ts'
import { formatProblem, timeParser } from '../../../src/sources/files/times.ts'
import type { Place, Row } from './harness.ts'
import { place, until } from './harness.ts'

describe('fields', () => {
  test.each([
    ['a,b,c', ['a', 'b', 'c']],
    ['', ['']],
    [',', ['', '']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""so""",', ['say "so"', '']],
    ['a"b,c', ['a"b', 'c']],
    ['"torn', undefined],
    ['"a"b,c', undefined],
  ])('%s', (line, fields) => expect(splitCsv(line, ',')).toEqual(fields))

  test('whatever is written comes back', () => {
    const field = fc.string().map((it) => it.replaceAll(/[\r\n]/g, ''))
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), fc.constantFrom(',', ';', '\t', '|'), (fields, separator) => {
        const line = fields.map((it) => `"${it.replaceAll('"', '""')}"`).join(separator)
        expect(splitCsv(line, separator)).toEqual(fields)
      }),
    )
  })
})

describe('times', () => {
  const iso = (time: number | undefined) => time !== undefined && new Date(time / 1000).toISOString()
  test.each([
    ['iso', 'UTC', '2026-11-29T06:00:00Z', '2026-11-29T06:00:00.000Z'],
    ['iso', 'UTC', '2026-11-29 06:00:00,125 +0200', '2026-11-29T04:00:00.125Z'],
    ['iso', 'Europe/Berlin', '2026-07-01 12:00', '2026-07-01T10:00:00.000Z'],
    ['iso', 'Europe/Berlin', '2026-12-01', '2026-11-30T23:00:00.000Z'],
    ['DD.MM.YYYY HH:mm:ss', 'Europe/Berlin', '29.11.2026 07:00:00', '2026-11-29T06:00:00.000Z'],
    ['D/M/YY H:mm', 'UTC', '1/2/69 3:04', '2069-02-01T03:04:00.000Z'],
    ['YYYYMMDDHHmmss.SSS', 'UTC', '20261129060000.5', '2026-11-29T06:00:00.500Z'],
    // Clocks go back: 02:30 is twice, the first is meant. Clocks go forward: 02:30 never was.
    ['iso', 'Europe/Berlin', '2026-10-25 02:30', '2026-10-25T00:30:00.000Z'],
    ['iso', 'Europe/Berlin', '2026-03-29 02:30', '2026-03-29T01:30:00.000Z'],
    ['seconds', 'UTC', '1700000000.25', '2023-11-14T22:13:20.250Z'],
    ['milliseconds', 'UTC', '1700000000250', '2023-11-14T22:13:20.250Z'],
  ])('%s in %s: %s', (format, zone, text, expected) => {
    expect(formatProblem(format)).toBeUndefined()
    expect(iso(timeParser(format, zone)(text))).toBe(expected)
  })

  test('to the microsecond; finer is cut off', () => {
    expect(timeParser('iso', 'UTC')('2026-11-29T06:00:00.123456789Z')).toBe(1_795_932_000_123_456)
    expect(timeParser('microseconds', 'UTC')('1795932000123456')).toBe(1_795_932_000_123_456)
  })

  test.each(['2026-13-01', '2026-02-29', '2026-01-01T24:00', '2026-01-01T00:60', '', 'now', '1', '1899-01-01'])(
    '"%s" is no time',
    (text) => expect(timeParser('iso', 'UTC')(text)).toBeUndefined(),
  )

  test.each(['DD.MM', 'YYYY-MM-DD hh', 'YYYY-MM-DD MM', 'day', ''])('"%s" is no format', (format) => {
    expect(formatProblem(format)).toMatch(/must be iso/)
  })
})

describe('lines', () => {
  let here: Place
  beforeEach(() => {
    here = place()
  })
  afterEach(() => here.remove())

  async function read(content: string | Buffer, settings: object, count: number): Promise<Row[]> {
    writeFileSync(join(here.folder, 'press-3.txt'), content)
    const it = here.open({ every: '100ms', ...settings })
    await until(
      () => it.rows.length >= count,
      () => [it.rows.length, it.source.status()],
    )
    await it.stop()
    return it.rows
  }

  test('one tag a column, as a German spreadsheet writes it', async () => {
    const text =
      'Bericht Halle 1;;\r\nDatum;Uhrzeit;Temperatur °C;Zähler;Läuft;Text\r\n29.11.2026;07:00:00;21,5;9007199254740993;ja;x\r\n29.11.2026;07:00:01;---;;nein;"a;b"\r\n'
    const rows = await read(
      Buffer.from(text, 'latin1'),
      {
        format: 'csv',
        separator: ';',
        decimal: ',',
        skip: 1,
        encoding: 'windows-1252',
        none: ['---'],
        time: { column: ['Datum', 'Uhrzeit'], format: 'DD.MM.YYYY HH:mm:ss', zone: 'Europe/Berlin' },
        tags: [
          { tag: 'hall-1/{file}/temperature', column: 'Temperatur °C', unit: '°C', class: 'process' },
          { tag: 'hall-1/{file}/count', column: 'Zähler', type: 'int', class: 'process' },
          { tag: 'hall-1/{file}/text', column: 'Text', type: 'string', class: 'debug' },
        ],
      },
      4,
    )
    const time = Date.UTC(2026, 10, 29, 6) * 1000
    expect(rows).toEqual([
      { tag: 'hall-1/press-3/temperature', time, value: 21.5, status: 0, class: 'process' },
      { tag: 'hall-1/press-3/count', time, value: 9_007_199_254_740_993n, status: 0, class: 'process' },
      { tag: 'hall-1/press-3/text', time, value: 'x', status: 0, class: 'debug' },
      { tag: 'hall-1/press-3/text', time: time + 1e6, value: 'a;b', status: 0, class: 'debug' },
    ])
  })

  test('one value column, the tag from another, no header', async () => {
    const settings = {
      format: 'csv',
      separator: 'tab',
      header: false,
      time: { column: 1, format: 'seconds' },
      tags: [{ tag: 'hall-1/{2}', column: 3, class: 'process' }],
    }
    const rows = await read('1700000000\tspeed\t1.5\n1700000001\tpressure\t2\n', settings, 2)
    expect(rows.map((it) => [it.tag, it.value])).toEqual([
      ['hall-1/speed', 1.5],
      ['hall-1/pressure', 2],
    ])
  })

  test('JSON lines, by path, integers exact', async () => {
    const settings = {
      format: 'ndjson',
      time: { column: 'at.ms', format: 'milliseconds' },
      tags: [
        { tag: '{machine}/count', column: 'data.count', type: 'int', class: 'process' },
        { tag: '{machine}/on', column: 'data.on', type: 'bool', class: 'process' },
        { tag: '{machine}/t', column: 'data.t', class: 'process' },
      ],
    }
    const line = (count: string, on: boolean) =>
      `{"at":{"ms":1700000000000},"machine":"m7","data":{"count":${count},"on":${on},"t":1e3}}\n`
    const rows = await read(line('-9223372036854775808', true) + line('9007199254740993', false), settings, 6)
    expect(rows.map((it) => it.value)).toEqual([-(2n ** 63n), true, 1000, 9_007_199_254_740_993n, false, 1000])
    expect(new Set(rows.map((it) => it.tag.split('/')[0]))).toEqual(new Set(['m7']))
  })

  test('no time: the time of reading', async () => {
    const before = Date.now() * 1000
    const rows = await read('value\n1\n', { format: 'csv', tags: [{ tag: 'a', column: 'value', class: 'process' }] }, 1)
    expect(rows[0]?.time).toBeGreaterThanOrEqual(before)
  })
})
