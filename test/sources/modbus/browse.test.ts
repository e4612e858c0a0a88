// Looking round: what registers hold, on the connection that the source has; its own test on it; and hosts that are asked whether they are one.
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BrowseEntry, BrowseRequest, Source } from '../../../src/core/source.ts'
import { findModbusTcp } from '../../../src/sources/modbus/find.ts'
import { createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import { contextOf, start, startDevice, stepsOf, until } from './help.ts'
import type { Reading } from './help.ts'
import { dataFor, startWire, WAYS } from './wires.ts'

const PORT = 23_130
const never = () => new AbortController().signal

let device: { stop(): Promise<void> }
beforeAll(async () => {
  device = await startDevice(
    { tcp: PORT },
    {
      1: {
        holding: [
          [0, [7, 65_535, 300]],
          [10, { type: 'FLOAT32', value: 21.5, order: 'ABCD' }],
          [20, { type: 'FLOAT32', value: -273.15, order: 'CDAB' }],
        ],
        coil: [[3, [true, false, true]]],
      },
      2: { input: [[0, [5]]] },
    },
  )
})
afterAll(() => device.stop())

async function look(source: Source, request: Partial<BrowseRequest>): Promise<BrowseEntry[]> {
  const entries: BrowseEntry[] = []
  for await (const it of source.browse?.({ limit: 1_000, ...request }, never()) ?? []) entries.push(it)
  return entries
}

function ownSteps(source: Source) {
  if (!source.test) throw new Error('the source has no test of its own')
  return stepsOf(source.test(never()))
}

const shown = (list: readonly BrowseEntry[]) => list.map((it) => [it.name, it.value?.text ?? it.description])

describe('the registers of a device', () => {
  let reading: Reading
  beforeAll(async () => {
    const tags = [{ tag: 'a', register: 'holding:0', type: 'uint16', class: 'c' }]
    const settings = modbusTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', tags })
    reading = start(createModbusTcp().open(settings, contextOf('looked-at')))
    await until('up', () => reading.source.status().state === 'up')
  })
  afterAll(() => reading.stop())

  test('from the root: tables, then ranges', async () => {
    expect((await look(reading.source, {})).map((it) => [it.node, it.isFolder])).toEqual([
      ['coil', true],
      ['discrete', true],
      ['input', true],
      ['holding', true],
    ])
    const ranges = await look(reading.source, { node: 'holding' })
    expect(ranges).toHaveLength(656)
    expect([ranges[0]?.node, ranges.at(-1)?.node]).toEqual(['holding:0-99', 'holding:65500-65535'])
    expect(await look(reading.source, { node: 'holding', limit: 3 })).toHaveLength(3)
  })

  test('each as what it may be, what is refused as one', async () => {
    const entries = await look(reading.source, { node: 'holding:0-29' })
    expect(shown(entries)).toEqual([
      ['holding:0 uint16', '7'],
      ['holding:1 uint16', '65535'],
      ['holding:1 int16', '-1'],
      ['holding:2 uint16', '300'],
      ['holding:3-9', 'exception 2: illegal address'],
      ['holding:10 uint16', '16812'],
      ['holding:10 float32', '21.5'],
      ['holding:11 uint16', '0'],
      ['holding:12-19', 'exception 2: illegal address'],
      ['holding:20 uint16', '37683'],
      ['holding:20 int16', '-27853'],
      ['holding:20 float32 CDAB', String(Math.fround(-273.15))],
      ['holding:21 uint16', '50056'],
      ['holding:21 int16', '-15480'],
      ['holding:22-29', 'exception 2: illegal address'],
    ])
    expect(entries.find((it) => it.name === 'holding:20 float32 CDAB')).toMatchObject({
      node: 'holding:20',
      isFolder: false,
      value: { kind: 'double', quality: 'good', type: 'float32' },
      line: { tag: 'holding-20', register: 'holding:20', type: 'float32', order: 'CDAB' },
    })
    expect(shown(await look(reading.source, { node: 'coil:3-5' }))).toEqual([
      ['coil:3 bool', 'true'],
      ['coil:4 bool', 'false'],
      ['coil:5 bool', 'true'],
    ])
  })

  test('every line it shows is one that the settings take, and reads the same', async () => {
    const entries = await look(reading.source, { node: 'holding:0-29', search: 'float32' })
    expect(entries).toHaveLength(2)
    const tags = entries.map((it) => ({ ...it.line, class: 'c' }))
    const settings = modbusTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', tags })
    const again = start(createModbusTcp().open(settings, contextOf('as-shown')))
    await until('a poll', () => again.polls.length > 0)
    await again.stop()
    expect(again.polls[0]?.map((it) => [it.tag, String(it.value)])).toEqual(entries.map((it) => [it.line?.tag, it.value?.text]))
  })

  test.each(['memory', 'holding:', 'holding:9-3', 'holding:0-65536', 'holding:0-1000', '7/holding'])(
    'a node that is none: %s',
    async (node) => {
      await expect(look(reading.source, { node })).rejects.toMatchObject({
        name: 'BadInput',
        problems: [{ where: node, remedy: expect.stringMatching(/holding:0-99/) }],
      })
    },
  )
})

describe.each(WAYS)('on the connection that the source has: %s', (way) => {
  test('browse and test, while polls go on', async () => {
    let open = 0
    let most = 0
    const wire = await startWire(way, (heard) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        heard.send(heard.unit > 2 ? wire.exception(heard, 1) : wire.answer(heard, dataFor(heard)))
      }, 2)
    })
    const tags = [{ tag: 'u{unit}/r{n}', register: 'holding:0', type: 'uint16', count: 3, class: 'c' }]
    const reading = start(wire.open({ units: '1-3', every: '50ms', timeout: '2s', tags }, contextOf('busy')))
    await until('up', () => reading.source.status().state === 'up')
    expect((await look(reading.source, {})).map((it) => it.node)).toEqual(['1/', '2/', '3/'])
    const entries = await look(reading.source, { node: '2/holding:300-450', search: 'uint16' })
    expect(entries.map((it) => it.value?.text)).toEqual(Array.from({ length: 151 }, (_, i) => String(300 + i)))
    expect(entries[0]?.line).toEqual({ tag: '{unit}/holding-300', register: 'holding:300', type: 'uint16' })
    expect(shown(await look(reading.source, { node: '3/input:0-9' }))).toEqual([['input:0-9', 'exception 1: illegal function']])
    const steps = await ownSteps(reading.source)
    expect(steps.map((it) => [it.step, it.ok])).toEqual([
      ['unit 1: read holding:0 to 2', true],
      ['unit 2: read holding:0 to 2', true],
      ['unit 3: read holding:0 to 2', false],
    ])
    expect(steps[0]?.detail).toBe('u1/r0 = 0, u1/r1 = 1, u1/r2 = 2')
    const polls = reading.polls.length
    await until('polls go on', () => reading.polls.length > polls + 3)
    await reading.stop()
    await wire.stop()
    expect([most, wire.connections()]).toEqual([1, 1])
    expect(
      reading.polls
        .flat()
        .filter((it) => it.tag.startsWith('u1/'))
        .every((it) => it.quality === 'good'),
    ).toBe(true)
  })

  test('a device that is away: the steps say so', async () => {
    const wire = await startWire(way, () => {})
    const tags = [{ tag: 'a', register: 'holding:0', type: 'uint16', class: 'c' }]
    const reading = start(wire.open({ every: '50ms', timeout: '100ms', tags }, contextOf('mute')))
    await until('down', () => reading.source.status().state === 'down')
    expect((await ownSteps(reading.source)).at(-1)).toMatchObject({ ok: false, remedy: expect.any(String) })
    await expect(look(reading.source, { node: 'holding:0-9' })).rejects.toMatchObject({ name: 'Unreachable', code: 'timeout' })
    await reading.stop()
    await wire.stop()
  })
})

describe('a host that is asked whether it speaks Modbus TCP', () => {
  test('pymodbus: found, with what would read it', async () => {
    const found = await findModbusTcp('127.0.0.1', never(), PORT)
    expect(found).toEqual([
      {
        address: `127.0.0.1:${PORT}`,
        detail: expect.stringMatching(/Pymodbus.*; unit 1.* answers; holding:0 is 7/),
        entry: { protocol: 'modbus-tcp', host: '127.0.0.1', port: PORT, unit: 1 },
      },
    ])
  })

  test.each<[string, (socket: net.Socket) => void]>([
    ['a web server', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['one that hangs up', (socket) => socket.destroy()],
    ['one that says nothing', () => {}],
    ['one that echoes', (socket) => socket.pipe(socket)],
    ['one that sends an endless answer', (socket) => socket.write(Buffer.alloc(100_000, 1))],
    ['a gateway with nobody behind it', (socket) => socket.on('data', (it) => socket.write(gateway(it)))],
  ])('%s is none', { timeout: 30_000 }, async (_, behave) => {
    const sockets = new Set<net.Socket>()
    const server = net.createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      behave(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    expect(await findModbusTcp('127.0.0.1', never(), (server.address() as net.AddressInfo).port)).toEqual([])
    for (const it of sockets) it.destroy()
    server.close()
  })

  test('nobody there, and a scan that is broken off', async () => {
    expect(await findModbusTcp('127.0.0.1', never(), PORT + 1)).toEqual([])
    expect(await findModbusTcp('127.0.0.1', AbortSignal.abort(), PORT)).toEqual([])
  })
})

function gateway(request: Buffer): Buffer {
  const frame = Buffer.from(request.subarray(0, 9))
  frame.writeUInt16BE(3, 4)
  frame[7] = (frame[7] as number) | 0x80
  frame[8] = 11
  return frame
}
