// What the campaigns have found in the log: each as small as it can be.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { packed, unpacked } from '../../src/workers/port.ts'
import { ShortSegment } from '../../src/log/segment.ts'
import { classNamed, counterSource, decoded, NEXT, openTestLog, T0, tempDir } from '../log/helpers.ts'

let dir = ''
let remove = () => {}
beforeEach(() => ({ dir, remove } = tempDir()))
afterEach(() => remove())

/** A log with one sealed block that `kafka` has been given, and fresh ones that it has not. */
function sealedAndFresh() {
  const log = openTestLog(dir)
  const source = counterSource()
  log.writer.restart('kafka', 'none')
  log.keeper.restart('kafka', new Map(), [])
  log.append(source.batch(10))
  log.clock.tick(2000)
  log.work(true)
  const first: readonly StreamRange[] = [
    ...log.keeper.next({ ...NEXT, lane: 'live' }).ranges,
    ...log.keeper.next({ ...NEXT, lane: 'backlog' }).ranges,
  ]
  log.writer.offer('kafka', first, {})
  log.append(source.batch(10))
  log.clock.tick(2000)
  return { log, first }
}

/** The uplink has all that is sealed: its segment goes. */
function deliver({ log, first }: ReturnType<typeof sealedAndFresh>): void {
  log.writer.commit('kafka', first, 1, [])
  log.clock.tick(2000)
}

test('a change that was appended to a segment which has gone meanwhile is refused', () => {
  const it = sealedAndFresh()
  const change = it.log.keeper.work(it.log.writer.state(), true)
  if (!change) throw new Error('there is something to seal')
  deliver(it)
  it.log.keeper.applied(it.log.writer.apply(change))
  it.log.work(true)
  it.log.keeper.restart(
    'kafka',
    it.log.writer.restart('kafka', { transaction: 1, delivered: new Map([[it.first[0]?.stream ?? '', [{ from: 0, to: 10 }]]]) })
      .delivered,
    [],
  )
  const taken = [it.log.keeper.next({ ...NEXT, lane: 'live' }), it.log.keeper.next({ ...NEXT, lane: 'backlog' })]
  expect(taken.flatMap((one) => one.damaged)).toEqual([])
  expect(taken.flatMap((one) => decoded(one)).flatMap((block) => [...block.value])).toEqual([
    10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
  ])
  it.log.close()
})

test('an error with a name of its own crosses threads', () => {
  expect(unpacked(packed(new ShortSegment('1.raw', 0, 10))).message).toBe('1.raw has 0 bytes, 10 were recorded')
})

test('numbers of the present epoch in a stream that this log does not know yet are later ones', () => {
  const log = openTestLog(dir)
  const { epoch } = log.writer.figures()
  log.writer.restart('kafka', { transaction: 1, delivered: new Map([[`box-1:${epoch}:process:raw`, [{ from: 0, to: 5 }]]]) })
  expect(log.writer.figures().epoch).not.toBe(epoch)
  log.close()
})

test('appends wait where the journal is full, whatever they bring at once', { timeout: 60_000 }, async () => {
  const failures: Error[] = []
  const log = await openLog(
    {
      dir,
      device: 'box-1',
      bytesMax: 40_000_000,
      commitBytes: 100_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [classNamed('process', { commitEveryMs: 5 })],
      delivery: {},
      uplinks: ['kafka'],
    },
    (error) => failures.push(error),
  )
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'blob', class: 'process', kind: 'bytes' })
  const acks: Promise<void>[] = []
  for (let n = 0; n < 60 && failures.length === 0; n++) {
    for (let i = 0; i < 15; i++) builder.addBytes(series, T0 + n, crypto.getRandomValues(new Uint8Array(60_000)))
    acks.push(log.writer.append(builder.take(T0)))
    if (acks.length >= 6) await Promise.race([acks.shift(), sleep(20_000)])
  }
  expect(failures.map((it) => it.message)).toEqual([])
  expect(existsSync(join(dir, 'segments'))).toBe(true)
  await log.close().catch(() => {})
})
