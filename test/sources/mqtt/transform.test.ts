import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/core/batch.ts'
import { compileMappings } from '../../../src/sources/mqtt/mapping.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { newTransform, transformProblem } from '../../../src/sources/mqtt/transform.ts'
import { rowReader } from './harness.ts'

const NOW = 1_800_000_000_000_000

function mapper(transform: string, more: object = {}) {
  const builder = new BatchBuilder(1)
  const entry = { topic: 'plant/{line}/#', tag: '{line}/odd', class: 'process', transform, ...more }
  const { subscribe } = mqttSettings.parse({ url: 'mqtt://h', insecure: 'a test', subscribe: [entry] })
  const mappings = compileMappings(subscribe, builder)
  const toRows = rowReader()
  return (payload: unknown, topic = 'plant/line-1/x') => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
    const unread = mappings.take({ topic, payload: Buffer.from(text) }, NOW, false)
    const batch = builder.take(NOW)
    return {
      unread,
      problem: mappings.problem(),
      rows: toRows(batch).map(({ tag, value, time, quality }) => [tag, value, time === NOW ? 'now' : time, quality]),
      refused: Object.fromEntries(batch.refused.map(({ reason, count }) => [reason, count])),
    }
  }
}
const rows = (expression: string, payload: unknown, topic?: string) => mapper(expression)(payload, topic).rows

describe('what an expression may yield', () => {
  test('a plain value', () => {
    expect(rows('a + b', { a: 1, b: 2 })).toEqual([['line-1/odd', 3, 'now', 0]])
  })
  test('one reading with all that it may say', () => {
    const expression = '{ "tag": "x/" & id, "value": v = "on", "time": t, "quality": ok }'
    expect(rows(expression, { id: 'q', v: 'on', t: 1_790_000_000_123, ok: false })).toEqual([
      ['x/q', 1, 1_790_000_000_123_000, 2],
    ])
  })
  test('many, their names out of keys', () => {
    const expression = '$each(values, function($v, $k) { { "tag": $levels[1] & "/" & $k, "value": $v } })'
    expect(rows(expression, { values: { t: 20.5, h: 50 } })).toEqual([
      ['line-1/t', 20.5, 'now', 0],
      ['line-1/h', 50, 'now', 0],
    ])
  })
  test('nothing: no reading, and no mistake', () => {
    expect(mapper('v[$ > 100]')({ v: 3 })).toMatchObject({ unread: 0, rows: [], refused: {} })
  })
  test('text that is no JSON', () => {
    expect(rows('$number($match($, /T=([0-9.]+)/).groups[0])', 'T=21.5;H=40')).toEqual([['line-1/odd', 21.5, 'now', 0]])
  })
  test('the topic, and a type', () => {
    expect(mapper('$substringAfter($topic, "x/")', { type: 'long' })('{}', 'plant/l/x/42').rows).toEqual([
      ['l/odd', 42n, 'now', 0],
    ])
  })
})

describe('what goes wrong is a bad reading or a refusal, with its reason', () => {
  test('an error of the expression', () => {
    expect(mapper('$number(v)')({ v: 'warm' })).toMatchObject({
      unread: 1,
      problem: expect.stringMatching(/^transform: .*number/i),
      rows: [['line-1/odd', undefined, 'now', 2]],
    })
  })
  test('a tag that is none', () => {
    expect(mapper('{ "tag": 5, "value": 1 }')('{}')).toMatchObject({ unread: 1, rows: [], refused: { unreadable: 1 } })
    expect(mapper('{ "tag": $pad("x", 2000), "value": 1 }')('{}')).toMatchObject({ unread: 1, refused: { unreadable: 1 } })
  })
  test('more than may leave', () => {
    expect(mapper('[1..1000000].{ "value": $pad("x", 100) }')('{}')).toMatchObject({ unread: 1 })
    expect(mapper('$pad("x", 2000000)')('{}').problem).toMatch(/bounded/)
  })

  // Each would go on for minutes or for ever.
  test.each([
    ['an endless recursion', '($f := function($n) { $f($n + 1) }; $f(0))', {}],
    ['a regular expression gone wild', '$match(v, /^(a+)+$/)', { v: `${'a'.repeat(40)}!` }],
    ['loops in loops', '$sum([1..10000].([1..10000].($ * 2)))', {}],
  ])('%s is stopped, and then rests', (_what, expression, payload) => {
    const take = mapper(expression)
    const began = performance.now()
    expect(take(payload)).toMatchObject({ unread: 1, refused: { 'transform-timeout': 1 } })
    expect(performance.now() - began).toBeLessThan(10_000)
    for (let n = 0; n < 3; n++) take(payload)
    expect(take(payload).problem).toMatch(/rests/)
  })

  test('after a rest it is tried again, and one that ends counts', () => {
    let now = 0
    const run = newTransform('v = 0 ? ($f := function($n) { $f($n + 1) }; $f(0)) : v', () => now)
    for (let n = 0; n < 4; n++) expect(run('{"v":0}', 't')).toMatchObject({ problem: 'transform-timeout' })
    expect(run('{"v":1}', 't')).toMatchObject({ problem: 'transform-timeout' })
    now = 10_001
    expect(run('{"v":1}', 't')).toEqual({ list: [1] })
  })

  test('nothing of this process is within reach', () => {
    const run = newTransform('$string($eval("process"))')
    expect(run('{}', 't')).toEqual({ list: [] })
  })
})

test('settings say where an expression is wrong', () => {
  expect(transformProblem('a +')).toMatch(/is no JSONata: .* at character/)
  expect(transformProblem('a + b')).toBeUndefined()
})
