// The engine over blocks as the log gives them: whose readings a rule takes together, and which it takes at all.
import { expect, test } from 'vitest'
import { decodeBlock, encodeBlock } from '../../src/columns/index.ts'
import type { ValueKind } from '../../src/core/reading.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import { createEngine } from '../../src/rules/engine.ts'
import { createWindows } from '../../src/rules/windows.ts'

const EPOCH = 'a'.repeat(32)
const T0 = 1_700_000_000_000_000
const rule = (more: Partial<RuleSettings> = {}): RuleSettings => ({
  name: 'hot',
  reads: { tags: ['*'] },
  when: 'value > 80.0',
  yields: { class: 'alarm', on: 'rise' },
  ...more,
})
const engineOf = (...rules: RuleSettings[]) => createEngine({ rules, marks: {}, eventsBytesMax: 400_000 })

/** One reading of a tag. */
function sliceOf(
  device: string,
  n: number,
  number: number,
  { tag = 'press/t', kind = 'double' }: { tag?: string; kind?: ValueKind } = {},
) {
  const value = new Float64Array(1)
  if (kind === 'long') new BigInt64Array(value.buffer)[0] = BigInt(number)
  else value[0] = number
  const { block } = encodeBlock(
    {
      count: 1,
      series: Uint32Array.of(1),
      time: Float64Array.of(T0 + n * 1_000_000),
      value,
      quality: new Uint8Array(1),
      status: new Uint32Array(1),
      batch: new Uint32Array(1),
      received: Float64Array.of(T0),
      bytes: new Uint8Array(0),
      kindOf: () => kind,
    },
    { stream: 3, first: n },
  )
  const series = new Map([[1, { id: 1, tag, class: 'process', kind }]])
  return { stream: `${device}:${EPOCH}:process:raw`, from: n, to: n + 1, columns: decodeBlock(block), series, shiftOf: () => 0 }
}
const take = (engine: ReturnType<typeof engineOf>, slice: ReturnType<typeof sliceOf>) => engine.take(slice, slice.from).events

test('a tag of two boxes is two: one that is always hot says so once, and by its name', () => {
  const engine = engineOf(rule())
  const events = [0, 1, 2, 3, 4].flatMap((n) => [
    ...take(engine, sliceOf('box-1', n, 90)),
    ...take(engine, {
      ...sliceOf('box-2', n, 20),
      series: new Map([[1, { id: 2, tag: 'press/t', class: 'process', kind: 'double' as const }]]),
    }),
  ])
  expect(events.map((it) => JSON.parse(it.text))).toMatchObject([{ rule: 'hot', device: 'box-1', tag: 'press/t', value: 90 }])
})

test('what rules said is no reading for rules, be it of one that is gone', () => {
  expect(take(engineOf(rule()), sliceOf('box-1', 0, 90, { tag: 'rules/gone' }))).toEqual([])
})

test('where it is enough after each reading, the same comes of them', () => {
  const isEnough = () => true
  const slice = sliceOf('box-1', 0, 90)
  const engine = createEngine({ rules: [rule()], marks: {}, eventsBytesMax: 400_000, isEnough })
  expect(engine.take(slice, 0)).toMatchObject({ next: 1, events: [{ rule: 'hot' }] })
  // Of what no rule reads nobody has to be asked.
  const none = createEngine({ rules: [rule({ reads: { tags: ['other'] } })], marks: {}, eventsBytesMax: 400_000, isEnough })
  expect(none.take({ ...slice, to: 5 }, 0)).toEqual({ next: 5, events: [] })
})

test('whole numbers are figures like all others', () => {
  const engine = engineOf(rule({ when: 'abs(value) + 1.0 > 80.0' }))
  expect(take(engine, sliceOf('box-1', 0, -90, { kind: 'long' }))).toHaveLength(1)
  expect(engine.reports()).toMatchObject([{ errors: 0, events: 1 }])
})

test('one reading far ahead of all others, as of a clock that was wrong: windows begin anew with the hundredth behind it', () => {
  const windows = createWindows({ kind: 'tumbling', lengthMs: 1_000, graceMs: 0 }, false)
  expect(windows.add(T0 + 1e15, 1, 0)).toBe(0)
  const leftOut = Array.from({ length: 102 }, (_, n) => windows.add(T0 + n * 1_000, n, 0))
  // With it goes the one that waited in its window.
  expect(leftOut).toEqual([...Array.from({ length: 99 }, () => 1), 1, 0, 0])
  expect(windows.held.count).toBe(3)
})

test('an event of a rule that raises says from when to when, about its own time; one of another rule does not', () => {
  const raise = { beforeMs: 60_000, afterMs: 2_000 }
  const window = { kind: 'tumbling', lengthMs: 10_000, graceMs: 0 } as const
  const engine = engineOf(
    rule({ yields: { class: 'alarm', on: 'rise', raise } }),
    rule({ name: 'ten', window, when: 'true', yields: { class: 'alarm', on: 'each', raise } }),
    rule({ name: 'other' }),
  )
  const events = [0, 12].flatMap((n) => take(engine, sliceOf('box-1', n, 90)))
  const ten = Math.floor(T0 / 10_000_000) * 10_000_000 + 10_000_000
  const around = (name: string, time: number) => ({ rule: name, device: 'box-1', from: time - 60_000_000, to: time + 2_000_000 })
  expect(events.map((it) => it.raised)).toEqual([around('hot', T0), undefined, around('ten', ten)])
})
