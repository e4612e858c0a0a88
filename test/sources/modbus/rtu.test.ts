// Modbus RTU over pairs of serial devices by socat: against pymodbus, and against a device of the tests' own on a bad line.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { crc16 } from '../../../src/sources/modbus/frame.ts'
import { modbusRtuSettings } from '../../../src/sources/modbus/settings.ts'
import { createModbusRtu } from '../../../src/sources/modbus/protocols.ts'
import type { Seen } from './help.ts'
import { contextOf, start, startDevice, startPair, stepsOf, until } from './help.ts'

let dir: string
let path: string
let far: string
let pair: { stop(): Promise<void> }

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-rtu-'))
  path = join(dir, 'box')
  far = join(dir, 'device')
  pair = await startPair(path, far)
})
afterEach(async () => {
  await pair.stop()
  await rm(dir, { recursive: true, force: true })
})

const settingsOf = (more: object) => modbusRtuSettings.parse({ path, every: '100ms', timeout: '500ms', ...more })
const words = (name: string, register: string, count: number) => ({
  tag: `${name}{n}`,
  register,
  type: 'uint16',
  count,
  class: 'process',
})

describe('against pymodbus', () => {
  let device: { stop(): Promise<void> }
  const held = Array.from({ length: 125 }, (_, i) => 1_000 + i)
  beforeEach(async () => {
    const bits = Array.from({ length: 19 }, (_, i) => i % 3 === 0)
    device = await startDevice(
      { serial: far, baud: 19_200 },
      {
        1: {
          holding: [
            [0, held],
            [200, { type: 'FLOAT32', value: 21.5, order: 'CDAB' }],
          ],
          coil: [[5, bits]],
        },
        2: { input: [[0, { type: 'INT64', value: '-5' }]], discrete: [[0, bits]] },
      },
    )
  })
  afterEach(() => device.stop())

  test('two units on one line, every kind of register; a third that is not there slows them little', async () => {
    const rtu = createModbusRtu()
    const one = [
      words('h', 'holding:0', 125),
      { tag: 'f', register: 'holding:200', type: 'float32', order: 'CDAB', class: 'process' },
    ]
    const first = start(
      rtu.open(
        settingsOf({ unit: 1, tags: [...one, { tag: 'c{n}', register: 'coil:5', count: 19, class: 'process' }] }),
        contextOf('one'),
      ),
    )
    const two = [
      { tag: 'i', register: 'input:0', type: 'int64', class: 'process' },
      { tag: 'd{n}', register: 'discrete:0', count: 19, class: 'process' },
    ]
    const second = start(rtu.open(settingsOf({ unit: 2, tags: two }), contextOf('two')))
    const third = start(rtu.open(settingsOf({ unit: 3, tags: [words('x', 'holding:0', 3)] }), contextOf('three')))
    // The stop may come in the middle of a poll, and on a busy machine an answer too late: those are none of the ten.
    const whole = (list: readonly Seen[][], length: number) =>
      list.filter((poll) => poll.length === length && poll.every((it) => it.value !== undefined))
    const firsts = () => whole(first.polls, 145)
    const seconds = () => whole(second.polls, 20)
    await until('ten polls of both', () => firsts().length >= 10 && seconds().length >= 10)
    await until('the third is down', () => third.source.status().state === 'down')
    const status = third.source.status()
    await Promise.all([first, second, third].map((it) => it.stop()))
    for (const poll of firsts()) {
      const seen = new Map(poll.map((it) => [it.tag, it.value]))
      expect(held.map((_, i) => seen.get(`h${i}`))).toEqual(held.map(BigInt))
      expect(seen.get('f')).toBe(21.5)
      expect(Array.from({ length: 19 }, (_, i) => seen.get(`c${i}`))).toEqual(Array.from({ length: 19 }, (_, i) => i % 3 === 0))
    }
    expect(seconds().every((poll) => new Map(poll.map((it) => [it.tag, it.value])).get('i') === -5n)).toBe(true)
    expect(status).toMatchObject({ code: 'timeout', remedy: expect.stringMatching(/baud/) })
    expect(third.polls).toHaveLength(1)
  })

  test('an address that is not there', async () => {
    const reading = start(createModbusRtu().open(settingsOf({ unit: 1, tags: [words('h', 'holding:120', 7)] }), contextOf('one')))
    await until('three polls', () => reading.polls.length >= 3)
    await reading.stop()
    for (const poll of reading.polls) {
      const seen = new Map(poll.map((it) => [it.tag, it]))
      expect([0, 1, 2, 3, 4].map((i) => seen.get(`h${i}`)?.value)).toEqual([1_120n, 1_121n, 1_122n, 1_123n, 1_124n])
      expect([5, 6].map((i) => seen.get(`h${i}`)?.status)).toEqual([2, 2])
    }
  })

  test('sources test', async () => {
    const steps = async (more: object) =>
      stepsOf(
        createModbusRtu().test(
          settingsOf({ tags: [words('h', 'holding:0', 3)], ...more }),
          contextOf('one'),
          new AbortController().signal,
        ),
      )
    expect((await steps({})).map((it) => [it.step, it.ok])).toEqual([
      ['path', true],
      ['connect', true],
      ['read holding:0 to 2', true],
    ])
    expect((await steps({ unit: 7 })).at(-1)).toMatchObject({ ok: false, remedy: expect.stringMatching(/unit/) })
    const none = await steps({ path: join(dir, 'nothing') })
    expect(none.map((it) => it.ok)).toEqual([false, false])
    expect(none[0]).toMatchObject({ step: 'path', detail: expect.stringMatching(/is not there/) })
  })

  test('the adapter is pulled out and put back', async () => {
    const reading = start(createModbusRtu().open(settingsOf({ unit: 1, tags: [words('h', 'holding:0', 3)] }), contextOf('one')))
    await until('good', () => reading.polls.length >= 2)
    await pair.stop()
    await until('down', () => reading.source.status().state === 'down')
    await until('and the path is gone', () => ['no-device', 'unreachable'].includes(reading.source.status().code ?? ''))
    await device.stop()
    pair = await startPair(path, far)
    device = await startDevice({ serial: far, baud: 19_200 }, { 1: { holding: [[0, held]] } })
    await until('good again', () => reading.polls.at(-1)?.every((it) => it.quality === 'good'), 40_000)
    await reading.stop()
    expect(reading.polls.flat().filter((it) => it.quality === 'bad')).toHaveLength(3)
  })
})

describe('on a bad line', () => {
  const DEVICE_UNIT = 9
  let port: SerialPort
  let requests: number
  beforeEach(async () => {
    port = new SerialPort({ path: far, baudRate: 19_200, autoOpen: false })
    port.open()
    await once(port, 'open')
    requests = 0
  })
  afterEach(async () => {
    if (port.isOpen) await new Promise((resolve) => port.close(resolve))
  })

  /** Every register holds its own address. */
  function rightAnswer(request: Buffer): Buffer {
    const count = request.readUInt16BE(4)
    const frame = Buffer.alloc(5 + count * 2)
    frame[0] = request[0] as number
    frame[1] = request[1] as number
    frame[2] = count * 2
    for (let i = 0; i < count; i++) frame.writeUInt16BE(request.readUInt16BE(2) + i, 3 + i * 2)
    frame.writeUInt16LE(crc16(frame, 0, frame.length - 2), frame.length - 2)
    return frame
  }

  function device(answer: (right: Buffer, number: number) => void) {
    let held = Buffer.alloc(0)
    port.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      for (; held.length >= 8; held = held.subarray(8)) if (held[0] === DEVICE_UNIT) answer(rightAnswer(held), ++requests)
    })
  }

  /** Two blocks of the same length: an answer to one could pass for the other's. */
  const tags = [words('a', 'holding:100', 10), words('b', 'holding:500', 10)]
  const valueOf = (it: Seen) => BigInt(Number(it.tag.slice(1)) + (it.tag[0] === 'a' ? 100 : 500))
  const isRight = (it: Seen) => (it.quality === 'good' ? it.value === valueOf(it) : it.value === undefined)
  const read = () => start(createModbusRtu().open(settingsOf({ unit: DEVICE_UNIT, tags }), contextOf('noisy')))

  test('noise before, after and between the pieces of answers: all good', async () => {
    device((right, number) => {
      port.write(Buffer.from([0, 255, 9, 3, 20, number & 255]))
      port.write(right.subarray(0, 7))
      setTimeout(() => port.write(Buffer.concat([right.subarray(7), Buffer.from([9, 3, 255])])), 5)
    })
    const reading = read()
    await until('ten polls', () => reading.polls.length >= 10)
    await reading.stop()
    expect(reading.polls.flat().every((it) => it.quality === 'good' && isRight(it))).toBe(true)
  })

  test('a damaged answer is asked for once more', async () => {
    device((right, number) => {
      if (number % 5 === 3) right[6] = (right[6] as number) ^ 1
      port.write(right)
    })
    const reading = read()
    await until('ten polls', () => reading.polls.length >= 10)
    const { notes } = reading.source.status()
    await reading.stop()
    expect(reading.polls.flat().every((it) => it.quality === 'good' && isRight(it))).toBe(true)
    expect(notes?.['request-repeated']).toBeGreaterThanOrEqual(2)
  })

  test('doubled and late answers are never taken for those of the next request', async () => {
    device((right, number) => {
      if (number % 7 === 4) setTimeout(() => port.write(right), 650)
      else port.write(number % 3 === 0 ? Buffer.concat([right, right]) : right)
    })
    const reading = read()
    await until('thirty requests', () => requests >= 30 && reading.source.status().state === 'up', 60_000)
    await reading.stop()
    expect(reading.polls.flat().every(isRight)).toBe(true)
    expect(reading.polls.flat().some((it) => it.quality === 'bad' && it.status === 256)).toBe(true)
  })
})

describe('one line', () => {
  test('has one set of line settings: a source with others is told so', async () => {
    const rtu = createModbusRtu()
    const one = start(rtu.open(settingsOf({ tags: [words('h', 'holding:0', 3)] }), contextOf('one')))
    const other = start(rtu.open(settingsOf({ baud: 9_600, tags: [words('h', 'holding:0', 3)] }), contextOf('other')))
    const isRefused = (it: typeof one) => it.source.status().code === 'line-settings-differ'
    const refused = await until('one of them is refused', () => [one, other].find(isRefused))
    expect(refused.source.status().remedy).toMatch(/same baud/)
    await Promise.all([one.stop(), other.stop()])
  })

  test('that another program holds is busy', async () => {
    const one = start(createModbusRtu().open(settingsOf({ tags: [words('h', 'holding:0', 3)] }), contextOf('one')))
    await until('the line is open', () => one.source.status().code === 'timeout')
    const steps = await stepsOf(
      createModbusRtu().test(settingsOf({ tags: [words('h', 'holding:0', 3)] }), contextOf('two'), new AbortController().signal),
    )
    await one.stop()
    expect(steps.at(-1)).toMatchObject({ step: 'connect', ok: false, detail: expect.stringMatching(/in use/) })
  })

  test('a request under way does not hold up the end of its source', async () => {
    const far9 = new SerialPort({ path: far, baudRate: 19_200 })
    const asked = once(far9, 'data')
    const one = start(
      createModbusRtu().open(settingsOf({ timeout: '60s', tags: [words('h', 'holding:0', 3)] }), contextOf('one')),
    )
    await asked
    const began = performance.now()
    await one.stop()
    expect(performance.now() - began).toBeLessThan(5_000)
    await new Promise((resolve) => far9.close(resolve))
  })
})
