// How long a class has been offline is running time: real writer and file, a clock that steps by hand.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { OpenedLog } from './helpers.ts'
import { classNamed, counterSource, openTestLog, tempDir } from './helpers.ts'

const YEAR_MS = 31_536_000_000
const LADDER = [{ offlineForMs: 60_000, keep: { windowMs: 10_000 } }]

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => (temp = tempDir()))
afterEach(() => {
  log.close()
  temp.remove()
})

test.each([
  ['on', YEAR_MS],
  ['back', -YEAR_MS],
])('a clock that steps %s a year neither brings nor keeps off the next step of the ladder', (_name, byMs) => {
  log = openTestLog(temp.dir, { classes: [classNamed('process', { ladder: LADDER })] })
  const source = counterSource()
  const stepAfter = (ms: number) => {
    log.append(source.batch(10))
    log.clock.tick(ms)
    log.work()
    return log.writer.figures().classes[0]?.step
  }
  expect(stepAfter(10_000)).toBe('raw')
  log.clock.step(byMs)
  expect(stepAfter(10_000)).toBe('raw')
  expect(stepAfter(30_000)).toBe('raw')
  // 10 s and more over the minute.
  stepAfter(20_000)
  expect(stepAfter(1_000)).not.toBe('raw')
})
