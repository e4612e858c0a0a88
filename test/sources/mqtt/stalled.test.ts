import { afterEach, expect, test } from 'vitest'
import type { Consumer } from './harness.ts'
import { consume, openSource, publisher, tempDir, until } from './harness.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'
import type { WindowGate } from './window-gate.ts'
import { startWindowGate } from './window-gate.ts'

const COMMIT_EVERY_MS = 250
const FSYNC_MS = 5

let broker: Mosquitto | undefined
let gate: WindowGate | undefined
let consumer: Consumer | undefined
const folder = tempDir()
afterEach(async () => {
  await consumer?.stop()
  await gate?.close()
  gate = undefined
  await broker?.remove()
  folder.remove()
})

/** A source whose batches become durable every 250 ms, or soon after it says that it is stalled. */
async function routed(clientId: string, version: '3.1.1' | 5, window?: number) {
  broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  if (window !== undefined) gate = await startWindowGate(broker.port, window)
  const { source } = openSource(
    {
      url: `mqtt://127.0.0.1:${gate?.port ?? broker.port}`,
      insecure: 'a test',
      version,
      clientId,
      subscribe: [{ topic: 'plant/a', tag: 'a', class: 'process' }],
    },
    folder.path,
  )
  const seen = { stalled: 0, commits: 0, readings: 0, source }
  let timer: NodeJS.Timeout | undefined
  let isHurried = false
  const mine = consume(source, { keepRows: false })
  consumer = mine
  const commitIn = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      isHurried = false
      if (mine.items.length === 0) return
      seen.commits++
      seen.readings += mine.items.reduce((sum, it) => sum + it.batch.count, 0)
      mine.commitNow()
    }, ms)
  }
  const push = mine.items.push.bind(mine.items)
  mine.items.push = (...items) => {
    if (timer === undefined) commitIn(COMMIT_EVERY_MS)
    return push(...items)
  }
  source.onStalled?.(() => {
    seen.stalled++
    if (!isHurried) commitIn(FSYNC_MS)
    isHurried = true
  })
  await until('up', () => source.status().state === 'up')
  return seen
}

test.each(['3.1.1', 5] as const)('MQTT %s, a window of 20: it is learned, and commits keep up with it', async (version) => {
  const seen = await routed('narrow', version, 20)
  const client = await publisher(broker?.port as number)
  for (let n = 0; n < 5_000; n++) client.publish('plant/a', '{"value":1}', { qos: 1 })
  await until('the window is known', () => seen.source.status().details?.window === 20)
  await until('all came', () => seen.readings === 5_000, 50_000)
  // Twenty a commit; left to its 250 ms, that alone would take 62 s.
  expect(seen.stalled).toBeGreaterThan(100)
  expect(seen.commits).toBeGreaterThanOrEqual(5_000 / 20)
  await client.endAsync(true)
})

test("mosquitto's default, whatever its version makes of it: 10,000 messages come through", async () => {
  const seen = await routed('default', '3.1.1')
  const client = await publisher(broker?.port as number)
  for (let n = 0; n < 10_000; n++) client.publish('plant/a', '{"value":1}', { qos: 1 })
  await until('all came', () => seen.readings === 10_000, 50_000)
  await client.endAsync(true)
})

test('a trickle through a wide window hardly ever asks for a commit', async () => {
  const seen = await routed('wide', '3.1.1', 1_000)
  const client = await publisher(broker?.port as number)
  for (let n = 0; n < 100; n++) {
    await client.publishAsync('plant/a', '{"value":1}', { qos: 1 })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await until('all came', () => seen.readings === 100)
  expect(seen.stalled).toBeLessThanOrEqual(2)
  expect(seen.commits).toBeLessThanOrEqual(50)
  await client.endAsync(true)
})
