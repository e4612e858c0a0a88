// Nothing is ever written: whatever a source does, every frame that leaves is one of the four that read; a scan also asks for a device's name.
import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { findModbusTcp } from '../../../src/sources/modbus/find.ts'
import { contextOf, start, until } from './help.ts'
import type { Heard } from './wires.ts'
import { dataFor, startWire, WAYS } from './wires.ts'

const READ_CODES = [1, 2, 3, 4]
const never = () => new AbortController().signal

const tags = ['coil', 'discrete', 'input', 'holding'].map((kind) => ({
  tag: `u{unit}/${kind}{n}`,
  register: `${kind}:5`,
  ...(kind === 'coil' || kind === 'discrete' ? {} : { type: 'int16' }),
  count: 20,
  class: 'c',
}))

async function drain(all: AsyncIterable<unknown> | undefined): Promise<number> {
  let count = 0
  for await (const _ of all ?? []) count++
  return count
}

describe.each(WAYS)('%s', (way) => {
  test('polls, searches, knocks, tests and looks round by reading alone', async () => {
    const codes = new Set<number>()
    const frames: Heard[] = []
    let isAway = false
    const wire = await startWire(way, (heard) => {
      codes.add(heard.code)
      frames.push(heard)
      if (isAway || heard.unit === 3) return
      const isRefused = heard.code === 4 && heard.from <= 10 && 10 < heard.from + heard.count
      heard.send(isRefused ? wire.exception(heard, 2) : wire.answer(heard, dataFor(heard)))
    })
    const source = wire.open({ units: '1-3', every: '50ms', timeout: '200ms', tags }, contextOf('reader'))
    const reading = start(source)
    const isUp = () => source.status().details?.unitsUp === 2 && source.status().details?.refusedTags !== 0
    await until('up, with a refused address', isUp)
    expect(await drain(source.test?.(never()))).toBeGreaterThan(4)
    expect(await drain(source.browse?.({ node: '1/input:0-30', limit: 100 }, never()))).toBeGreaterThan(30)
    isAway = true
    await until('away', () => source.status().details?.unitsUp === 0)
    isAway = false
    await until('back', isUp, 60_000)
    await reading.stop()
    await wire.stop()
    expect([...codes].toSorted()).toEqual(READ_CODES)
    expect(frames.length).toBeGreaterThan(40)
    // No bytes but these frames: each stands where the one before it ended.
    expect(frames.every((it) => it.unit >= 1 && it.unit <= 3 && it.frame.length === (way === 'modbus-tcp' ? 12 : 8))).toBe(true)
  })
})

test('a scan reads one register and the name of the device', async () => {
  const asked: Buffer[] = []
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      asked.push(chunk)
      if (chunk[7] !== 3) return
      const answer = Buffer.concat([chunk.subarray(0, 8), Buffer.from([2, 0, 7])])
      answer.writeUInt16BE(5, 4)
      socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const [found] = await findModbusTcp('127.0.0.1', never(), port)
  server.close()
  expect(found?.detail).toBe('unit 1, 255, 0 answers; holding:0 is 7')
  expect(asked.map((it) => it.subarray(7).toString('hex'))).toEqual(['0300000001', '0300000001', '0300000001', '2b0e0100'])
})
