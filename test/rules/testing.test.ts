// A rule tried on a real log, in the real threads: it says what the engine says that runs, and whatever is given it ends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import type { RuleTestRequest, RuleTestStep } from '../../src/core/rule-test.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { ruleTestHost } from '../../src/workers/rule-test-host.ts'
import { tempDir } from '../log/helpers.ts'
import { CLASSES, everything, readingAt, RULES } from './plan.ts'

const READINGS = 8_100
const { dir, remove } = tempDir()
const all = Array.from({ length: READINGS }, (_, n) => readingAt(n))
const begin = Math.min(...all.map((it) => it.time))
const end = Math.max(...all.map((it) => it.time)) + 1

let log: OpenLog
/** `time text`, by rule. */
let expected: Map<string, string[]>
beforeAll(async () => {
  log = await openLog(
    {
      dir,
      device: 'box-1',
      bytesMax: 64_000_000,
      commitBytes: 20_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: CLASSES,
      delivery: {},
      uplinks: ['kafka'],
      rules: true,
    },
    (error) => {
      throw error
    },
  )
  const builder = new BatchBuilder(newOrigin(0))
  const series = Array.from({ length: 5 }, (_, n) =>
    builder.series({ tag: `plant/${n}`, class: n < 3 ? 'process' : 'debug', kind: 'double' }),
  )
  const note = builder.series({ tag: 'rules/earlier', class: 'process', kind: 'string' })
  for (const [n, { tag, time, value }] of all.entries()) {
    builder.add(series[tag] as number, time, value)
    // What a rule said is none of its readings.
    if (n % 500 === 0) builder.addString(note, time, '{}')
    // The second half in many small blocks that stay as they are: one page does not hold them.
    if (n % (n < READINGS / 2 ? 300 : 15) === 14) await log.writer.append(builder.take(Date.now() * 1000))
    if (n === READINGS / 2) await log.seal()
  }
  await log.writer.append(builder.take(Date.now() * 1000))
  const { expected: texts } = await everything(log.rules)
  expected = Map.groupBy(texts, (it) => (JSON.parse(it.slice(it.indexOf('{'))) as { rule: string }).rule)
}, 60_000)
afterAll(async () => {
  await log?.close()
  remove()
})

const hostOf = ({ rules = RULES, ...more }: { rules?: readonly RuleSettings[]; msMax?: number; silentMsMax?: number } = {}) =>
  ruleTestHost({ rules: () => rules, page: (request) => log.query(request), ...more })

/** A rule as the settings would have it. */
const given = (more: Partial<RuleSettings>): RuleSettings => ({
  name: 'given',
  reads: { tags: ['plant/*'] },
  when: 'value > 95.0',
  yields: { class: 'alarm', on: 'each' },
  ...more,
})
const triedGiven = (more: Partial<RuleSettings>, request: Partial<RuleTestRequest> = {}) =>
  tried({ name: 'given', ...request }, hostOf({ rules: [given(more)] }))

async function tried(request: Partial<RuleTestRequest>, host = hostOf()) {
  const steps: RuleTestStep[] = []
  const whole = { from: begin, to: end, limit: 10_000, ...request }
  for await (const it of host(whole, new AbortController().signal)) steps.push(it)
  const last = steps.at(-1) as RuleTestStep
  expect(steps.map((it) => it.isLast)).toEqual(steps.map((it) => it === last))
  return { steps, last, texts: steps.flatMap((it) => it.found.map(({ time, text }) => `${time} ${text}`)).toSorted() }
}

describe('what it finds', () => {
  test.each(RULES.map((it) => it.name))('%s: what the engine says of the same readings, each with its text', async (name) => {
    const { steps, last, texts } = await tried({ name })
    expect(texts.length).toBeGreaterThan(20)
    expect(texts).toEqual(expected.get(name))
    expect(last).toMatchObject({ rule: name, share: 1, isWhole: true, readings: READINGS, readFrom: begin, readTo: end - 1 })
    expect(last).toMatchObject({ events: texts.length, overflowed: 0, errors: 0, lastError: null, kept: null, aggregated: 0 })
    // Page by page, and never back.
    expect(steps.length).toBeGreaterThan(1)
    expect(steps.map((it) => it.share)).toEqual(steps.map((it) => it.share).toSorted((a, b) => a - b))
  })

  test('a rule of some classes reads those', async () => {
    const { last } = await triedGiven({ reads: { classes: ['debug'] } })
    expect(last.readings).toBe(all.filter((it) => it.tag > 2).length)
  })

  test('late readings, and expressions without a result, are counted', async () => {
    const window = { kind: 'tumbling', lengthMs: 10, graceMs: 0 } as const
    const { last } = await triedGiven({ window, when: 'tag.size() > 0 && value.contains("x")' })
    expect(last.late).toBeGreaterThan(0)
    expect(last.errors).toBeGreaterThan(READINGS / 2)
    expect(last).toMatchObject({ events: 0, lastError: expect.stringContaining('contains') })
  })

  test('part of the time: windows have seen what came before it, and nothing of that is told', async () => {
    const from = begin + 6_000_000
    const rule = { window: { kind: 'sliding', lengthMs: 2_000, graceMs: 0 }, when: 'abs(window.robustZ) > 1.3' } as const
    const whole = await triedGiven(rule)
    const part = await triedGiven(rule, { from })
    const timeOf = (it: string) => Number(it.split(' ')[0])
    expect(part.texts.length).toBeGreaterThan(20)
    // A late reading behind its beginning stands for a window before it.
    expect(part.texts).toEqual(whole.texts.filter((it) => timeOf(it) >= from))
    expect(part.last.readings).toBe(all.filter((it) => it.time >= from).length)
  })

  test('what was true before the time is no rise in it', async () => {
    const rule = { when: 'value >= 0.0', yields: { class: 'alarm', on: 'rise' } } as const
    expect((await triedGiven(rule)).last.events).toBe(5)
    expect((await triedGiven(rule, { from: begin + 1_000_000 })).last.events).toBe(0)
  })

  test('so many events are told, all are counted', async () => {
    const { last, texts } = await tried({ name: 'minute', limit: 3 })
    expect(texts.length).toBe(3)
    expect(last.events).toBe(expected.get('minute')?.length)
  })

  test('a time without readings says when what there is begins', async () => {
    const before = await tried({ name: 'high', from: 0, to: begin })
    expect(before.last).toMatchObject({
      readings: 0,
      events: 0,
      readFrom: null,
      isWhole: true,
      share: 1,
      kept: expect.any(Number),
    })
    expect(Math.abs((before.last.kept ?? 0) - begin)).toBeLessThan(1_000_000)
    expect((await triedGiven({ reads: { tags: ['rules/*'] } })).last).toMatchObject({ readings: 0, kept: null })
  })
})

/** Twenty million rounds for each reading. */
const ENDLESS = `[${'1,'.repeat(50)}1].all(a, [${'1,'.repeat(50)}1].all(b, [${'1,'.repeat(50)}1].all(c, [${'1,'.repeat(50)}1].all(d, a + b + c + d > 0))))`

describe('what cannot be', () => {
  test.each([
    ['a name that no rule has', { name: 'hihg' }, /there is no rule of this name/],
    ['a time that is none', { name: 'high', from: end, to: end }, /before the end/],
    [
      'a text that is no rule',
      { text: JSON.stringify({ ...given({ when: 'valu > 1.0' }) }) },
      /rule:1:\d+ when: .* at character 1/,
    ],
  ])('%s is said', async (_, request, said) => {
    await expect(tried(request)).rejects.toMatchObject({ name: 'BadInput', message: expect.stringMatching(said) })
  })

  test('an expression that does not end is cut off; then others are tried', { timeout: 60_000 }, async () => {
    const host = hostOf({ rules: [...RULES, given({ when: ENDLESS })], silentMsMax: 3_000 })
    const endless = tried({ name: 'given' }, host)
    await expect(endless).rejects.toMatchObject({ code: 'rule-test-failed', message: expect.stringContaining('very long') })
    expect((await tried({ name: 'high' }, host)).last.isWhole).toBe(true)
  })

  test('when the time is up it says so, with what it has', async () => {
    const { last } = await tried({ name: 'minute' }, hostOf({ msMax: 0 }))
    expect(last).toMatchObject({ isLast: true, isWhole: false })
    expect(last.readings).toBeGreaterThan(0)
    expect(last.share).toBeLessThan(1)
  })

  test('one at a time; whoever goes leaves the place to others', async () => {
    const host = hostOf()
    const stop = new AbortController()
    const first = host({ name: 'odd', from: begin, to: end, limit: 10 }, stop.signal)[Symbol.asyncIterator]()
    expect((await first.next()).value).toMatchObject({ rule: 'odd' })
    await expect(tried({ name: 'high' }, host)).rejects.toMatchObject({ code: 'rule-test-running' })
    stop.abort()
    for (let it = await first.next(); !it.done; it = await first.next());
    expect((await tried({ name: 'high' }, host)).last.isWhole).toBe(true)
  })
})
