// What units that are away may take of a line's time.
import { describe, expect, test } from 'vitest'
import { createKnocks } from '../../../src/sources/modbus/knocks.ts'

const TIMEOUT_MS = 1_000
const never = () => new AbortController().signal

/** Knocks of several dead units at once, each as long as it may wait; how long each had, and when it began. */
async function knocked(knocks: ReturnType<typeof createKnocks>, units: readonly object[]) {
  const began: number[] = []
  const timeouts: number[] = []
  await Promise.all(
    units.map((unit) =>
      knocks.run(unit, never(), TIMEOUT_MS, async (timeoutMs) => {
        began.push(performance.now())
        timeouts.push(timeoutMs)
        await new Promise((resolve) => setTimeout(resolve, 20))
        knocks.failed(unit)
      }),
    ),
  )
  return { timeouts, pauses: began.slice(1).map((it, n) => it - (began[n] as number)) }
}

describe('units that are away', () => {
  const [alive, one, two, three] = [{}, {}, {}, {}]

  test('beside one that answers: briefly, one after the other, with long pauses', async () => {
    const knocks = createKnocks(true)
    knocks.answered(alive, 10)
    const { timeouts, pauses } = await knocked(knocks, [one, two, three])
    expect(timeouts).toEqual([100, 100, 100])
    // 20 ms of work in 2.5 % of the time: 800 ms, whatever the machine adds.
    for (const it of pauses) expect(it).toBeGreaterThan(600)
  })

  test('where answers take long, the knock has as long', async () => {
    const knocks = createKnocks(true)
    knocks.answered(alive, 150)
    expect((await knocked(knocks, [one])).timeouts).toEqual([600])
  })

  test('a unit that was slow itself has its own time', async () => {
    const knocks = createKnocks(true)
    knocks.answered(alive, 10)
    knocks.answered(one, 200)
    knocks.failed(one)
    expect((await knocked(knocks, [one])).timeouts).toEqual([800])
  })

  test('behind a gateway, which goes on waiting, each has the whole time-out, and the pause after it', async () => {
    const knocks = createKnocks(false)
    knocks.answered(alive, 10)
    const { timeouts, pauses } = await knocked(knocks, [one, two])
    expect(timeouts).toEqual([TIMEOUT_MS, TIMEOUT_MS])
    for (const it of pauses) expect(it).toBeGreaterThan(600)
  })

  test('with nobody to disturb: at once, with the whole time-out', async () => {
    const knocks = createKnocks(true)
    knocks.answered(alive, 10)
    knocks.failed(alive)
    const { timeouts, pauses } = await knocked(knocks, [one, two, three])
    expect(timeouts).toEqual([TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS])
    for (const it of pauses) expect(it).toBeLessThan(600)
  })

  test('who leaves does not wait, and holds up nobody', async () => {
    const knocks = createKnocks(true)
    knocks.answered(alive, 10)
    await knocked(knocks, [one])
    const stop = new AbortController()
    const waiting = knocks.run(two, stop.signal, TIMEOUT_MS, async () => 'asked')
    stop.abort()
    await expect(waiting).rejects.toThrow()
    knocks.forget(alive)
    expect(await knocks.run(three, never(), TIMEOUT_MS, async (timeoutMs) => timeoutMs)).toBe(TIMEOUT_MS)
  })
})
