// Modbus TCP against pymodbus.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ORDERS } from '../../../src/sources/modbus/registers.ts'
import { modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import { modbusTcp } from '../../../src/sources/modbus/protocols.ts'
import type { Seen, Tables } from './help.ts'
import { contextOf, start, startDevice, stepsOf, until } from './help.ts'

const PORT = 23_100
const PORT_OF_THE_ABSENT = 23_101

/** What pymodbus encodes, our type for it, and what must come back. */
const VALUES: readonly (readonly [type: string, ours: string, value: unknown, expected: unknown])[] = [
  ['INT16', 'int16', -12_345, -12_345n],
  ['UINT16', 'uint16', 54_321, 54_321n],
  ['INT32', 'int32', -1_234_567_890, -1_234_567_890n],
  ['UINT32', 'uint32', 4_123_456_789, 4_123_456_789n],
  ['INT64', 'int64', '-1234567890123456789', -1_234_567_890_123_456_789n],
  ['UINT64', 'uint64', '9223372036854775807', 2n ** 63n - 1n],
  ['FLOAT32', 'float32', -123.456, Math.fround(-123.456)],
  ['FLOAT64', 'float64', Math.PI, Math.PI],
  ['FLOAT32', 'float32', 'nan', Number.NaN],
  ['FLOAT64', 'float64', '-inf', Number.NEGATIVE_INFINITY],
]
const isOneRegister = (ours: string) => ours.endsWith('16')

/** Every type in every order, in both kinds of registers, ten addresses apart; and single bits, strings and BCD. */
function everything() {
  const tables: Required<Tables> = { coil: [], discrete: [], holding: [], input: [] }
  const tags: object[] = []
  const expected = new Map<string, unknown>()
  for (const kind of ['holding', 'input'] as const) {
    let address = 100
    for (const [type, ours, value, back] of VALUES)
      for (const order of ORDERS) {
        if (isOneRegister(ours) && (order === 'CDAB' || order === 'DCBA')) continue
        const tag = `${kind}/${address}/${ours}/${order}`
        tables[kind].push([address, { type, value, order }])
        tags.push({ tag, register: `${kind}:${address}`, type: ours, order, class: 'process' })
        expected.set(tag, back)
        address += 10
      }
    tables[kind].push([5_000, { type: 'STRING', value: 'Größe 12' }], [5_010, [0x1234, 0x5678, 0x9abc]], [5_020, [0x8001]])
    tags.push(
      { tag: `${kind}/string`, register: `${kind}:5000`, type: 'string:10', class: 'process' },
      { tag: `${kind}/bcd`, register: `${kind}:5010`, type: 'bcd32', class: 'process' },
      { tag: `${kind}/bcd-bad`, register: `${kind}:5012`, type: 'bcd16', class: 'process' },
      { tag: `${kind}/bit-15`, register: `${kind}:5020`, type: 'bit:15', class: 'process' },
      { tag: `${kind}/bit-1`, register: `${kind}:5020`, type: 'bit:1', class: 'process' },
      { tag: `${kind}/scaled`, register: `${kind}:5020`, type: 'uint16', scale: 0.5, offset: 1, unit: '°C', class: 'process' },
    )
    expected.set(`${kind}/string`, 'Größe 12').set(`${kind}/bcd`, 12_345_678n).set(`${kind}/bcd-bad`, undefined)
    expected
      .set(`${kind}/bit-15`, true)
      .set(`${kind}/bit-1`, false)
      .set(`${kind}/scaled`, 0x8001 * 0.5 + 1)
  }
  for (const kind of ['coil', 'discrete'] as const) {
    const bits = Array.from({ length: 21 }, (_, i) => i % (kind === 'coil' ? 3 : 4) === 0)
    tables[kind].push([13, bits])
    tags.push({ tag: `${kind}/{n}`, register: `${kind}:13`, count: 21, class: 'process' })
    for (const [i, bit] of bits.entries()) expected.set(`${kind}/${i}`, bit)
  }
  // Between the values there is nothing: a read over a gap would be refused.
  return { tables, tags, expected }
}

const holes: Tables = {
  holding: [
    [0, Array.from({ length: 40 }, (_, i) => i)],
    [42, Array.from({ length: 58 }, (_, i) => 42 + i)],
  ],
}
const all = everything()
let device: { stop(): Promise<void> }
beforeAll(async () => {
  device = await startDevice({ tcp: PORT }, { 1: all.tables, 2: holes })
})
afterAll(() => device.stop())

const settingsOf = (more: object) => modbusTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', ...more })
const byTag = (poll: readonly Seen[]) => new Map(poll.map((it) => [it.tag, it]))

describe('every kind, type and order', () => {
  test('comes back exactly', async () => {
    const reading = start(modbusTcp.open(settingsOf({ maxGap: 0, tags: all.tags }), contextOf('types')))
    await until('two polls', () => reading.polls.length >= 2)
    await reading.stop()
    const seen = byTag(reading.polls[1] as Seen[])
    expect(seen.size).toBe(all.expected.size)
    for (const [tag, value] of all.expected) {
      expect([tag, seen.get(tag)?.value]).toEqual([tag, value])
      expect([tag, seen.get(tag)?.quality]).toEqual([tag, tag.endsWith('bcd-bad') ? 'bad' : 'good'])
    }
    expect(seen.get('holding/bcd-bad')).toMatchObject({ status: 257 })
    expect(seen.get('holding/scaled')).toMatchObject({ kind: 'double', unit: '°C' })
    expect(new Set(reading.polls[1]?.map((it) => it.time)).size).toBe(1)
    const undecodable = reading.polls.flat().filter((it) => it.status === 257)
    expect(undecodable.length).toBeGreaterThanOrEqual(4)
    expect(reading.source.status().notes?.['invalid-bcd']).toBe(undecodable.length)
  })
})

describe('an address that is not there (exception 2)', () => {
  const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: 100, class: 'process' }]

  test('is found once; the others are good, in few reads', async () => {
    const reading = start(modbusTcp.open(settingsOf({ unit: 2, tags }), contextOf('holes')))
    await until('three polls', () => reading.polls.length >= 3)
    const status = reading.source.status()
    await reading.stop()
    for (const poll of reading.polls.slice(0, 3)) {
      expect(poll).toHaveLength(100)
      for (const it of poll) {
        const number = Number(it.tag.slice(1))
        const gone = number === 40 || number === 41
        expect(it).toMatchObject(
          gone ? { quality: 'bad', value: undefined, status: 2 } : { quality: 'good', value: BigInt(number), status: 0 },
        )
      }
    }
    expect(status).toMatchObject({ state: 'up', code: 'exception-2', details: { blocks: 2, refusedTags: 2 } })
    expect(status.lastError).toMatch(/illegal address: holding:40 and 1 more/)
    expect(status.remedy).toMatch(/40001 is holding:0/)
  })

  test('in a gap only costs one more read', async () => {
    const around = [
      { tag: 'a', register: 'holding:39', type: 'uint16', class: 'process' },
      { tag: 'b', register: 'holding:42', type: 'uint16', class: 'process' },
    ]
    const reading = start(modbusTcp.open(settingsOf({ unit: 2, tags: around }), contextOf('gap')))
    await until('two polls', () => reading.polls.length >= 2)
    const status = reading.source.status()
    await reading.stop()
    expect(reading.polls[1]?.map((it) => it.value)).toEqual([39n, 42n])
    expect(status).toMatchObject({ state: 'up', details: { blocks: 2, refusedTags: 0 } })
  })

  test('sources test says so', async () => {
    const steps = await stepsOf(modbusTcp.test(settingsOf({ unit: 2, tags }), contextOf('holes'), new AbortController().signal))
    expect(steps.map((it) => [it.step, it.ok])).toEqual([
      ['connect', true],
      ['read holding:0 to 99', false],
    ])
    expect(steps[1]).toMatchObject({ detail: 'exception 2: illegal address' })
  })
})

describe('sources test', () => {
  const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: 40, unit: 'bar', class: 'process' }]
  const test1 = (more: object) =>
    stepsOf(modbusTcp.test(settingsOf({ unit: 2, tags, ...more }), contextOf('tested'), new AbortController().signal))

  test('shows the first values', async () => {
    expect(
      (await test1({ host: 'localhost' })).map((it) => [it.step, it.ok, it.step.startsWith('read') ? it.detail : '']),
    ).toEqual([
      ['name', true, ''],
      ['connect', true, ''],
      ['read holding:0 to 39', true, 'r0 = 0 bar, r1 = 1 bar, r2 = 2 bar, r3 = 3 bar, r4 = 4 bar and 35 more'],
    ])
  })

  test('says what to do when nobody listens, or the name is unknown', async () => {
    const refused = await test1({ port: PORT_OF_THE_ABSENT })
    expect(refused.at(-1)).toMatchObject({
      step: 'connect',
      ok: false,
      remedy: expect.stringMatching(/Modbus TCP is switched on/),
    })
    const unknown = await test1({ host: 'no-such-host.invalid' })
    expect(unknown[0]).toMatchObject({ step: 'name', ok: false, remedy: expect.stringMatching(/spelling/) })
  })
})

describe('a device that goes away', () => {
  test('one bad reading for each tag, silence, and good ones once it is back', async () => {
    const port = PORT + 10
    let away = await startDevice({ tcp: port }, { 1: holes })
    const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: 10, class: 'process' }]
    const reading = start(modbusTcp.open(settingsOf({ port, timeout: '300ms', tags }), contextOf('away')))
    await until('polls', () => reading.polls.length >= 3)
    await away.stop()
    await until('down', () => reading.source.status().state === 'down')
    const atDown = reading.polls.length
    expect(reading.source.status()).toMatchObject({ state: 'down', remedy: expect.stringMatching(/./) })
    expect(reading.polls.at(-1)).toHaveLength(10)
    expect(reading.polls.at(-1)?.every((it) => it.quality === 'bad' && it.value === undefined && it.status === 256)).toBe(true)
    await until('it is asked again and refuses', () => reading.source.status().code === 'refused')
    expect(reading.polls.length).toBe(atDown)
    away = await startDevice({ tcp: port }, { 1: holes })
    await until('good again', () => reading.polls.at(-1)?.every((it) => it.quality === 'good'), 40_000)
    expect(reading.source.status()).toMatchObject({ state: 'up' })
    const back = reading.polls.length
    await until('and on', () => reading.polls.length >= back + 3)
    await reading.stop()
    await away.stop()
    expect(reading.polls.flat().filter((it) => it.quality === 'bad')).toHaveLength(10)
    expect(reading.source.status().state).toBe('stopped')
  })
})
