// Modbus RTU over TCP: against pymodbus that speaks it, and through socat as a terminal server to a serial line with pymodbus at its end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createModbusRtuOverTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusRtuOverTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Tables } from './help.ts'
import { contextOf, start, startDevice, startPair, stepsOf, until } from './help.ts'

const PORT = 23_120
const PORT_OF_THE_TERMINAL_SERVER = 23_121

const unit = (base: number): Tables => ({
  holding: [
    [0, Array.from({ length: 60 }, (_, i) => base + i)],
    [100, { type: 'FLOAT32', value: 21.5, order: 'CDAB' }],
  ],
  coil: [[5, Array.from({ length: 19 }, (_, i) => i % 3 === 0)]],
})
const tags = [
  { tag: 'u{unit}/h{n}', register: 'holding:0', type: 'uint16', count: 60, class: 'process' },
  { tag: 'u{unit}/f', register: 'holding:100', type: 'float32', order: 'CDAB', class: 'process' },
  { tag: 'u{unit}/c{n}', register: 'coil:5', count: 19, class: 'process' },
]
const settingsOf = (more: object) =>
  modbusRtuOverTcpSettings.parse({ host: '127.0.0.1', port: PORT, every: '100ms', timeout: '2s', tags, ...more })

async function readsBoth(more: object): Promise<void> {
  const reading = start(createModbusRtuOverTcp().open(settingsOf({ units: '1-2', ...more }), contextOf('both')))
  await until('ten polls', () => reading.polls.flat().filter((it) => it.tag === 'u2/c18').length >= 10, 40_000)
  await reading.stop()
  const expected = new Map<string, unknown>()
  for (const number of [1, 2]) {
    for (let i = 0; i < 60; i++) expected.set(`u${number}/h${i}`, BigInt(number * 1_000 + i))
    for (let i = 0; i < 19; i++) expected.set(`u${number}/c${i}`, i % 3 === 0)
    expected.set(`u${number}/f`, 21.5)
  }
  const seen = reading.polls.flat()
  for (const it of seen) expect([it.tag, it.value, it.quality]).toEqual([it.tag, expected.get(it.tag), 'good'])
  expect(new Set(seen.map((it) => it.tag))).toEqual(new Set(expected.keys()))
}

test('pymodbus: two units on one connection, every kind of value; sources test', async () => {
  const device = await startDevice({ rtuTcp: PORT }, { 1: unit(1_000), 2: unit(2_000) })
  await readsBoth({})
  const steps = await stepsOf(
    createModbusRtuOverTcp().test(settingsOf({ unit: 2 }), contextOf('tested'), new AbortController().signal),
  )
  await device.stop()
  expect(steps.map((it) => [it.step, it.ok])).toEqual([
    ['connect', true],
    ['read coil:5 to 23', true],
    ['read holding:0 to 59', true],
    ['read holding:100 to 101', true],
  ])
})

describe('a terminal server', () => {
  test('with a serial line behind it', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-terminal-'))
    const [near, far] = [join(dir, 'server'), join(dir, 'device')]
    const pair = await startPair(near, far)
    const device = await startDevice({ serial: far, baud: 19_200 }, { 1: unit(1_000), 2: unit(2_000) })
    const listen = `TCP-LISTEN:${PORT_OF_THE_TERMINAL_SERVER},bind=127.0.0.1,reuseaddr`
    const server = spawn('socat', ['-d', '-d', listen, `OPEN:${near},raw,echo=0`], { stdio: ['ignore', 'ignore', 'pipe'] })
    await once(server.stderr, 'data')
    await readsBoth({ port: PORT_OF_THE_TERMINAL_SERVER })
    server.kill('SIGKILL')
    await device.stop()
    await pair.stop()
    await rm(dir, { recursive: true, force: true })
  })
})
