// Devices that answer wrongly, late or not at all, and the timing of polls; against bare servers of the tests' own.
import { describe, expect, test } from 'vitest'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../../src/core/bounds.ts'
import { modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import { modbusTcp } from '../../../src/sources/modbus/protocols.ts'
import type { Asked, Seen } from './help.ts'
import { addressesAsData, answerFrame, clock, contextOf, exceptionFrame, serve, start, stepsOf, until } from './help.ts'

const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: 10, class: 'process' }]
const settingsOf = (port: number, more: object = {}) =>
  modbusTcpSettings.parse({ host: '127.0.0.1', port, every: '100ms', timeout: '200ms', tags, ...more })
const right = (asked: Asked) => answerFrame(asked, addressesAsData(asked))
const isGood = (poll: readonly Seen[] | undefined) =>
  poll?.length === 10 && poll.every((it, i) => it.quality === 'good' && it.value === BigInt(i))

/** Answers rightly three times, wrongly once, then rightly for good. */
async function afterOne(wrong: (asked: Asked) => Buffer | undefined) {
  let count = 0
  const server = await serve((asked) => (++count === 4 ? wrong(asked) : right(asked)))
  const reading = start(modbusTcp.open(settingsOf(server.port), contextOf('wronged')))
  await until('three good polls', () => reading.polls.length >= 3)
  await until('polls go on', () => reading.polls.length >= 7 && isGood(reading.polls.at(-1)))
  const status = reading.source.status()
  await reading.stop()
  await server.stop()
  return { polls: reading.polls, status, connections: server.connections }
}

describe('a wrong answer costs one poll, not the connection for ever', () => {
  test.each<[string, (asked: Asked) => Buffer | undefined]>([
    ['a truncated frame', (asked) => right(asked).subarray(0, 15)],
    ['a length that is too long', (asked) => Buffer.concat([right(asked).fill(255, 4, 6)])],
    ['a length that is too short', (asked) => Buffer.concat([right(asked).fill(0, 4, 5).fill(3, 5, 6)])],
    ['a length of zero', (asked) => Buffer.concat([right(asked).fill(0, 4, 6)])],
    ['a byte count that lies', (asked) => Buffer.concat([right(asked).fill(2, 8, 9)])],
    ['a stale transaction', (asked) => right({ ...asked, transaction: asked.transaction - 1 })],
    ['another unit', (asked) => right({ ...asked, unit: 77 })],
    ['another function', (asked) => right({ ...asked, code: 4 })],
    ['half the registers', (asked) => answerFrame(asked, Buffer.alloc(10))],
    ['noise', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['silence', () => undefined],
  ])('%s', async (_, wrong) => {
    const { polls, status, connections } = await afterOne(wrong)
    expect(connections).toBe(2)
    expect(status.state).toBe('up')
    const bad = polls.filter((it) => !isGood(it))
    expect(bad).toHaveLength(1)
    expect(bad[0]?.every((it) => it.quality === 'bad' && it.value === undefined && it.status === 256)).toBe(true)
  })

  test('a connection that the device closes is made anew, and no reading is bad for it', async () => {
    const { polls, connections, status } = await afterOne((asked) => {
      asked.socket.destroy()
      return undefined
    })
    expect(connections).toBe(2)
    expect(polls.every(isGood)).toBe(true)
    expect(status.notes).toMatchObject({ 'request-repeated': 1 })
  })

  test('answered twice, and bytes that nobody asked for, do no harm', async () => {
    const server = await serve((asked) =>
      Buffer.concat([right(asked), right(asked), exceptionFrame({ ...asked, transaction: 9_999 }, 4)]),
    )
    const reading = start(modbusTcp.open(settingsOf(server.port), contextOf('twice')))
    await until('ten polls', () => reading.polls.length >= 10)
    await reading.stop()
    await server.stop()
    expect(server.connections).toBe(1)
    expect(reading.polls.every(isGood)).toBe(true)
  })
})

describe('the end', () => {
  test('comes at once, whatever is under way', async () => {
    const server = await serve(() => undefined)
    const reading = start(modbusTcp.open(settingsOf(server.port, { timeout: '60s' }), contextOf('ended')))
    await until('a request', () => server.requests.length > 0)
    const began = performance.now()
    await reading.stop()
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(reading.polls).toHaveLength(0)
    await server.stop()
  })
})

describe('exceptions', () => {
  test('are the status of bad readings in every poll; the device is up', async () => {
    const server = await serve((asked) => exceptionFrame(asked, 4))
    const reading = start(modbusTcp.open(settingsOf(server.port), contextOf('faulty')))
    await until('three polls', () => reading.polls.length >= 3)
    const status = reading.source.status()
    await reading.stop()
    await server.stop()
    expect(status.state).toBe('up')
    expect(reading.polls.flat().every((it) => it.quality === 'bad' && it.status === 4 && it.value === undefined)).toBe(true)
    expect(server.requests.length).toBe(reading.polls.length)
  })

  test('of a gateway mean that the device is down, and are named', async () => {
    const server = await serve((asked) => exceptionFrame(asked, 11))
    const reading = start(modbusTcp.open(settingsOf(server.port), contextOf('behind')))
    await until('asked twice', () => server.requests.length >= 2)
    await until('down', () => reading.source.status().code === 'exception-11')
    await reading.stop()
    await server.stop()
    expect(reading.polls).toHaveLength(1)
    expect(reading.polls[0]?.map((it) => it.status)).toEqual(Array(10).fill(11))
  })

  test('in sources test: a time-out with what it may be', async () => {
    const server = await serve(() => undefined)
    const steps = await stepsOf(
      modbusTcp.test(settingsOf(server.port, { unit: 9 }), contextOf('mute'), new AbortController().signal),
    )
    await server.stop()
    expect(steps.at(-1)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/unit 9 .* does not answer/),
      remedy: expect.stringMatching(/unit/),
    })
  })
})

describe('on the wire', () => {
  test('only the four function codes that read', async () => {
    const server = await serve((asked) => (asked.from + asked.count > 401 ? exceptionFrame(asked, 2) : right(asked)))
    const each = ['coil', 'discrete'].map((kind) => ({ tag: `${kind}{n}`, register: `${kind}:1`, count: 30, class: 'process' }))
    const words = ['input', 'holding'].map((kind) => ({
      tag: `${kind}{n}`,
      register: `${kind}:390`,
      type: 'int16',
      count: 30,
      class: 'process',
    }))
    const settings = settingsOf(server.port, { tags: [...each, ...words] })
    await stepsOf(modbusTcp.test(settings, contextOf('codes'), new AbortController().signal))
    const reading = start(modbusTcp.open(settings, contextOf('codes')))
    await until('three polls', () => reading.polls.length >= 3)
    await reading.stop()
    await server.stop()
    expect([...new Set(server.requests.map((it) => it.code))].toSorted()).toEqual([1, 2, 3, 4])
    const last = new Map(reading.polls.at(-1)?.map((it) => [it.tag, it]))
    expect(last.get('coil2')?.value).toBe(true)
    expect(last.get('coil3')?.value).toBe(false)
    expect(last.get('holding10')?.value).toBe(400n)
    expect(last.get('holding11')).toMatchObject({ quality: 'bad', status: 2 })
  })
})

describe('the cadence', () => {
  test('every: 50ms is 20 polls a second, on a grid that does not drift', async () => {
    const server = await serve(right)
    const reading = start(modbusTcp.open(settingsOf(server.port, { every: '50ms' }), contextOf('fast')))
    await until('a poll', () => reading.polls.length > 0)
    await until('a hundred more', () => reading.polls.length > 100)
    await reading.stop()
    await server.stop()
    const { notes = {} } = reading.source.status()
    const times = reading.polls.map((it) => it[0]?.time as number)
    const spanMs = ((times.at(-1) as number) - (times[0] as number)) / 1_000
    // Each period had its poll or is counted: so many points lie between the first and the last, whatever this machine was busy with.
    const points = times.length - 1 + (notes['poll-late'] ?? 0) + (notes['poll-skipped'] ?? 0)
    expect(Math.abs(spanMs - points * 50)).toBeLessThan(1_000)
    expect(times.length / points).toBeGreaterThan(0.5)
    // After a hundred polls they still stand where the first ones stood in their period.
    const offsets = times.map((it) => ((it - (times[0] as number)) / 1_000 + 25) % 50).map((it) => Math.abs(it - 25))
    expect(offsets.slice(-51).toSorted((a, b) => a - b)[25]).toBeLessThan(15)
  })

  test('polls that nobody takes are held together, and skipped and counted only beyond the bound', async () => {
    const server = await serve(right)
    const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', class: 'process', count: 2_000 }]
    const source = modbusTcp.open(settingsOf(server.port, { every: '50ms', tags }), contextOf('slow-reader'))
    const stop = new AbortController()
    const items = source.read(stop.signal)[Symbol.asyncIterator]()
    const next = async () => (await items.next()).value.batch as ReadingBatch
    const first = await next()
    await until('skips', () => (source.status().notes?.['poll-skipped'] ?? 0) >= 5)
    const asked = server.requests.length
    await until('more skips', () => (source.status().notes?.['poll-skipped'] ?? 0) >= 10)
    expect(server.requests.length).toBe(asked)
    const [second, third] = [await next(), await next()]
    stop.abort()
    await items.return?.()
    await server.stop()
    expect([first.count, second.count]).toEqual([2_000, 2_000])
    // All that was asked for is here: nothing of what was held is given up.
    expect(third.count).toBeGreaterThanOrEqual(SOURCE_QUEUE_READINGS_MAX)
    expect(third.count % 2_000).toBe(0)
  })

  test('a device slower than its period: what went by is counted', async () => {
    const server = await serve((asked) => {
      setTimeout(() => asked.socket.write(right(asked)), 130)
      return undefined
    })
    const reading = start(modbusTcp.open(settingsOf(server.port, { every: '50ms', timeout: '5s' }), contextOf('slow')))
    await until('eight polls', () => reading.polls.length >= 8)
    const { notes = {} } = reading.source.status()
    await reading.stop()
    await server.stop()
    expect(notes['poll-late']).toBeGreaterThanOrEqual(8)
    expect(reading.polls.every(isGood)).toBe(true)
  })

  test('the time of a poll is its start', async () => {
    const asks: number[] = []
    const server = await serve((asked) => {
      asks.push(clock.now())
      setTimeout(() => asked.socket.write(right(asked)), 100)
      return undefined
    })
    const reading = start(modbusTcp.open(settingsOf(server.port, { timeout: '5s' }), contextOf('stamped')))
    await until('a poll', () => reading.polls.length >= 1)
    await reading.stop()
    await server.stop()
    expect(reading.polls[0]?.[0]?.time).toBeLessThanOrEqual(asks[0] as number)
  })
})

describe('many devices', () => {
  test('a hundred devices of a hundred registers at once; one that is dead slows none', async () => {
    const server = await serve((asked) => (asked.unit === 50 ? undefined : right(asked)))
    const hundred = [{ tag: 'r{n}', register: 'holding:1000', type: 'uint16', count: 100, class: 'process' }]
    const readings = Array.from({ length: 100 }, (_, i) =>
      start(
        modbusTcp.open(
          settingsOf(server.port, { host: `127.0.0.${i + 1}`, unit: i + 1, every: '1s', timeout: '2s', tags: hundred }),
          contextOf(`device-${i + 1}`),
        ),
      ),
    )
    await until('five polls of each', () => readings.every((it, i) => i === 49 || it.polls.length >= 5), 40_000)
    const late = readings.reduce((sum, it) => sum + (it.source.status().notes?.['poll-late'] ?? 0), 0)
    const dead = readings[49]?.source.status()
    await Promise.all(readings.map((it) => it.stop()))
    await server.stop()
    const alive = readings.filter((_, i) => i !== 49)
    expect(
      alive.every((it) =>
        it.polls.every((poll) => poll.length === 100 && poll.every((seen, n) => seen.value === BigInt(1_000 + n))),
      ),
    ).toBe(true)
    expect(dead?.state).toBe('down')
    expect(readings[49]?.polls).toHaveLength(1)
    expect(late).toBeLessThan(200)
    // Their first requests are spread over the second.
    const starts = alive.map((it) => it.polls[0]?.[0]?.time as number)
    expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThan(500_000)
  })
})
