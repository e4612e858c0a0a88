import { expect, test } from 'vitest'
import { keepRunning } from '../../src/pipeline/keep-running.ts'

/** The waits between so many failures; `well`: how many runs got somewhere first. */
async function waitsOf(
  failures: number,
  random: () => number,
  isWell: (run: number) => boolean = () => false,
): Promise<number[]> {
  const stop = new AbortController()
  const waits: number[] = []
  let runs = 0
  await keepRunning(
    async (well) => {
      if (isWell(runs++)) well()
      throw new Error('away')
    },
    {
      backoff: { minMs: 500, maxMs: 30_000 },
      random,
      failed: () => undefined,
      async sleep(ms) {
        waits.push(ms)
        if (waits.length === failures) stop.abort()
      },
    },
    stop.signal,
  )
  return waits
}

test('waits twice as long after each failure, up to a bound', async () => {
  expect(await waitsOf(9, () => 0.5)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('what got somewhere waits briefly again', async () => {
  expect(
    await waitsOf(
      5,
      () => 0.5,
      (run) => run === 3,
    ),
  ).toEqual([500, 1_000, 2_000, 500, 1_000])
})

test('no two boxes wait alike: from half to one and a half of it', async () => {
  expect(await waitsOf(2, () => 0)).toEqual([250, 500])
  expect(await waitsOf(2, () => 1)).toEqual([750, 1_500])
})

test('whoever is told of the failure may say how long to wait', async () => {
  const stop = new AbortController()
  const waits: number[] = []
  const told: number[] = []
  await keepRunning(
    async () => {
      throw new Error('away')
    },
    {
      backoff: { minMs: 500, maxMs: 30_000 },
      random: () => 0.5,
      failed: (_, waitMs) => (told.push(waitMs), 0),
      async sleep(ms) {
        waits.push(ms)
        if (waits.length === 2) stop.abort()
      },
    },
    stop.signal,
  )
  expect([told, waits]).toEqual([
    [500, 1_000],
    [0, 0],
  ])
})

test('a stop ends it without another run', async () => {
  const stop = new AbortController()
  let runs = 0
  const running = keepRunning(
    async () => {
      runs++
      stop.abort()
      throw new Error('away')
    },
    { backoff: { minMs: 1, maxMs: 1 }, random: () => 0.5, failed: () => undefined, sleep: async () => {} },
    stop.signal,
  )
  await running
  expect(runs).toBe(1)
})
