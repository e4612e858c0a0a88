// Each kind of wrong answer, on each of the three ways: what is no answer to the request under way never becomes a value, and what was wrong
// for a while is right again by itself.
import { describe, expect, test } from 'vitest'
import type { Seen } from './help.ts'
import { contextOf, start, until } from './help.ts'
import type { Heard, Way, Wire } from './wires.ts'
import { dataFor, startWire, WAYS, withCrc } from './wires.ts'

/** Two blocks of the same length and two tables: an answer to one could pass for that to another. */
const tags = [
  { tag: 'a{n}', register: 'holding:100', type: 'uint16', count: 10, class: 'process' },
  { tag: 'b{n}', register: 'holding:500', type: 'uint16', count: 10, class: 'process' },
  { tag: 'c{n}', register: 'input:900', type: 'uint16', count: 10, class: 'process' },
]
const BASE: Readonly<Record<string, number>> = { a: 100, b: 500, c: 900 }
const UNIT = 9
const FAULTS = 4
const EVERY_NTH = 6

interface Played {
  readonly wire: Wire
  readonly heard: Heard
  /** The right answer. */
  readonly right: Buffer
  /** That to the request before. */
  readonly before: Buffer
}

/** Sends what is wrong; may leave something to be sent in front of the next answer. */
type Wrong = (played: Played) => Buffer | undefined | void

const isTcp = (way: Way) => way === 'modbus-tcp'
const bad = (bytes: Buffer, at: number, value?: number) => {
  const copy = Buffer.from(bytes)
  copy[at] = value ?? (copy[at] as number) ^ 0x55
  return copy
}

const KINDS: readonly [name: string, wrong: Wrong, ways?: readonly Way[]][] = [
  ['another transaction', ({ wire, heard }) => heard.send(bad(wire.answer(heard, wrongData(heard)), 1)), ['modbus-tcp']],
  ['another protocol', ({ wire, heard }) => heard.send(bad(wire.answer(heard, wrongData(heard)), 2)), ['modbus-tcp']],
  ['a length that lies', ({ wire, heard }) => heard.send(bad(wire.answer(heard, wrongData(heard)), 5)), ['modbus-tcp']],
  ['a wrong CRC', ({ heard, right }) => heard.send(bad(right, right.length - 1)), ['modbus-rtu', 'modbus-rtu-over-tcp']],
  ['a changed byte', ({ heard, right }) => heard.send(bad(right, 7)), ['modbus-rtu', 'modbus-rtu-over-tcp']],
  ['another unit', ({ wire, heard }) => heard.send(wire.answer({ ...heard, unit: UNIT + 1 }, wrongData(heard)))],
  ['another function', ({ wire, heard }) => heard.send(wire.answer({ ...heard, code: heard.code ^ 7 }, wrongData(heard)))],
  ['more data', ({ wire, heard }) => heard.send(wire.answer(heard, wrongData({ ...heard, count: heard.count + 3 })))],
  ['less data', ({ wire, heard }) => heard.send(wire.answer(heard, wrongData({ ...heard, count: heard.count - 1 })))],
  [
    'a byte count that lies',
    ({ wire, heard }) => heard.send(lyingCount(wire.answer(heard, wrongData(heard)), isTcp(wayOf(wire)))),
  ],
  ['cut off', ({ heard, right }) => heard.send(right.subarray(0, right.length - 4))],
  ['cut off behind the head', ({ heard, right }) => heard.send(right.subarray(0, 9))],
  ['doubled', ({ heard, right }) => heard.send(Buffer.concat([right, right]))],
  [
    'doubled, the second with the next answer',
    ({ heard, right }) => {
      heard.send(right)
      return right
    },
  ],
  ['the one before, then the right one', ({ heard, right, before }) => heard.send(Buffer.concat([before, right]))],
  ['too late, with the next answer', ({ right }) => right],
  [
    'glued to that of another unit',
    ({ wire, heard, right }) =>
      heard.send(Buffer.concat([wire.answer({ ...heard, unit: 3, transaction: 1 }, wrongData(heard)), right])),
  ],
  ['noise', ({ heard }) => heard.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))],
  [
    'noise before, between and behind',
    ({ heard, right }) => heard.send(Buffer.concat([Buffer.from([0, UNIT, 3, 20, 7]), right, Buffer.from([255, UNIT, 3])])),
  ],
  ['nothing', () => {}],
]

/** Values that no register has: whoever takes them is found out. */
function wrongData(heard: Pick<Heard, 'code' | 'from' | 'count'>): Buffer {
  return dataFor({ ...heard, from: 40_000 })
}

const wires = new WeakMap<Wire, Way>()
const wayOf = (wire: Wire) => wires.get(wire) as Way

function lyingCount(frame: Buffer, isMbap: boolean): Buffer {
  const at = isMbap ? 8 : 2
  const changed = bad(frame, at, (frame[at] as number) - 2)
  return isMbap ? changed : withCrc(changed.subarray(0, -2))
}

async function play(way: Way, wrong: Wrong) {
  let requests = 0
  let faults = 0
  let left: Buffer | undefined
  let before: Buffer = Buffer.alloc(0)
  const wire = await startWire(way, (heard) => {
    const right = wire.answer(heard, dataFor(heard))
    if (left) heard.send(left)
    left = undefined
    // A knock asks for one register: what is to be told apart are polls.
    if (heard.count >= 10 && ++requests % EVERY_NTH === 0 && faults < FAULTS) {
      faults++
      left = wrong({ wire, heard, right, before }) ?? undefined
    } else heard.send(right)
    before = right
  })
  wires.set(wire, way)
  const settings = { unit: UNIT, every: '50ms', timeout: '150ms', tags }
  const reading = start(wire.open(settings, contextOf(`wrong-${way}`)))
  await until('all faults were met', () => faults === FAULTS, 60_000)
  const at = reading.polls.length
  const isGood = (poll: readonly Seen[] | undefined) => poll?.length === 30 && poll.every((it) => it.quality === 'good')
  await until('good again', () => reading.polls.length > at + 1 && isGood(reading.polls.at(-1)), 60_000)
  const status = reading.source.status()
  await reading.stop()
  await wire.stop()
  return { seen: reading.polls.flat(), status }
}

const expectedOf = (it: Seen) => BigInt((BASE[it.tag[0] as string] as number) + Number(it.tag.slice(1)))

describe.each(WAYS)('%s', (way) => {
  const kinds = KINDS.filter(([, , ways]) => !ways || ways.includes(way))
  test.concurrent.each(kinds)('%s', { timeout: 120_000 }, async (_, wrong) => {
    const { seen, status } = await play(way, wrong)
    expect(status.state).toBe('up')
    for (const it of seen)
      expect([it.tag, it.value, it.status]).toEqual(
        it.quality === 'good' ? [it.tag, expectedOf(it), 0] : [it.tag, undefined, 256],
      )
  })
})
