// What the keeper does when the writer refuses a change that it has prepared.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StreamRange } from '../../src/core/stream.ts'
import { segmentFiles } from '../../src/log/segment.ts'
import { walk } from '../../src/log/walk.ts'
import type { OpenedLog } from './helpers.ts'
import { checkBooks, counterSource, NEXT, openTestLog, tempDir } from './helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
  log = openTestLog(temp.dir)
  log.writer.restart('kafka', 'none')
  log.keeper.restart('kafka', new Map(), [])
})
afterEach(() => temp.remove())

const { batch } = counterSource()

/** A change that seals fresh blocks, and that the uplink makes void before the writer sees it. */
function refusedChange(): void {
  log.append(batch(100))
  log.clock.tick(2000)
  const ranges: StreamRange[] = (['live', 'backlog'] as const).flatMap((lane) => log.keeper.next({ ...NEXT, lane }).ranges)
  const change = log.keeper.work(log.writer.state(), true)
  if (!change) throw new Error('there is something to seal')
  log.writer.offer('kafka', ranges, {})
  log.writer.commit('kafka', ranges, 1, [])
  log.clock.tick(2000)
  const done = log.writer.apply(change)
  expect(done).toBe(false)
  log.keeper.applied(done)
}

test('what it had appended is given back, and what it had described is described again', async () => {
  refusedChange()
  expect(segmentFiles(temp.dir).segments.map((it) => it.bytes)).toEqual([])
  log.append(batch(10))
  log.clock.tick(2000)
  expect(log.work(true)).toBeGreaterThan(0)
  const [file] = segmentFiles(temp.dir).segments
  if (!file) throw new Error('nothing was sealed')
  const series: string[] = []
  for await (const it of walk(file.path)) if (it.kind === 'notes') series.push(...it.notes.series.map((one) => one.tag))
  expect(series).toEqual(['process/counter'])
  expect(log.failures).toEqual([])
  checkBooks(temp.dir, log.writer.figures())
  log.close()
})
