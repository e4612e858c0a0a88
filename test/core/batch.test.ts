import { expect, test } from 'vitest'
import { BatchBuilder, bytesOf, newOrigin, transferables } from '../../src/core/batch.ts'
import { BAD, NO_VALUE, UNCERTAIN } from '../../src/core/reading.ts'

test('columns hold what was added, in order, also beyond the first capacity', () => {
  const builder = new BatchBuilder(1)
  const [double, long, text] = (['double', 'long', 'string'] as const).map((kind) =>
    builder.series({ tag: kind, class: 'c', kind }),
  ) as [number, number, number]
  for (let i = 0; i < 1000; i++) {
    builder.add(double, i, i / 3, UNCERTAIN, i)
    builder.addLong(long, i, -BigInt(i) * 1_000_000_000_000n)
    builder.addString(text, i, `Wert ${i} ä`)
  }
  builder.addNone(double, 1000, BAD, 7)
  const batch = builder.take(42)
  expect([batch.count, batch.received, batch.seriesFrom, batch.newSeries.length]).toEqual([3001, 42, 0, 3])
  const longs = new BigInt64Array(batch.value.buffer)
  const words = new Uint32Array(batch.value.buffer)
  for (let i = 0; i < 1000; i++) {
    expect(batch.value[i * 3]).toBe(i / 3)
    expect(longs[i * 3 + 1]).toBe(-BigInt(i) * 1_000_000_000_000n)
    const at = (i * 3 + 2) * 2
    const [offset, length] = [words[at] as number, words[at + 1] as number]
    expect(new TextDecoder().decode(batch.bytes.subarray(offset, offset + length))).toBe(`Wert ${i} ä`)
  }
  expect([batch.quality[0], batch.status[999 * 3], batch.quality[3000], batch.status[3000]]).toEqual([
    UNCERTAIN,
    999,
    BAD | NO_VALUE,
    7,
  ])
})

test('bits of a long survive growing, whatever double they would be', () => {
  const builder = new BatchBuilder(1)
  const long = builder.series({ tag: 'l', class: 'c', kind: 'long' })
  const signallingNan = 0x7ff0_0000_0000_0001n
  for (let i = 0; i < 600; i++) builder.addLong(long, i, signallingNan)
  expect(new BigInt64Array(builder.take(1).value.buffer).every((it) => it === signallingNan)).toBe(true)
})

test('a batch brings only the descriptors that are new, and take starts anew without touching what it gave', () => {
  const builder = new BatchBuilder(newOrigin(3))
  const series = (tag: string, unit?: string) =>
    builder.series(unit === undefined ? { tag, class: 'c', kind: 'double' } : { tag, class: 'c', kind: 'double', unit })
  builder.add(series('a'), 1, 1)
  const first = builder.take(1)
  expect(series('a')).toBe(0)
  builder.add(series('a', 'bar'), 2, 2)
  builder.add(series('a'), 3, 3)
  const second = builder.take(2)
  expect(first.newSeries.map((it) => it.tag)).toEqual(['a'])
  expect([second.seriesFrom, second.newSeries]).toEqual([1, [{ tag: 'a', class: 'c', kind: 'double', unit: 'bar' }]])
  expect([...first.value, ...second.value, ...second.series]).toEqual([1, 2, 3, 1, 0])
  expect(second.origin).toBe(first.origin)
  expect(builder.isEmpty).toBe(true)
})

test('refused readings are counted by class and reason, with their span of time', () => {
  const builder = new BatchBuilder(1)
  builder.refuse('c', 'overflow', 50, 3)
  builder.refuse('c', 'overflow', 20)
  builder.refuse('d', 'overflow', 9)
  expect(builder.isEmpty).toBe(false)
  expect(builder.take(1).refused).toEqual([
    { class: 'c', reason: 'overflow', count: 4, timeFrom: 20, timeTo: 50 },
    { class: 'd', reason: 'overflow', count: 1, timeFrom: 9, timeTo: 9 },
  ])
  expect(builder.take(1).refused).toEqual([])
})

test('buffers can be handed over, and an empty batch too; origins differ', () => {
  const builder = new BatchBuilder(newOrigin(1))
  builder.addBytes(builder.series({ tag: 'b', class: 'c', kind: 'bytes' }), 1, Uint8Array.of(1, 2, 3))
  const batch = builder.take(1)
  expect(bytesOf(batch)).toBeGreaterThan(3)
  const copy = structuredClone(batch, { transfer: transferables(batch) })
  expect(copy.bytes).toEqual(Uint8Array.of(1, 2, 3))
  expect(batch.time.length).toBe(0)
  const empty = builder.take(2)
  expect(structuredClone(empty, { transfer: transferables(empty) }).count).toBe(0)
  expect(newOrigin(1)).not.toBe(batch.origin)
})

test('while readings wait in a builder, a step of the clock waits too: a batch has times of one stretch', () => {
  let [version, offset, ms] = [0, 1000, 0]
  const heldAt = (v: number, o: number) => ({ version: v, now: () => ms + o })
  let held = heldAt(version, offset)
  const step = (to: number) => (held = heldAt(++version, (offset = to)))
  const builder = new BatchBuilder(1, { now: () => ms + offset, monotonic: () => ms, held: () => held })
  const series = builder.series({ tag: 'a', class: 'c', kind: 'double', boxTime: true })
  const add = () => builder.add(series, builder.now(), 0)
  add()
  step(9000)
  ms = 1
  add()
  expect(builder.take(builder.now())).toMatchObject({ time: Float64Array.of(1000, 1001), received: 1001, clock: 0 })
  add()
  expect(builder.take(builder.now())).toMatchObject({ time: Float64Array.of(9001), received: 9001, clock: 1 })
  // Nothing but a refused reading holds the clock as well.
  builder.refuse('c', 'overflow', builder.now())
  step(500)
  expect(builder.take(builder.now())).toMatchObject({ received: 9001, clock: 1 })
  expect(builder.now()).toBe(501)
})

test('a clock that never steps needs no version; without a clock there is no time', () => {
  const builder = new BatchBuilder(1, { now: () => 7, monotonic: () => 0 })
  expect(builder.take(builder.now())).not.toHaveProperty('clock')
  expect(builder.now()).toBe(7)
  expect(() => new BatchBuilder(1).now()).toThrow()
})
