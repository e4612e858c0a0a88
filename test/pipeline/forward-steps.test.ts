// One step of forwarding at a time, where the random runs of forward.test.ts cannot see what it did.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { Unreachable } from '../../src/core/errors.ts'
import type { LogReader } from '../../src/core/log.ts'
import type { Refusal } from '../../src/core/position.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { Uplink, UplinkBatch } from '../../src/core/uplink.ts'
import type { ForwardReport } from '../../src/pipeline/forward-report.ts'
import { newReport } from '../../src/pipeline/forward-report.ts'
import { forward } from '../../src/pipeline/forward.ts'
import type { Backoff } from '../../src/pipeline/keep-running.ts'
import { systemClock } from '../../src/workers/clock.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { classNamed, tempDir } from '../log/helpers.ts'

const FENCED_MS = 7
const UNTIL_MS_MAX = 20_000

let temp: ReturnType<typeof tempDir>
let log: OpenLog
beforeEach(async () => {
  temp = tempDir()
  const options = {
    dir: temp.dir,
    device: 'box-1',
    bytesMax: 64_000_000,
    commitBytes: 200_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 0,
    classes: [classNamed('process', { commitEveryMs: 5 })],
    delivery: {},
    uplinks: ['cloud'],
  }
  log = await openLog(options, (error) => {
    throw error
  })
})
afterEach(async () => {
  await log.close()
  temp.remove()
})

async function append(count: number): Promise<void> {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'process', class: 'process', kind: 'double' })
  for (let i = 0; i < count; i++) builder.add(series, 1.7e15 + i, i)
  await log.writer.append(builder.take(1.7e15))
}

/** Forwards until `isDone`; says how long each failure made it wait. */
async function forwardUntil(
  uplink: () => Promise<Uplink>,
  isDone: (report: ForwardReport) => Promise<boolean> | boolean,
  reader: LogReader = log.reader,
  backoff: Backoff = { minMs: 1, maxMs: 1 },
): Promise<{ readonly waits: readonly number[]; readonly report: ForwardReport }> {
  const stop = new AbortController()
  const waits: number[] = []
  const report = newReport()
  const parts = {
    uplink: 'cloud',
    admission: { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) },
    open: uplink,
    log: reader,
    clock: systemClock(),
    random: () => 0.5,
    failed: (_: unknown, waitMs: number) => void waits.push(waitMs),
    waits: { backoff, blockedMs: 30, fencedMs: FENCED_MS, idleMs: 10 },
  }
  const running = forward(parts, report, stop.signal)
  for (const end = performance.now() + UNTIL_MS_MAX; !(await isDone(report)); await sleep(2))
    if (performance.now() > end) throw new Error(`not reached: ${JSON.stringify(report)}`)
  const last = structuredClone(report)
  stop.abort()
  await running
  return { waits, report: last }
}

/** Takes what it is sent. */
function taker(sent: UplinkBatch[], refusals: (batch: UplinkBatch) => readonly Refusal[] = () => []) {
  return async (): Promise<Uplink> => ({
    position: async () => 'none',
    endOffsets: async () => ({}),
    async send(batch) {
      sent.push(batch)
      return refusals(batch)
    },
    async close() {},
  })
}

const rawOf = (batch: UplinkBatch) => batch.slices.filter((it) => it.form === 'raw')

test('a reading that the destination refused stays in the log, parked; the others are delivered', async () => {
  await append(10)
  const refusals = (batch: UplinkBatch) =>
    rawOf(batch)
      .filter((it) => it.from <= 3 && 3 < it.to)
      .map((it): Refusal => ({ stream: streamKey(it.stream), sequence: 3, code: 'record-too-large' }))
  await forwardUntil(taker([], refusals), async () => (await log.figures()).classes[0]?.delivered === 9)
  expect(await log.figures()).toMatchObject({ parked: 1, classes: [{ accepted: 10, delivered: 9, stored: 1 }] })
})

test('what arrived of a send that failed is delivered, or parked, and only the rest goes again', async () => {
  await append(10)
  const sent: UplinkBatch[] = []
  const uplink = async (): Promise<Uplink> => ({
    position: async (_signal, told = 0) => ({ transaction: told, delivered: new Map() }),
    endOffsets: async () => ({}),
    async send(batch) {
      sent.push(batch)
      const raw = rawOf(batch)[0]
      if (sent.length > 1 || !raw) return []
      const stream = streamKey(raw.stream)
      const arrived = { ranges: [{ stream, from: 0, to: 6 }], refused: [{ stream, sequence: 3, code: 'record-too-large' }] }
      throw new Unreachable('aborted', 'given up', { arrived })
    },
    async close() {},
  })
  const isDone = async () => (await log.figures()).classes[0]?.delivered === 9
  const { waits, report } = await forwardUntil(uplink, isDone)
  expect(waits).toHaveLength(1)
  expect(report.readings).toBe(10)
  expect(await log.figures()).toMatchObject({ parked: 1, classes: [{ accepted: 10, delivered: 9, stored: 1 }] })
  expect(sent.flatMap(rawOf).map(({ from, to }) => [from, to])).toEqual([
    [0, 10],
    [6, 10],
  ])
})

test('what the log gave up between reading and sending is not sent, and the rest is', async () => {
  await append(10)
  let gone: readonly StreamRange[] = []
  const reader: LogReader = {
    ...log.reader,
    // As the writer answers when retention was quicker.
    async offer(uplink, ranges, endOffsets) {
      const first = ranges.find((it) => it.stream.endsWith(':raw'))
      const empty = await log.reader.offer(uplink, ranges, endOffsets)
      if (!first || gone.length > 0) return empty
      gone = [{ ...first, from: 0, to: 10 }]
      return [...empty, ...gone]
    },
  }
  const sent: UplinkBatch[] = []
  await forwardUntil(taker(sent), () => gone.length > 0 && sent.length > 0, reader)
  await append(5)
  await forwardUntil(taker(sent), () => sent.flatMap(rawOf).length > 0)
  for (const it of sent.flatMap(rawOf)) expect(it.from).toBeGreaterThanOrEqual(10)
})

test('three fences in a row are a second holder of the identity: it steps back for long, and says so', async () => {
  const shutOut = async (): Promise<Uplink> => {
    throw new Unreachable('fenced', 'somebody else has this identity')
  }
  const { waits, report } = await forwardUntil(shutOut, ({ state }) => state === 'fenced')
  expect(report.state).toBe('fenced')
  // Never in step with the other one: up to twice as long.
  expect(waits.slice(0, 3)).toEqual([1, 1, FENCED_MS * 1.5])
})

test('who was shut out claims nothing while the other one forwards, and goes on once that stands still', async () => {
  await append(5)
  const sent: UplinkBatch[] = []
  // As the other one goes on: busy, then further with each look, then not any more.
  const looks = ['busy', 'busy', 3, 4, 5, 5] as const
  let claims = 0
  let looked = 0
  const twin = async (): Promise<Uplink> => ({
    ...(await taker(sent)()),
    peek: async () => looks[looked++] ?? 5,
    async position() {
      claims++
      if (looked === 0) throw new Unreachable('fenced', 'somebody else has this identity')
      return 'none'
    },
  })
  const { waits } = await forwardUntil(twin, () => sent.length > 0)
  expect([looked, claims]).toEqual([looks.length, 4])
  expect(waits).toEqual([1, 1, ...Array.from({ length: 6 }, () => FENCED_MS * 1.5)])
})

test('who is not let in after all was well does not knock again at once; whose connection broke does', async () => {
  for (const [isDenied, expected] of [
    [true, 40],
    [false, 2],
  ] as const) {
    const sent: UplinkBatch[] = []
    let tries = 0
    const once = async (): Promise<Uplink> => {
      const uplink = await taker(sent)()
      if (++tries > 1) return uplink
      return {
        ...uplink,
        async send(batch, position, signal) {
          if (sent.length > 0) throw new Unreachable(isDenied ? 'sasl-failed' : 'closed', 'no', { isDenied })
          await append(5)
          return uplink.send(batch, position, signal)
        },
      }
    }
    await append(5)
    const backoff = { firstMs: 2, minMs: 40, maxMs: 80 }
    const { waits } = await forwardUntil(once, () => tries > 1 && sent.length > 1, log.reader, backoff)
    expect(waits).toEqual([expected])
  }
})

test('a failure of another kind in between begins the count anew', async () => {
  let tries = 0
  const other = async (): Promise<Uplink> => {
    tries++
    throw new Unreachable(tries % 3 === 0 ? 'refused' : 'fenced', 'away')
  }
  const { waits } = await forwardUntil(other, () => tries > 9)
  expect(waits.every((it) => it === 1)).toBe(true)
})
