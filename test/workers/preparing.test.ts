import { expect, test } from 'vitest'
import type { UplinkBatch } from '../../src/core/uplink.ts'
import { preparing } from '../../src/workers/preparing.ts'
import { batchOf, doubles, rawStream } from '../uplinks/kafka/slices.ts'

const STREAM = rawStream('box')
const part = (from: number) => doubles(STREAM, from, 10)

function thread() {
  const had: unknown[] = []
  const own = preparing({
    call: async <T>(_: string, args: readonly unknown[]) => {
      had.push(args)
      return undefined as T
    },
  })
  return { ...own, had }
}

const starts = ([{ slices }, id]: readonly [UplinkBatch, number?]) => ({ slices: slices.map((it) => it.from), id })

test('what the thread has is not handed over again, with whatever else goes', async () => {
  const { prepare, taken, had } = thread()
  const [one, two, newest] = [part(0), part(10), part(500)]
  const both = batchOf(one, two)
  await prepare(both)
  expect(had).toEqual([[1, both]])
  // Others go before it, and it stays.
  expect(starts(taken(batchOf(newest)))).toEqual({ slices: [500], id: undefined })
  const sent = taken(batchOf(newest, one, two))
  expect(starts(sent)).toEqual({ slices: [500], id: 1 })
  // It is gone there by then.
  expect(starts(taken(both))).toEqual({ slices: [0, 10], id: undefined })
})

test('a batch that lacks some of it is handed over whole', async () => {
  const { prepare, taken } = thread()
  const [one, two] = [part(0), part(10)]
  await prepare(batchOf(one, two))
  expect(starts(taken(batchOf(two)))).toEqual({ slices: [10], id: undefined })
  expect(starts(taken(batchOf(one, two)))).toEqual({ slices: [0, 10], id: undefined })
})
