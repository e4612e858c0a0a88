// What may be written, and what a record says.
import { expect, test } from 'vitest'
import { refusedChange, refusedValue, ruleFor } from '../../src/cloud-commands/limits.ts'
import { parseCommand } from '../../src/cloud-commands/parse.ts'
import type { Value } from '../../src/core/reading.ts'

const rule = { tag: 'a', min: 0, max: 10, changeMax: 4, everyMs: 1_000 }
const allowed = { source: 'plc', rule }
const S = 1_000_000

test('one source, by its own rule', () => {
  const source = (name: string, tag: string) => ({ name, protocol: 'x', settings: {}, writes: [{ ...rule, tag }] })
  const sources = [source('plc', 'a'), source('oven', 'b'), source('mill', 'b'), { name: 'still', protocol: 'x', settings: {} }]
  expect(ruleFor(sources, 'a', undefined)).toEqual(allowed)
  expect(ruleFor(sources, 'a', 'oven')).toMatchObject({ result: 'refused', code: 'write-not-allowed' })
  expect(ruleFor(sources, 'c', undefined)).toMatchObject({ code: 'write-not-allowed' })
  expect(ruleFor(sources, 'b', undefined)).toMatchObject({ code: 'write-not-allowed' })
  expect(ruleFor(sources, 'b', 'mill')).toMatchObject({ source: 'mill' })
})

test.each<[Value, number | undefined, string | undefined]>([
  [0, undefined, undefined],
  [10, undefined, undefined],
  [10.1, undefined, 'write-out-of-limits'],
  [-1, undefined, 'write-out-of-limits'],
  [Number.NaN, undefined, 'write-out-of-limits'],
  [5n, undefined, undefined],
  [true, undefined, undefined],
  [5, 100 * S - 999_000, 'write-too-often'],
  [5, 99 * S, undefined],
  // The clock was set back.
  [5, 100 * S + 999_000, 'write-too-often'],
  [5, 200 * S, undefined],
])('%s, last at %s', (value, lastAt, code) => {
  expect(refusedValue(allowed, value, 100 * S, lastAt)?.code).toBe(code)
})

test.each<[Value, Value, string | undefined]>([
  [0, 4, undefined],
  [0, 4.1, 'write-out-of-limits'],
  [9n, 5n, undefined],
  [9n, 4n, 'write-out-of-limits'],
  // Rounded on its way.
  [9.9, 10.2, 'write-out-of-limits'],
  [Number.NaN, 5, 'write-out-of-limits'],
  [false, true, undefined],
])('from %s to %s', (from, to, code) => {
  expect(refusedChange(allowed, from, to)?.code).toBe(code)
})

test('a number without limits is not written', () => {
  const open = { source: 'plc', rule: { tag: 'a', everyMs: 0 } }
  expect(refusedValue(open, 5, 0, undefined)?.code).toBe('write-out-of-limits')
  expect(refusedValue(open, false, 0, undefined)).toBeUndefined()
})

const good = { id: 'x', kind: 'write', expires: 5, tag: 'a', value: 1 }
test.each<[unknown, string | undefined]>([
  [good, undefined],
  [{ ...good, expires: '2026-11-30T12:00:00Z' }, undefined],
  [{ ...good, expires: '2026-11-30T12:00:00' }, 'command-invalid'],
  [{ ...good, expires: undefined }, 'command-invalid'],
  [{ ...good, more: 1 }, 'command-invalid'],
  [{ ...good, value: null }, 'command-invalid'],
  [{ ...good, kind: 'erase' }, 'command-unknown'],
  [{ ...good, kind: 'push' }, 'command-not-allowed'],
  [{ ...good, id: '' }, 'command-invalid'],
  [{ ...good, id: 7 }, 'command-invalid'],
  [[good], 'command-invalid'],
  [null, 'command-invalid'],
])('%j', (record, code) => {
  const parsed = parseCommand(JSON.stringify(record), 't/0@3', ['write', 'settings'])
  expect(parsed.refused?.code).toBe(code)
  expect(parsed.id).toBe((record as { id?: unknown } | null)?.id === 'x' ? 'x' : 't/0@3')
})

test('times are microseconds from here on', () => {
  const replay = { id: 'x', kind: 'replay', expires: 5, tags: ['a'], from: 3, to: '1970-01-01T00:00:01+00:00', topic: 't' }
  expect(parseCommand(JSON.stringify(replay), 'p', ['replay']).body).toMatchObject({ from: 3, to: 1_000_000 })
})

test('what is no JSON, or too long, has a name all the same', () => {
  expect(parseCommand('{', 't/0@3', [])).toMatchObject({ id: 't/0@3', refused: { code: 'command-invalid' } })
  expect(parseCommand(undefined, 't/0@3', [])).toMatchObject({ id: 't/0@3', refused: { code: 'command-too-large' } })
})
