import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder } from '../../src/core/batch.ts'
import { BATCHES_IN_FLIGHT_MAX } from '../../src/core/bounds.ts'
import type { ReportRule } from '../../src/core/report-rule.ts'
import { delivering } from '../../src/workers/delivering.ts'

function start(rules?: readonly ReportRule[]) {
  const sent: ReadingBatch[] = []
  const acknowledged: number[] = []
  const it = delivering((batch) => void sent.push(batch), rules)
  const builder = new BatchBuilder(0)
  let next = 0
  return {
    ...it,
    sent,
    acknowledged,
    /** Hands over one item of one reading. */
    give(value: number) {
      const id = next++
      builder.add(builder.series({ tag: 'a', class: 'process', kind: 'double' }), id, value)
      it.handOver({ batch: builder.take(id), durable: () => void acknowledged.push(id) })
    },
  }
}

test('without rules: each item is acknowledged when its own batch is durable', () => {
  const it = start()
  for (const value of [1, 1, 1]) it.give(value)
  expect([it.sent.length, it.acknowledged]).toEqual([3, []])
  it.durable()
  expect(it.acknowledged).toEqual([0])
  it.durable()
  it.durable()
  expect(it.acknowledged).toEqual([0, 1, 2])
  expect(it.withheld()).toBeUndefined()
})

test('an item that was withheld whole waits for those before it, and no longer', () => {
  const it = start([{ tags: '*', deadband: 0 }])
  for (const value of [1, 1, 1, 2, 2]) it.give(value)
  expect([it.sent.length, it.withheld()]).toEqual([2, 3])
  it.durable()
  expect(it.acknowledged).toEqual([0, 1, 2])
  it.durable()
  expect(it.acknowledged).toEqual([0, 1, 2, 3, 4])
  it.give(2)
  expect(it.acknowledged).toEqual([0, 1, 2, 3, 4, 5])
})

test('withheld items take no room; batches on their way do', async () => {
  const it = start([{ tags: '*', deadband: 0 }])
  for (let count = 0; count < 1_000; count++) it.give(1)
  await it.room()
  for (let value = 2; value <= BATCHES_IN_FLIGHT_MAX + 70; value++) it.give(value)
  let hasRoom = false
  const room = it.room().then(() => (hasRoom = true))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(hasRoom).toBe(false)
  while (!hasRoom && it.acknowledged.length < 1_100) {
    it.durable()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await room
})

test('what was held back is handed over at the end', () => {
  const it = start([{ tags: '*', swingingDoor: 1 }])
  for (const value of [1, 2, 3]) it.give(value)
  it.due()
  expect(it.sent.map((one) => one.count)).toEqual([1])
  it.release()
  expect(it.sent.map((one) => [...one.value])).toEqual([[1], [3]])
  expect(it.withheld()).toBe(1)
})
