// Live beside a backlog that is being made ready.
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LogReader, Taken } from '../../src/core/log.ts'
import type { Stream } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { Uplink, UplinkBatch } from '../../src/core/uplink.ts'
import { aheadOf } from '../../src/pipeline/forward-ahead.ts'
import type { Pair, Taker } from '../../src/pipeline/forward-take.ts'
import { NOTHING } from '../../src/pipeline/forward-take.ts'

const STREAM: Stream = { device: 'd', epoch: '0'.repeat(32), class: 'c', form: 'raw' }

function taken(from: number, to: number): Taken {
  const slice = { form: 'raw' as const, stream: STREAM, from, to, block: new Uint8Array(1) }
  return { slices: [slice], ranges: [{ stream: streamKey(STREAM), from, to }], series: new Map() }
}

function together(a: Taken, b: Taken): Taken {
  return { slices: [...a.slices, ...b.slices], ranges: [...a.ranges, ...b.ranges], series: new Map() }
}

/** A log of which live has what `say` says, and an uplink that is ready when `ready` is called. */
function world({ prepares = true, backlog = true } = {}) {
  let newest: Taken = NOTHING
  let wake = () => {}
  let backlogAt = 0
  const prepared: UplinkBatch[] = []
  let done = () => {}
  const live = () => {
    const it = newest
    newest = NOTHING
    return it
  }
  const taker: Taker = {
    next: async () => ({ live: live(), backlog: backlog ? taken(backlogAt, (backlogAt += 1_000)) : NOTHING }),
    withNewest: async (pair) => ({ live: together(pair.live, live()), backlog: pair.backlog }),
  }
  const more = (_: string, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      wake = resolve
      signal.addEventListener('abort', () => resolve())
    })
  const prepare = (batch: UplinkBatch) => {
    prepared.push(batch)
    return new Promise<void>((resolve) => (done = resolve))
  }
  const stop = new AbortController()
  const resumed = { transaction: 0, delivered: new Map(), inDoubt: [], unread: [], endOffsets: {} }
  const parts = { uplink: 'u', log: { more } as unknown as LogReader, taker, resumed, blocked: () => [] }
  const ahead = aheadOf(parts, (prepares ? { prepare } : {}) as Uplink, stop.signal)
  return {
    ...ahead,
    prepared,
    stop,
    ready: () => done(),
    say(from: number, to: number, slices = taken(from, to).slices) {
      newest = together(newest, { ...taken(from, to), slices })
      wake()
    },
  }
}

const starts = ({ live, backlog }: Pair) => [live.ranges.map((it) => it.from), backlog.ranges.map((it) => it.from)]

test('live goes by itself while the backlog is made ready, then the backlog with what live has by then', async () => {
  const it = world()
  expect(starts(await it.take())).toEqual([[], [0]])
  it.say(90_000, 90_010)
  it.read()
  // It was read with the backlog, which is not ready.
  expect(starts(await it.take())).toEqual([[90_000], []])
  it.read()
  const next = it.take()
  await expect.poll(() => it.prepared.length).toBe(1)
  it.say(90_010, 90_020)
  expect(starts(await next)).toEqual([[90_010], []])
  it.say(90_020, 90_030)
  it.ready()
  await setImmediate()
  expect(starts(await it.take())).toEqual([[90_020], [1_000]])
  // Only the backlog was made ready, once.
  expect(it.prepared.map((one) => one.slices.map(({ from }) => from))).toEqual([[1_000]])
})

test('numbers of live without a row, which others have or which are gone, go as well', async () => {
  const it = world()
  it.read()
  const next = it.take()
  await expect.poll(() => it.prepared.length).toBe(1)
  it.say(90_000, 90_010, [])
  expect(starts(await next)).toEqual([[90_000], []])
})

test('with nothing to say of live the backlog is waited for', async () => {
  const it = world()
  it.read()
  let came: Pair | undefined
  const next = it.take().then((pair) => (came = pair))
  await expect.poll(() => it.prepared.length).toBe(1)
  expect(came).toBe(undefined)
  it.ready()
  expect(starts(await next)).toEqual([[], [0]])
})

test('an uplink that makes nothing ready gets both at once', async () => {
  const it = world({ prepares: false })
  it.read()
  it.say(90_000, 90_010)
  expect(starts(await it.take())).toEqual([[90_000], [0]])
})

test('where nothing was found when it was read both lanes are asked again', async () => {
  const it = world({ backlog: false })
  it.read()
  expect(starts(await it.take())).toEqual([[], []])
  it.read()
  it.say(90_000, 90_010)
  expect(starts(await it.take())).toEqual([[90_000], []])
})

test('a stop is not kept waiting', async () => {
  const it = world()
  it.read()
  const next = it.take()
  await expect.poll(() => it.prepared.length).toBe(1)
  it.stop.abort()
  await next
  await it.end()
})
