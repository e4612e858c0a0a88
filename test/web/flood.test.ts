// A slice: how long commits take is printed, not judged (`node test/web/flood.main.ts` on an idle machine compares with an idle listener).
import { expect, test } from 'vitest'
import { measureFlood } from './flood.ts'

const SECONDS = 8

test('junk as fast as one process sends and 500 slow connections: no reading is lost, and the owner gets in', {
  timeout: 180_000,
}, async () => {
  const { published, accepted, lost, commitMs, logInMs, junk, slow, panelBytes } = await measureFlood('panel', SECONDS)
  console.log(
    `${published} readings, p99 to the fsync ${commitMs.middle} ms (worst ${commitMs.worst}); log-in in ${logInMs.join(', ')} ms; ` +
      `${junk.opened} connections, ${Math.round(junk.sent / 1e6)} MB of junk; the panel takes ${Math.round(panelBytes / 1e6)} MB`,
  )
  expect(published).toBeGreaterThan(SECONDS * 500)
  expect({ accepted, lost }).toEqual({ accepted: published, lost: 0 })
  expect(junk.opened).toBeGreaterThan(32)
  expect(junk.sent).toBeGreaterThan(1e6)
  expect(slow.opened).toBeGreaterThanOrEqual(500)
  expect(logInMs.length).toBeGreaterThan(0)
  for (const ms of logInMs) expect(ms).toBeLessThan(10_000)
})
