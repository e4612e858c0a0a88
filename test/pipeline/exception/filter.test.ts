import fc from '../../prove/fast-check.ts'
import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { BatchBuilder } from '../../../src/core/batch.ts'
import type { SeriesDescriptor, ValueKind } from '../../../src/core/reading.ts'
import { tagMatcher } from '../../../src/core/tag-pattern.ts'
import { exceptionFilter } from '../../../src/pipeline/exception/filter.ts'

const KINDS: readonly ValueKind[] = ['double', 'long', 'bool', 'string', 'bytes']
const descriptor = (tag: string, kind: ValueKind): SeriesDescriptor => ({ tag, class: 'process', kind })
const text = new TextDecoder()

/** Readings of batches as a log would read them: descriptors by number, in their order. */
function reader() {
  const series: SeriesDescriptor[] = []
  return (batch: ReadingBatch): string[] => {
    expect(batch.seriesFrom).toBe(series.length)
    series.push(...batch.newSeries)
    const bits = new BigInt64Array(batch.value.buffer)
    const words = new Uint32Array(batch.value.buffer)
    return Array.from({ length: batch.count }, (_, at) => {
      const { tag, kind } = series[batch.series[at] as number] as SeriesDescriptor
      const [from, length] = [words[at * 2] as number, words[at * 2 + 1] as number]
      const isText = kind === 'string' || kind === 'bytes'
      const value = isText ? text.decode(batch.bytes.subarray(from, from + length)) : kind === 'long' ? bits[at] : batch.value[at]
      return `${tag} ${batch.time[at]} ${value} ${batch.quality[at]} ${batch.status[at]}`
    })
  }
}

interface Row {
  readonly kind: number
  readonly step: number
  readonly value: number
  readonly quality: number
}
const row: fc.Arbitrary<Row> = fc.record({
  kind: fc.integer({ min: 0, max: 9 }),
  step: fc.integer({ min: 0, max: 3 }),
  value: fc.integer({ min: -3, max: 3 }),
  quality: fc.constantFrom(0, 0, 0, 0, 1),
})

/** One batch of rows; series 0 to 4 have a rule, 5 to 9 have none. */
function fill(builder: BatchBuilder, rows: readonly Row[], start: number): { batch: ReadingBatch; time: number } {
  let time = start
  for (const it of rows) {
    time += it.step
    const kind = KINDS[it.kind % 5] as ValueKind
    const series = builder.series(descriptor(`${it.kind < 5 ? 'ruled' : 'free'}/${kind}`, kind))
    if (kind === 'long') builder.addLong(series, time, BigInt(it.value) + 2n ** 60n, it.quality)
    else if (kind === 'string') builder.addString(series, time, `v${it.value}`, it.quality)
    else if (kind === 'bytes') builder.addBytes(series, time, new Uint8Array([65 + it.value]), it.quality)
    else builder.add(series, time, kind === 'bool' ? Number(it.value > 0) : it.value, it.quality)
  }
  return { batch: builder.take(time), time }
}

test('what is handed over is part of what came, exactly; the rest is counted; series without a rule lose nothing', () => {
  const rules = fc.constantFrom(
    { tags: 'ruled/*', deadband: 1 },
    { tags: 'ruled/*', swingingDoor: 1 },
    { tags: 'ruled/*', deadband: 0, atMostMs: 0.004 },
  )
  fc.assert(
    fc.property(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 12 }), rules, (batches, rule) => {
      const filter = exceptionFilter([rule])
      const [read, readAll] = [reader(), reader()]
      const builder = new BatchBuilder(7)
      const all: string[] = []
      const given: string[] = []
      let time = 0
      for (const rows of batches) {
        const filled = fill(builder, rows, time)
        time = filled.time
        all.push(...readAll(filled.batch))
        for (const it of filter.take(filled.batch, 0)) given.push(...read(it))
      }
      for (const it of filter.due()) given.push(...read(it))
      expect(given.length + filter.withheld).toBe(all.length)
      const rest = all.reduce((counts, it) => counts.set(it, (counts.get(it) ?? 0) + 1), new Map<string, number>())
      for (const it of given) rest.set(it, (rest.get(it) ?? 0) - 1)
      expect(Math.min(0, ...rest.values())).toBe(0)
      expect(given.filter((it) => it.startsWith('free'))).toEqual(all.filter((it) => it.startsWith('free')))
      // Within `atMost` a value may come and go.
      const wholly = 'atMostMs' in rule ? [] : ['bool', 'string', 'bytes']
      for (const kind of wholly) expect(changes(given, kind)).toEqual(changes(all, kind))
    }),
  )
})

/** The course of values of a series that has no band: repeats left out. */
function changes(list: readonly string[], kind: string): string[] {
  const values = list.filter((it) => it.startsWith(`ruled/${kind}`)).map((it) => it.split(' ').slice(2).join(' '))
  return values.filter((it, at) => it !== values[at - 1])
}

test('the first rule that fits counts', () => {
  const filter = exceptionFilter([
    { tags: 'a/*/fine', deadband: 0.1 },
    { tags: 'a/*', deadband: 10 },
  ])
  const builder = new BatchBuilder(1)
  const add = (value: number) => {
    for (const tag of ['a/x/fine', 'a/x', 'b']) builder.add(builder.series(descriptor(tag, 'double')), value, value)
    return filter.take(builder.take(0), 0)
  }
  expect(add(1).map((it) => it.count)).toEqual([3])
  expect(add(2).map((it) => [...it.series])).toEqual([[0, 2]])
  expect(filter.withheld).toBe(1)
})

test('a batch that is withheld whole is none; its losses are handed over all the same', () => {
  const filter = exceptionFilter([{ tags: '*', deadband: 1 }])
  const builder = new BatchBuilder(1)
  const add = () => builder.add(builder.series(descriptor('a', 'double')), 1, 1)
  add()
  expect(filter.take(builder.take(0), 0)).toHaveLength(1)
  add()
  expect(filter.take(builder.take(0), 0)).toEqual([])
  add()
  builder.refuse('process', 'unreadable', 5)
  expect(filter.take(builder.take(0), 0)).toMatchObject([{ count: 0, refused: [{ reason: 'unreadable', count: 1 }] }])
})

test('what is held goes out after silence, and at a step of the clock with the stretch that it belongs to', () => {
  const filter = exceptionFilter([{ tags: '*', swingingDoor: 1, atLeastMs: 5_000 }])
  let version = 0
  const clock = { now: () => 9, monotonic: () => 0, held: () => ({ now: () => 9, version }) }
  const builder = new BatchBuilder(1, clock)
  const at = (time: number, value: number) => {
    builder.now()
    builder.add(builder.series(descriptor('a', 'double')), time, value)
    return builder.take(time)
  }
  expect(filter.take(at(0, 0), 0)).toHaveLength(1)
  expect(filter.take(at(1e6, 1), 1_000)).toEqual([])
  version = 1
  const [early, now] = filter.take(at(2e6, 50), 2_000)
  expect(early).toMatchObject({ clock: 0, received: 1e6, count: 1, newSeries: [] })
  expect(now).toBeUndefined()
  expect(filter.due(6_900)).toEqual([])
  expect(filter.due(7_000)).toMatchObject([{ clock: 1, count: 1 }])
  expect(filter.due()).toEqual([])
  expect(filter.withheld).toBe(0)
})

test.each([
  ['*', 'anything/at all', true],
  ['hall-1/*', 'hall-1/a/b', true],
  ['hall-1/*', 'hall-2/a', false],
  ['*/speed', 'x/speed', true],
  ['a*a', 'a', false],
  ['a*b*a', 'a-b-a', true],
  ['a*b*a', 'aba', true],
  ['a*b*ba', 'aba', false],
  ['a', 'a', true],
  ['a', 'ab', false],
])('the pattern %s and the tag %s', (pattern, tag, fits) => {
  expect(tagMatcher(pattern)(tag)).toBe(fits)
})
