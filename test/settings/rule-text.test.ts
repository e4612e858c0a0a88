// One rule as a text: read as the settings read it, and every problem with its place.
import { expect, test } from 'vitest'
import { expressionProblem } from '../../src/rules/expression.ts'
import { readRule } from '../../src/settings/rule-text.ts'

const read = (text: string) => readRule(text, expressionProblem)
const GIVEN = {
  name: 'hot',
  reads: { tags: 'press/*' },
  window: { sliding: '1h' },
  when: 'window.mean > 80.0',
  yields: { class: 'alarm' },
}
const YAML = `name: hot
reads: { tags: "press/*" }
window: { sliding: 1h }
when: "window.mean > 80.0"
yields: { class: alarm }
`

test.each([
  ['in JSON', JSON.stringify(GIVEN)],
  ['in YAML', YAML],
  ['copied out of the list', `  - ${YAML.trim().replaceAll('\n', '\n    ')}`],
])('%s it is what the settings would have', (_, text) => {
  expect(read(text)).toEqual({
    name: 'hot',
    reads: { tags: ['press/*'] },
    window: { kind: 'sliding', lengthMs: 3_600_000, graceMs: 0 },
    when: 'window.mean > 80.0',
    yields: { class: 'alarm', on: 'each' },
  })
})

test('what it raises, five minutes on a side where nothing stands', () => {
  const yields = (raise: string) => read(YAML.replace('{ class: alarm }', `{ class: alarm, raise: ${raise} }`)).yields
  expect(yields('{ before: 1m }')).toEqual({ class: 'alarm', on: 'each', raise: { beforeMs: 60_000, afterMs: 300_000 } })
  expect(yields('{}')).toMatchObject({ raise: { beforeMs: 300_000, afterMs: 300_000 } })
  expect(() => yields('{ after: 2h }')).toThrow(/^rule:5:41 yields\.raise\.after: must be at most 1h/)
  expect(() => yields('{ around: 1m }')).toThrow(/yields\.raise\.around: .*before, after/)
})

test.each([
  ['an unknown name', YAML.replace('window.mean', 'valu'), /^rule:4:7 when: rule "hot": .*valu.* at character 1/],
  ['a window that is not there', YAML.replace(/window: .*\n/, ''), /^rule:3:7 when: .*window/],
  ['an unknown key of a list', `- { name: a, raeds: { tags: "*" } }`, /rule:1:14 \[0\]\.raeds: .*reads/],
  ['a class that is no name', YAML.replace('alarm', '"a/b"'), /^rule:5:18 yields\.class: /],
  ['two rules', JSON.stringify([GIVEN, GIVEN]), /^rule: must be one rule/],
  ['none', '[]', /^rule: must be one rule/],
  ['nothing', '', /^rule:1:1: /],
  ['no YAML', 'name: "a', /^rule:1/],
  ['a text', 'hot', /^rule:1:1: must be a map/],
  ['a secret', YAML.replace('hot', '{ secret: cloud }'), /^rule:1:\d+ name: /],
])('%s is said with its place', (_, text, said) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ name: 'BadInput', message: expect.stringMatching(said) }))
})
