import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/core/batch.ts'
import { VALUE_BYTES_MAX } from '../../../src/core/bounds.ts'
import { compileMappings, PAYLOAD_BYTES_MAX } from '../../../src/sources/mqtt/mapping.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { leastFilters } from '../../../src/sources/mqtt/topics.ts'
import { rowReader } from './harness.ts'

const NOW = 1_800_000_000_000_000
const T = 1_790_000_000_123_000

function subscriptions(...entries: object[]) {
  const subscribe = entries.map((it) => ({ topic: 'plant/{line}/{sensor}', tag: '{line}/{sensor}', class: 'process', ...it }))
  return mqttSettings.parse({ url: 'mqtt://h', insecure: 'a test', subscribe }).subscribe
}

function mapper(...entries: object[]) {
  const builder = new BatchBuilder(1)
  const mappings = compileMappings(subscriptions(...entries), builder)
  const toRows = rowReader()
  return (payload: unknown, topic = 'plant/line-1/speed', isFull = false) => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
    const unread = mappings.take({ topic, payload: Buffer.from(text) }, NOW, isFull)
    const batch = builder.take(NOW)
    return {
      unread,
      rows: toRows(batch),
      refused: batch.refused.map(({ class: c, reason, count }) => ({ class: c, reason, count })),
    }
  }
}
const first = (...entries: object[]) => {
  const take = mapper(...entries)
  return (payload: unknown) => take(payload).rows[0]
}

describe('topics and tags', () => {
  test('captures make the tag, a unit goes along', () => {
    expect(mapper({ unit: 'rpm' })({ value: 4 })).toEqual({
      unread: 0,
      refused: [],
      rows: [
        { tag: 'line-1/speed', class: 'process', kind: 'double', unit: 'rpm', boxTime: true, time: NOW, value: 4, quality: 0 },
      ],
    })
  })

  test('fields of the payload make the tag, several of them too', () => {
    const take = mapper({ topic: 'plant/#', tag: 'x/{$.a}-{$.b.c}/y' })
    expect(take({ a: 'p', b: { c: 7 }, value: 1 }).rows[0]?.tag).toBe('x/p-7/y')
    expect(take({ a: 'p', b: { c: 8 }, value: 1 }).rows[0]?.tag).toBe('x/p-8/y')
  })

  test('entries of one topic each give a reading', () => {
    const take = mapper({ tag: 'temperature', value: 't' }, { tag: 'humidity', value: 'h', unit: '%' })
    expect(take({ t: 20, h: 50 }).rows).toMatchObject([
      { tag: 'temperature', value: 20 },
      { tag: 'humidity', value: 50, unit: '%' },
    ])
  })

  test('a topic that no entry has is told from a message without readings', () => {
    expect(mapper({})({ value: 1 }, 'elsewhere/x').unread).toBe(-1)
    expect(mapper({})({ value: 1 }, 'plant/a/b/c').unread).toBe(-1)
    expect(mapper({ topic: '#', tag: 't' })({ value: 1 }, '$SYS/broker/uptime').unread).toBe(-1)
    expect(mapper({ topic: 'a/#', tag: 't' })({ value: 1 }, 'a').rows).toHaveLength(1)
    expect(mapper({ items: '$', tag: '{$.t}' })([])).toEqual({ unread: 0, rows: [], refused: [] })
  })

  test('only the widest filters are subscribed, with the higher QoS of what they bring', () => {
    const wanted = [
      { topic: 'a/{x}', qos: 0 },
      { topic: 'a/b', qos: 1 },
      { topic: 'a/+', qos: 0 },
      { topic: 'c/#', qos: 1 },
      { topic: 'c/d/{e}', qos: 0 },
      { topic: '+/z', qos: 0 },
    ] as const
    const asked = leastFilters(wanted.map((it) => ({ ...it, retained: 'take' as const })))
    expect([...asked].map(([filter, { qos }]) => [filter, qos])).toEqual([
      ['a/+', 1],
      ['c/#', 1],
      ['+/z', 0],
    ])
  })
})

describe('values', () => {
  test.each([
    [{}, { value: 1 }, 'double', 1],
    [{}, { value: true }, 'bool', 1],
    [{}, { value: 'running' }, 'string', 'running'],
    [{}, 21.5, 'double', 21.5],
    [{}, 'true', 'bool', 1],
    [{}, '"on"', 'string', 'on'],
    [{ value: 'a.b.0' }, { a: { b: [3] } }, 'double', 3],
    [{ value: '$.a' }, { a: 3 }, 'double', 3],
    [{ value: '$' }, 3, 'double', 3],
    [{ type: 'double' }, { value: '2.5e3' }, 'double', 2500],
    [{ type: 'double' }, { value: '-Infinity' }, 'double', -Infinity],
    [{ type: 'long' }, { value: 42 }, 'long', 42n],
    [{ type: 'long' }, '{"value":9223372036854775807}', 'long', 9223372036854775807n],
    [{ type: 'long' }, '{"value":-9007199254740993}', 'long', -9007199254740993n],
    [{ type: 'long' }, { value: '123' }, 'long', 123n],
    [{ type: 'bool' }, { value: 0 }, 'bool', 0],
    [{ type: 'string' }, { value: 'ü€😀' }, 'string', 'ü€😀'],
    [
      { type: 'string', value: '$' },
      '{ "sale": 1.50, "n": 9007199254740993 }',
      'string',
      '{ "sale": 1.50, "n": 9007199254740993 }',
    ],
    [{ type: 'string', value: 'sale' }, { sale: { lines: [1, 'ü'] } }, 'string', '{"lines":[1,"ü"]}'],
    [{ type: 'string', value: '$', items: 'all' }, { all: [{ a: 1 }] }, 'string', '{"a":1}'],
  ])('%j of %j', (entry, payload, kind, value) => {
    expect(first(entry)(payload)).toMatchObject({ kind, value, quality: 0 })
  })

  test.each([
    [{}, { value: null }, 'double'],
    [{}, { other: 1 }, 'double'],
    [{}, { value: { x: 1 } }, 'double'],
    [{}, { value: [1] }, 'double'],
    [{ value: 'toString' }, { value: 1 }, 'double'],
    [{}, 'not JSON', 'double'],
    [{}, '', 'double'],
    [{ type: 'double' }, { value: 'warm' }, 'double'],
    [{ type: 'long' }, { value: 1.5 }, 'long'],
    [{ type: 'long' }, '{"value":9223372036854775808}', 'long'],
    [{ type: 'bool' }, { value: 2 }, 'bool'],
    [{ type: 'string' }, { value: 1 }, 'string'],
  ])('%j of %j is a bad reading without a value', (entry, payload, kind) => {
    const { rows, unread, refused } = mapper(entry)(payload)
    expect(rows).toEqual([
      { tag: 'line-1/speed', class: 'process', kind, boxTime: true, time: NOW, value: undefined, quality: 2 },
    ])
    expect({ unread, refused }).toEqual({ unread: 1, refused: [] })
  })

  test('a tag whose values change kind goes on in another series; a bad one stays in the last', () => {
    const take = mapper({})
    expect([1, 'x', null, true, 2].map((value) => take({ value }).rows[0]?.kind)).toEqual([
      'double',
      'string',
      'string',
      'bool',
      'double',
    ])
  })

  test('without a tag to give them to, they are counted', () => {
    const take = mapper({ tag: '{$.id}' })
    const refused = [{ class: 'process', reason: 'unreadable', count: 1 }]
    for (const payload of ['{', { value: 1 }, { id: null, value: 1 }, { id: {}, value: 1 }, { id: '', value: 1 }, 5]) {
      expect(take(payload)).toEqual({ unread: 1, rows: [], refused })
    }
  })

  test('too long a text, too long a payload', () => {
    const tooLarge = [{ class: 'process', reason: 'too-large', count: 1 }]
    expect(mapper({})({ value: 'x'.repeat(VALUE_BYTES_MAX) }).rows).toHaveLength(1)
    expect(mapper({})({ value: 'x'.repeat(VALUE_BYTES_MAX + 1) }).refused).toEqual(tooLarge)
    expect(mapper({})({ value: 'x'.repeat(PAYLOAD_BYTES_MAX) }).refused).toEqual(tooLarge)
  })
})

describe('items', () => {
  const batch = [
    { tag: 'a', ts: 1_790_000_000_123, value: 1 },
    { tag: 'b', ts: 1_790_000_000_123, value: 'x' },
    { ts: 1_790_000_000_123, value: 3 },
    null,
    { tag: 'a', value: null },
  ]
  test('each gives a reading, or is bad, or is counted', () => {
    const { rows, refused, unread } = mapper({ items: '$', tag: '{line}/{$.tag}', time: 'ts' })(batch)
    expect(rows).toMatchObject([
      { tag: 'line-1/a', time: T, value: 1, quality: 0 },
      { tag: 'line-1/b', time: T, value: 'x', quality: 0 },
      { tag: 'line-1/a', time: NOW, value: undefined, quality: 2 },
    ])
    expect(refused).toEqual([{ class: 'process', reason: 'unreadable', count: 2 }])
    expect(unread).toBe(3)
  })

  test('deep in the payload; bare values; none at all', () => {
    expect(mapper({ items: 'data.list', tag: 't' })({ data: { list: [1, 2] } }).rows).toMatchObject([{ value: 1 }, { value: 2 }])
    expect(mapper({ items: 'data', tag: 't' })({ data: 5 }).rows).toMatchObject([{ value: undefined, quality: 2 }])
    expect(mapper({ items: 'data', tag: '{$.t}' })({}).refused).toEqual([{ class: 'process', reason: 'unreadable', count: 1 }])
  })

  test('with no room each counts as overflow', () => {
    const take = mapper({ items: '$', tag: '{$.tag}' }, { topic: '#', tag: 'last', class: 'low' })
    expect(take(batch, undefined, true)).toEqual({
      unread: 0,
      rows: [],
      refused: [
        { class: 'process', reason: 'overflow', count: 5 },
        { class: 'low', reason: 'overflow', count: 1 },
      ],
    })
  })
})

describe('times', () => {
  test.each([
    [1_790_000_000_123, T],
    [1_790_000_000.123, T],
    [1_790_000_000, 1_790_000_000_000_000],
    [1_790_000_000_123_456, T + 456],
    [1_790_000_000_123_456_768, T + 456],
    ['1790000000123', T],
    [0, 0],
    [-1, -1_000_000],
    ['2026-09-21T14:13:20.123Z', T],
    ['2026-09-21T14:13:20.123456Z', T + 456],
    ['2026-09-21T14:13:20.123456789Z', T + 456],
    ['2026-09-21T16:13:20.123+02:00', T],
    ['2026-09-21 14:13:20.123', T],
    ['2026-09-21T14:13:20.5', T + 377_000],
    ['2099-01-01', 4_070_908_800_000_000],
    ['1970-01-01T00:00:00Z', 0],
  ])('%j', (ts, time) => {
    expect(first({ time: 'ts' })({ ts, value: 1 })).toMatchObject({ time, value: 1, quality: 0 })
  })

  test('missing: the time of receipt', () => {
    expect(first({ time: 'ts' })({ value: 1 })).toMatchObject({ time: NOW, quality: 0 })
    expect(first({ time: 'ts' })({ value: 1, ts: null })).toMatchObject({ time: NOW, quality: 0 })
  })

  test.each(['yesterday', '2026-13-01', '', {}, true, 1e300, 99_999_999_999, 9_999_999_999_999, '2256-01-01'])(
    '%j is none: the time of receipt, and the value is uncertain',
    (ts) => {
      expect(first({ time: 'ts' })({ ts, value: 1 })).toMatchObject({ time: NOW, value: 1, quality: 1 })
    },
  )
})

test.each([
  ['good', 0],
  ['Bad', 2],
  ['UNCERTAIN', 1],
  ['who knows', 1],
  [true, 0],
  [false, 2],
  [192, 0],
  [64, 1],
  [0, 2],
  [0x80_34_00_00, 2],
  [0x40_00_00_00, 1],
  [undefined, 0],
  [{}, 1],
])('quality %j', (q, quality) => {
  expect(first({ quality: 'q' })({ q, value: 1 })).toMatchObject({ value: 1, quality })
})

test('times that this box gave are told from those of the payload, reading by reading', () => {
  const take = mapper({ time: 't' })
  const seen = [{ t: T / 1000, value: 1 }, { value: 2 }, { t: 'yesterday', value: 3 }, 'not JSON', { t: T / 1000, value: 4 }].map(
    (it) => {
      const [row] = take(it).rows
      return [row?.value, row?.time, row?.boxTime, row?.quality]
    },
  )
  expect(seen).toEqual([
    [1, T, undefined, 0],
    [2, NOW, true, 0],
    [3, NOW, true, 1],
    [undefined, NOW, true, 2],
    [4, T, undefined, 0],
  ])
})
