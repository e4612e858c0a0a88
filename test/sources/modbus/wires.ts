// A device of the tests' own behind each of the three ways there are, that answers as a test wants: byte by byte.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import type { Source, SourceContext } from '../../../src/core/source.ts'
import { crc16 } from '../../../src/sources/modbus/frame.ts'
import { createModbusRtu, createModbusRtuOverTcp, createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusRtuOverTcpSettings, modbusRtuSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import { startPair } from './help.ts'

/** One request as the device hears it. */
export interface Heard {
  readonly transaction: number
  readonly unit: number
  readonly code: number
  readonly from: number
  readonly count: number
  /** The whole frame. */
  readonly frame: Buffer
  readonly send: (bytes: Buffer) => void
  readonly hangUp: () => void
}

export interface Wire {
  /** Opens a source that reads this device. */
  open(settings: object, context: SourceContext): Source
  /** Frames as this way has them. */
  answer(to: Pick<Heard, 'transaction' | 'unit' | 'code'>, data: Buffer): Buffer
  exception(to: Pick<Heard, 'transaction' | 'unit' | 'code'>, exception: number): Buffer
  readonly connections: () => number
  stop(): Promise<void>
}

export type Device = (heard: Heard) => void

export const WAYS = ['modbus-tcp', 'modbus-rtu', 'modbus-rtu-over-tcp'] as const
export type Way = (typeof WAYS)[number]

export function startWire(way: Way, device: Device): Promise<Wire> {
  if (way === 'modbus-rtu') return serialWire(device)
  return way === 'modbus-tcp' ? tcpWire(device) : rtuTcpWire(device)
}

export function withCrc(bytes: Buffer): Buffer {
  const frame = Buffer.concat([bytes, Buffer.alloc(2)])
  frame.writeUInt16LE(crc16(frame, 0, bytes.length), bytes.length)
  return frame
}

const RTU: Pick<Wire, 'answer' | 'exception'> = {
  answer: ({ unit, code }, data) => withCrc(Buffer.concat([Buffer.from([unit, code, data.length]), data])),
  exception: ({ unit, code }, exception) => withCrc(Buffer.from([unit, code | 0x80, exception])),
}

function mbap(transaction: number, unit: number, pdu: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt16BE(transaction, 0)
  head.writeUInt16BE(pdu.length + 1, 4)
  head[6] = unit
  return Buffer.concat([head, pdu])
}

const TCP: Pick<Wire, 'answer' | 'exception'> = {
  answer: ({ transaction, unit, code }, data) => mbap(transaction, unit, Buffer.concat([Buffer.from([code, data.length]), data])),
  exception: ({ transaction, unit, code }, exception) => mbap(transaction, unit, Buffer.from([code | 0x80, exception])),
}

function takeRtu(held: Buffer, heard: (frame: Buffer) => void): Buffer {
  let rest = held
  for (; rest.length >= 8; rest = rest.subarray(8)) heard(rest.subarray(0, 8))
  return rest
}

function takeTcp(held: Buffer, heard: (frame: Buffer) => void): Buffer {
  let rest = held
  for (; rest.length >= 12; rest = rest.subarray(12)) heard(rest.subarray(0, 12))
  return rest
}

async function listen(device: Device, take: typeof takeTcp, skip: number) {
  const sockets = new Set<net.Socket>()
  let connections = 0
  const server = net.createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let held: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      held = take(Buffer.concat([held, chunk]), (frame) =>
        device({
          transaction: skip > 0 ? frame.readUInt16BE(0) : 0,
          ...partsOf(frame, skip),
          send: (bytes) => void (socket.destroyed || socket.write(bytes)),
          hangUp: () => void socket.destroy(),
        }),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function partsOf(frame: Buffer, at: number) {
  return {
    unit: frame[at] as number,
    code: frame[at + 1] as number,
    from: frame.readUInt16BE(at + 2),
    count: frame.readUInt16BE(at + 4),
    frame: Buffer.from(frame),
  }
}

async function tcpWire(device: Device): Promise<Wire> {
  const server = await listen(device, takeTcp, 6)
  return {
    ...TCP,
    ...server,
    open: (settings, context) =>
      createModbusTcp().open(modbusTcpSettings.parse({ host: '127.0.0.1', port: server.port, ...settings }), context),
  }
}

async function rtuTcpWire(device: Device): Promise<Wire> {
  const server = await listen(device, takeRtu, 0)
  return {
    ...RTU,
    ...server,
    open: (settings, context) =>
      createModbusRtuOverTcp().open(
        modbusRtuOverTcpSettings.parse({ host: '127.0.0.1', port: server.port, ...settings }),
        context,
      ),
  }
}

async function serialWire(device: Device): Promise<Wire> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-wire-'))
  const [path, far] = [join(dir, 'box'), join(dir, 'device')]
  const pair = await startPair(path, far)
  const port = new SerialPort({ path: far, baudRate: 19_200, autoOpen: false })
  port.open()
  await once(port, 'open')
  let held: Buffer = Buffer.alloc(0)
  port.on('data', (chunk: Buffer) => {
    held = takeRtu(Buffer.concat([held, chunk]), (frame) =>
      device({
        transaction: 0,
        ...partsOf(frame, 0),
        send: (bytes) => void (port.isOpen && port.write(bytes)),
        hangUp() {},
      }),
    )
  })
  return {
    ...RTU,
    connections: () => 1,
    open: (settings, context) => createModbusRtu().open(modbusRtuSettings.parse({ path, ...settings }), context),
    async stop() {
      if (port.isOpen) await new Promise((resolve) => port.close(resolve))
      await pair.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Every register holds its own address; every third bit is set. */
export function dataFor({ code, from, count }: Pick<Heard, 'code' | 'from' | 'count'>): Buffer {
  if (code > 2) {
    const data = Buffer.alloc(count * 2)
    for (let i = 0; i < count; i++) data.writeUInt16BE((from + i) & 0xffff, i * 2)
    return data
  }
  const data = Buffer.alloc(Math.ceil(count / 8))
  for (let i = 0; i < count; i++) if ((from + i) % 3 === 0) data[i >> 3] = (data[i >> 3] as number) | (1 << (i & 7))
  return data
}
