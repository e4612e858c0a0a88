// Against libmodbus: types and orders as its own functions put them into registers, over TCP and over a serial line.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Source } from '../../../src/core/source.ts'
import { createModbusRtu, createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { ORDERS } from '../../../src/sources/modbus/registers.ts'
import { modbusRtuSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Seen } from './help.ts'
import { contextOf, start, startPair, until } from './help.ts'

const PORT = 23_140
const UNIT = 17

let dir: string
let program: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-libmodbus-'))
  program = join(dir, 'device')
  execFileSync('gcc', ['-Wno-overflow', '-O1', '-o', program, join(import.meta.dirname, 'libmodbus_device.c'), '-lmodbus'])
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function startLibmodbus(...words: string[]) {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
  return {
    async stop() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

const FLOAT = Math.fround(-123.456)
const VALUES: readonly [register: number, type: string, order: string, value: unknown][] = [
  // Its plain function: low word first.
  [208, 'float32', 'CDAB', FLOAT],
  [210, 'int32', 'ABCD', -1_234_567_890n],
  [210, 'uint32', 'ABCD', BigInt(2 ** 32 - 1_234_567_890)],
  [220, 'int64', 'ABCD', -1_234_567_890_123_456_789n],
  [230, 'string:8', 'ABCD', 'Kessel 3'],
  [240, 'bit:15', 'ABCD', true],
  [240, 'bit:1', 'ABCD', false],
  [240, 'int16', 'ABCD', -32_767n],
  [240, 'uint16', 'BADC', 0x0180n],
  [241, 'bcd16', 'ABCD', 1_234n],
]

function everything() {
  const kinds = ['holding', 'input']
  const expected = new Map<string, unknown>()
  const tags: object[] = []
  for (const kind of kinds) {
    for (const [register, type, order, value] of VALUES) {
      const tag = `${kind}/${register}/${type}/${order}`
      tags.push({ tag, register: `${kind}:${register}`, type, order, class: 'c' })
      expected.set(tag, value)
    }
    tags.push({ tag: `${kind}/{n}`, register: `${kind}:0`, type: 'uint16', count: 150, class: 'c' })
    for (let i = 0; i < 150; i++) expected.set(`${kind}/${i}`, BigInt(1_000 + i))
    tags.push({ tag: `${kind}/none`, register: `${kind}:300`, type: 'uint16', class: 'c' })
    expected.set(`${kind}/none`, 2)
  }
  for (const kind of ['coil', 'discrete']) {
    tags.push({ tag: `${kind}/{n}`, register: `${kind}:0`, count: 100, class: 'c' })
    for (let i = 0; i < 100; i++) expected.set(`${kind}/${i}`, i % 3 === 0)
  }
  return { tags, expected }
}

/** What its four functions for the four orders wrote. It names them after the memory of its machine, so which is which is not asked. */
const FLOATS_AT = [200, 202, 204, 206]

const { tags, expected } = everything()

async function readsAll(source: Source): Promise<void> {
  const reading = start(source)
  await until('three whole polls', () => reading.polls.filter((it) => it.length === expected.size).length >= 3, 60_000)
  const status = reading.source.status()
  await reading.stop()
  expect(status).toMatchObject({ state: 'up', details: { refusedTags: 2 } })
  const seen = reading.polls.flat()
  for (const it of seen) expect([it.tag, it.value ?? it.status]).toEqual([it.tag, expected.get(it.tag)])
}

describe('libmodbus', () => {
  test('over TCP; a restart of the device', async () => {
    let device = await startLibmodbus('tcp', String(PORT))
    const settings = modbusTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', tags })
    await readsAll(createModbusTcp().open(settings, contextOf('tcp')))
    const reading = start(createModbusTcp().open(settings, contextOf('again')))
    await until('up', () => reading.source.status().state === 'up')
    await device.stop()
    await until('down', () => reading.source.status().state === 'down')
    device = await startLibmodbus('tcp', String(PORT))
    await until('up again', () => reading.source.status().state === 'up', 40_000)
    await reading.stop()
    await device.stop()
  })

  test('each order of a float is one of ours, and all four are there', async () => {
    const device = await startLibmodbus('tcp', String(PORT))
    const tags = FLOATS_AT.flatMap((at) =>
      ORDERS.map((order) => ({ tag: `${at}/${order}`, register: `holding:${at}`, type: 'float32', order, class: 'c' })),
    )
    const settings = modbusTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', tags })
    const reading = start(createModbusTcp().open(settings, contextOf('floats')))
    await until('a poll', () => reading.polls[0])
    await reading.stop()
    await device.stop()
    const right = (reading.polls[0] as Seen[]).filter((it) => it.value === FLOAT).map((it) => it.tag.split('/'))
    expect(right.map(([at]) => Number(at))).toEqual(FLOATS_AT)
    expect(new Set(right.map(([, order]) => order))).toEqual(new Set(ORDERS))
  })

  test('over a serial line', async () => {
    const [near, far] = [join(dir, 'box'), join(dir, 'far')]
    const pair = await startPair(near, far)
    const device = await startLibmodbus('rtu', far, '19200', String(UNIT))
    const settings = modbusRtuSettings.parse({ path: near, parity: 'none', unit: UNIT, every: '100ms', timeout: '2s', tags })
    await readsAll(createModbusRtu().open(settings, contextOf('rtu')))
    await device.stop()
    await pair.stop()
  })
})
