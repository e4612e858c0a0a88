// `rules test`: what it asks for, and how it says what came of it. What comes of it is test/rules/testing.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { AgentApi } from '../../src/core/agent-api.ts'
import type { RuleTestRequest, RuleTestStep } from '../../src/core/rule-test.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

const dir = mkdtempSync(join(tmpdir(), 'hf-rules-test-'))
afterAll(() => rmSync(dir, { recursive: true }))
const DAY_US = 86_400_000_000
const NOTHING: RuleTestStep = {
  rule: 'hot',
  share: 1,
  isLast: true,
  isWhole: true,
  readings: 0,
  readFrom: null,
  readTo: null,
  aggregated: 0,
  events: 0,
  first: null,
  last: null,
  late: 0,
  overflowed: 0,
  errors: 0,
  lastError: null,
  kept: null,
  found: [],
}

async function ran(words: string, step: Partial<RuleTestStep> = {}) {
  const asked: RuleTestRequest[] = []
  const testRule: AgentApi['testRule'] = async function* (request) {
    asked.push(request)
    yield { ...NOTHING, ...step }
  }
  return { ...(await runHere(words, {}, {}, () => handMadeAgent({ testRule }))), asked }
}

test('it tells events, what was read, and what it is worth', async () => {
  const { status, out } = await runHere('rules test press-hot --from 2026-11-17 --to 2026-11-19')
  expect(status).toBe(0)
  const text = out.replaceAll('\n', ' ')
  expect(text).toContain(
    'rule press-hot, 2026-11-17T00:00:00.000000Z to 2026-11-19T00:00:00.000000Z: would have fired 3 times, first at',
  )
  expect(text).toContain('7 readings')
  expect(text).toContain('60 readings of this time are left as aggregates only')
  expect(text).toContain('1 readings came too late')
  expect(text).toContain('no result 2 times, the last time: no such overload')
  expect(out).toMatch(/^TIME +TAG +VALUE +QUALITY$/m)
  expect(out).toMatch(/^2026-11-18T11:06:40\.000000Z +hall-1\/press-3\/temperature +81\.5 °C +good$/m)
  expect(out).toContain('and 2 more')
})

test('as JSON it is one document, with events as they would be', async () => {
  const { out } = await runHere('rules test press-hot --json')
  const said = JSON.parse(out) as Record<string, unknown>
  expect(said).toMatchObject({ rule: 'press-hot', isWhole: true, readings: 7, events: 3, errors: 2 })
  expect(said['found']).toMatchObject([{ time: 1_795_000_000_000_000, event: { rule: 'press-hot', value: 81.5 } }])
})

test('without a time it is the last day; without events twenty are shown', async () => {
  const now = Date.now() * 1000
  const { asked } = await ran('rules test hot')
  expect(asked).toMatchObject([{ name: 'hot', limit: 20 }])
  const [{ from = 0, to = 0 } = {}] = asked
  expect(to - from).toBe(DAY_US)
  expect(Math.abs(to - now)).toBeLessThan(120_000_000)
  const early = await ran('rules test hot --to 2026-11-19 --events 7')
  expect(early.asked).toEqual([{ name: 'hot', from: Date.UTC(2026, 10, 18) * 1000, to: Date.UTC(2026, 10, 19) * 1000, limit: 7 }])
})

test('a rule of a file goes as it stands', async () => {
  const file = join(dir, 'rule.yaml')
  writeFileSync(file, '- { name: hot }\n')
  expect((await ran(`rules test --rule ${file}`)).asked).toMatchObject([{ text: '- { name: hot }\n' }])
})

test('nothing found is said as such: nothing fired, nothing read, nothing there', async () => {
  const none = await ran('rules test hot')
  expect(none.out.replaceAll('\n', ' ')).toContain('would not have fired no reading in this time: the log holds none for it')
  const { out } = await ran('rules test hot', { kept: Date.UTC(2026, 0, 1) * 1000 })
  expect(out.replaceAll('\n', ' ')).toContain('what the log holds for it begins at 2026-01-01T00:00:00.000000Z')
})

test('a test that was cut short fails, and says so', async () => {
  const { status, out } = await ran('rules test hot', { isWhole: false, readings: 5, readFrom: 1, readTo: 2 })
  expect(status).toBe(1)
  expect(out).toContain('take a shorter range')
})

test.each([
  ['', 'NAME: is needed, or --rule FILE'],
  ['hot --rule rule.yaml', 'NAME: is needed, or --rule FILE'],
  ['hot --from yesterday', '--from: "yesterday" is not a time'],
  ['hot --from now --to -1d', '--from: must be before --to'],
  ['hot --events many', '--events: "many" is not a number from 0 to 10000'],
  ['hot --events 10001', '--events: "10001" is not a number'],
  ['--rule DIR/none.yaml', 'none.yaml: cannot be read'],
  ['--rule DIR/empty.yaml', 'empty.yaml: is empty'],
  ['--rule DIR/long.yaml', 'long.yaml: longer than 16384 characters'],
  ['unknown', 'unknown: there is no rule of this name'],
])('rules test %s is refused', async (words, said) => {
  writeFileSync(join(dir, 'empty.yaml'), ' \n')
  writeFileSync(join(dir, 'long.yaml'), 'a'.repeat(16_385))
  const { status, err } = await runHere(`rules test ${words}`.trim().replace('DIR', dir))
  expect(err).toContain(said)
  expect(status).toBe(2)
})
