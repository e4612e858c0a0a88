import { expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { BATCHES_IN_FLIGHT_MAX } from '../../src/core/bounds.ts'
import type { Source } from '../../src/core/source.ts'
import { ingest } from '../../src/pipeline/ingest.ts'

/** A log that answers when the test says so. */
function slowLog() {
  const waiting: (() => void)[] = []
  let hurries = 0
  return {
    waiting,
    get hurries() {
      return hurries
    },
    append: () => new Promise<void>((resolve) => void waiting.push(resolve)),
    hurry: () => void hurries++,
    forget() {},
  }
}

function sourceOf(count: number, said: number[]) {
  let stall = () => {}
  let pulled = 0
  const source: Source = {
    async *read() {
      for (; pulled < count; ) {
        const builder = new BatchBuilder(newOrigin(0))
        const n = pulled++
        builder.add(builder.series({ tag: 't', class: 'process', kind: 'double' }), 1, n)
        yield { batch: builder.take(1), durable: () => void said.push(n) }
      }
    },
    status: () => ({ state: 'up' }),
    onStalled: (listener) => void (stall = listener),
  }
  return { source, pulled: () => pulled, stall: () => stall() }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))
const never = new AbortController().signal

test('a slow log holds the source: so many batches in flight and no more', async () => {
  const log = slowLog()
  const { source, pulled } = sourceOf(10, [])
  const taken: number[] = []
  const end = ingest(source, log, (batch) => void taken.push(batch.count), never)
  for (let i = 0; i < 20; i++) await settle()
  expect([pulled(), log.waiting.length, taken.length]).toEqual([
    BATCHES_IN_FLIGHT_MAX,
    BATCHES_IN_FLIGHT_MAX,
    BATCHES_IN_FLIGHT_MAX,
  ])
  log.waiting[0]?.()
  for (let i = 0; i < 20; i++) await settle()
  expect([pulled(), log.waiting.length]).toEqual([BATCHES_IN_FLIGHT_MAX + 1, BATCHES_IN_FLIGHT_MAX + 1])
  for (let i = 1; i < 10; i++) {
    log.waiting[i]?.()
    for (let k = 0; k < 10; k++) await settle()
  }
  await end
})

test('the source hears of its batches in their order, also when the disk had a later one first', async () => {
  const log = slowLog()
  const said: number[] = []
  const { source } = sourceOf(2, said)
  const end = ingest(source, log, () => {}, never)
  for (let i = 0; i < 20; i++) await settle()
  log.waiting[1]?.()
  for (let i = 0; i < 20; i++) await settle()
  expect(said).toEqual([])
  log.waiting[0]?.()
  await end
  expect(said).toEqual([0, 1])
})

test('a stalled source hurries the log, with the batch that is still on its way; a commit answers the stall; a stop hurries as well', async () => {
  const log = slowLog()
  const { source, stall } = sourceOf(4, [])
  const stop = new AbortController()
  const end = ingest(source, log, () => {}, stop.signal)
  stall()
  expect([log.waiting.length, log.hurries]).toEqual([0, 1])
  for (let i = 0; i < 20; i++) await settle()
  expect([log.waiting.length, log.hurries]).toEqual([2, 2])
  stall()
  expect(log.hurries).toBe(3)
  log.waiting[0]?.()
  for (let i = 0; i < 20; i++) await settle()
  expect([log.waiting.length, log.hurries]).toEqual([3, 3])
  stop.abort()
  expect(log.hurries).toBe(4)
  log.waiting.forEach((done) => done())
  for (let i = 0; i < 20; i++) await settle()
  log.waiting.forEach((done) => done())
  await end
})
