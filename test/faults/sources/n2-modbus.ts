// N2 of Modbus: devices that are switched off, cut off, slow, that reset their connections, answer for another unit, or whose serial adapter is
// pulled out; then they are well again. Others are read on meanwhile, what was away is read again by itself, and neither memory nor
// descriptors grow. A case is one trouble of several devices; a storm of resets alone makes hundreds of reconnects.
import { readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import net from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createLines } from '../../../src/sources/modbus/lines.ts'
import { createModbusRtu, createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusRtuSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Reading } from '../../sources/modbus/help.ts'
import { contextOf, start, startDevice, startPair, until } from '../../sources/modbus/help.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { rightAnswer } from './modbus-frames.ts'

const DEVICES = 8
const WELL = 2
const TROUBLE_MS = 3_000
const BACK_MS_MAX = 40_000
const RECONNECTS_LEAST = 250
const HEAP_BYTES_MORE_MAX = 8e6

const TROUBLES = ['off', 'cut', 'slow', 'resets', 'another unit', 'nobody behind the gateway'] as const
type Trouble = (typeof TROUBLES)[number] | 'none'

const tags = [{ tag: 'r{n}', register: 'holding:100', type: 'uint16', count: 20, class: 'c' }]
const EVERY_MS = 50

/** A device that can be in trouble. */
async function openDevice() {
  const sockets = new Set<net.Socket>()
  const state = { trouble: 'none' as Trouble, connections: 0 }
  const server = net.createServer((socket) => {
    state.connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (let at = 0; at + 12 <= chunk.length; at += 12) answer(socket, chunk.subarray(at, at + 12), state.trouble)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const close = () => {
    server.close()
    for (const it of sockets) it.destroy()
  }
  return {
    port,
    state,
    async become(trouble: Trouble) {
      state.trouble = trouble
      if (trouble === 'off') close()
      else if (!server.listening) {
        server.listen(port, '127.0.0.1')
        await once(server, 'listening')
      }
    },
    close,
  }
}

function answer(socket: net.Socket, request: Buffer, trouble: Trouble): void {
  const asked = {
    transaction: request.readUInt16BE(0),
    unit: request[6] as number,
    code: request[7] as number,
    from: request.readUInt16BE(8),
    count: request.readUInt16BE(10),
  }
  const right = rightAnswer('mbap', asked)
  if (trouble === 'cut') return
  if (trouble === 'slow') setTimeout(() => socket.destroyed || socket.write(right), 600)
  else if (trouble === 'resets') socket.write(right, () => socket.resetAndDestroy())
  else if (trouble === 'another unit') socket.write(rightAnswer('mbap', { ...asked, unit: asked.unit + 1, from: 40_000 }))
  else if (trouble === 'nobody behind the gateway') socket.write(Buffer.concat([right.subarray(0, 4), gatewayTail(asked)]))
  else socket.write(right)
}

function gatewayTail({ unit, code }: { unit: number; code: number }): Buffer {
  return Buffer.from([0, 3, unit, code | 0x80, 11])
}

type Device = Awaited<ReturnType<typeof openDevice>>

function readDevice(device: Device, name: string, timeout: string): Reading {
  const settings = modbusTcpSettings.parse({
    host: '127.0.0.1',
    port: device.port,
    every: `${EVERY_MS}ms`,
    timeout,
    tags,
  })
  return start(createModbusTcp(createLines()).open(settings, contextOf(name)))
}

const isGood = (reading: Reading) =>
  reading.source.status().state === 'up' && reading.polls.at(-1)?.every((it) => it.quality === 'good') === true

/** Values are those of the registers, or none. */
function checkValues(reading: Reading): void {
  for (const it of reading.polls.flat()) {
    const expected = 100n + BigInt(it.tag.slice(1))
    if (it.quality === 'good' ? it.value !== expected : it.value !== undefined) throw new Error(`${it.tag} is ${it.value}`)
  }
}

async function oneTrouble(
  devices: readonly Device[],
  readings: readonly Reading[],
  others: readonly Reading[],
  trouble: Trouble,
) {
  const begun = performance.now()
  const before = devices.reduce((sum, it) => sum + it.state.connections, 0)
  const of = (list: readonly Reading[]) => list.map((it) => it.polls.length)
  const othersBefore = of(others)
  await Promise.all(devices.map((it) => it.become(trouble)))
  if (trouble === 'resets') await until('resets', () => reconnects(devices) - before >= RECONNECTS_LEAST, BACK_MS_MAX)
  else await until('all are down', () => readings.every((it) => it.source.status().state === 'down'), BACK_MS_MAX)
  await until('a while', () => performance.now() - begun > TROUBLE_MS, BACK_MS_MAX)
  await Promise.all(devices.map((it) => it.become('none')))
  const at = of(readings)
  await until('all are back', () => readings.every((it, n) => it.polls.length > (at[n] as number) + 1 && isGood(it)), BACK_MS_MAX)
  for (const it of [...readings, ...others]) checkValues(it)
  const points = (performance.now() - begun) / EVERY_MS
  others.forEach((it, n) => {
    const { notes = {} } = it.source.status()
    const polls = it.polls.length - (othersBefore[n] as number)
    // On a busy machine polls are late; then they are counted.
    if (polls + (notes['poll-late'] ?? 0) < points * 0.8)
      throw new Error(`another device was polled ${polls} times in ${points} periods`)
  })
  const disturbed = others.find((it) => it.polls.flat().some((seen) => seen.quality !== 'good'))
  const bad = disturbed?.polls.flat().filter((it) => it.quality !== 'good')
  if (disturbed)
    throw new Error(
      `another device was disturbed: ${bad?.length} bad, first ${bad?.[0]?.status}, ${JSON.stringify(disturbed.source.status())}`,
    )
  for (const it of [...readings, ...others]) it.polls.splice(0, Math.max(0, it.polls.length - 1))
  return reconnects(devices) - before
}

const reconnects = (devices: readonly Device[]) => devices.reduce((sum, it) => sum + it.state.connections, 0)

function usage() {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  return { heapBytes: process.memoryUsage().heapUsed, files: readdirSync('/proc/self/fd').length }
}

async function troubles(round: Round): Promise<void> {
  const devices = await Promise.all(Array.from({ length: DEVICES }, openDevice))
  const well = await Promise.all(Array.from({ length: WELL }, openDevice))
  const readings = devices.map((it, n) => readDevice(it, `device-${n}`, '300ms'))
  const others = well.map((it, n) => readDevice(it, `well-${n}`, '5s'))
  try {
    await until('all are up', () => [...readings, ...others].every(isGood), BACK_MS_MAX)
    const before = usage()
    let made = 0
    for (const trouble of TROUBLES) {
      if (round.isOver()) break
      await round.case(`${DEVICES} devices: ${trouble}`, async () => {
        made += await oneTrouble(devices, readings, others, trouble)
      })
    }
    await round.case('memory and descriptors', async () => {
      const after = usage()
      console.log(
        `  ${made} reconnects; descriptors ${before.files} before, ${after.files} after; heap ${mb(before.heapBytes)}, then ${mb(after.heapBytes)}`,
      )
      if (after.files > before.files) throw new Error(`${after.files - before.files} descriptors more`)
      if (after.heapBytes > before.heapBytes + HEAP_BYTES_MORE_MAX) throw new Error('the heap has grown')
    })
  } finally {
    await Promise.all([...readings, ...others].map((it) => it.stop()))
    for (const it of [...devices, ...well]) it.close()
  }
}

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

/** The adapter of a serial line with two units goes and comes back. */
async function pulledOut({ dir, case: one, isOver }: Round): Promise<void> {
  if (isOver()) return
  await mkdir(dir, { recursive: true })
  const [near, far] = [join(dir, 'box'), join(dir, 'far')]
  const held = Array.from({ length: 120 }, (_, n) => n)
  const plug = async () => {
    const pair = await startPair(near, far)
    const device = await startDevice({ serial: far, baud: 19_200 }, { 1: { holding: [[0, held]] } })
    return async () => {
      await device.stop()
      await pair.stop()
    }
  }
  let pull = await plug()
  const settings = modbusRtuSettings.parse({ path: near, every: '50ms', timeout: '500ms', tags })
  const reading = start(createModbusRtu().open(settings, contextOf('pulled')))
  try {
    await one('the serial adapter is pulled out and put back', async () => {
      await until('up', () => isGood(reading), BACK_MS_MAX)
      await pull()
      await until('down', () => reading.source.status().state === 'down', BACK_MS_MAX)
      pull = await plug()
      await until('up again', () => isGood(reading), BACK_MS_MAX)
      checkValues(reading)
    })
  } finally {
    await reading.stop()
    await pull()
  }
}

export const n2Modbus: Campaign = {
  id: 'N2-modbus',
  what: 'devices off, cut off, slow, resetting, answering for others; adapters pulled out; 250 reconnects a round',
  short: 40,
  long: 400,
  async run(round) {
    await troubles(round)
    await pulledOut(round)
  },
}
