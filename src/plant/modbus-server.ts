// Modbus TCP devices. A request that covers holding:0 is a poll: it is answered with the next count in holding:0 and 1, and every register
// of the device (all four tables) is a function of the count. Other requests are answered as of the last poll.
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultSwitch } from './faults.ts'
import type { Request } from './modbus-frames.ts'
import { dataAnswer, EXCEPTIONS, exceptionAnswer, packBits, takeRequests } from './modbus-frames.ts'
import { putRegisters, registerValue } from './modbus-values.ts'
import type { ModbusDevice, RegisterTable, SignalPlan, WordOrder } from './plan.ts'
import { registerOf, registersOf, signalsOf } from './plan.ts'
import { addTo } from './ranges.ts'
import type { DeviceServed } from './served.ts'
import type { SignalFunction } from './signals.ts'
import { signalOf } from './signals.ts'

/** A device with its switch and its book. */
export interface ModbusPart {
  readonly plan: ModbusDevice
  readonly fault: FaultSwitch
  readonly served: DeviceServed
}

interface Point {
  readonly table: RegisterTable
  readonly address: number
  readonly type: string
  readonly order: WordOrder
  readonly value: SignalFunction
}

/** Registers as bytes, bits one a byte, of one device as of `count`. */
interface Image {
  count: number
  readonly holding: Buffer
  readonly input: Buffer
  readonly coil: Uint8Array
  readonly discrete: Uint8Array
}

interface Unit extends ModbusPart {
  readonly points: readonly Point[]
  readonly image: Image
}

export interface ModbusServer {
  readonly port: number
  stop(): Promise<void>
}

const TABLES: Readonly<Record<number, RegisterTable>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' }
const FINISH_MS_MAX = 500
/** Between the requests of one poll there is less than this. */
const QUIET_MS = 60
const BITS_MAX = 2000
const REGISTERS_MAX = 125

/** Serves devices by unit number on one port (0: any). */
export async function startModbusServer(parts: readonly ModbusPart[], seed: number, port: number): Promise<ModbusServer> {
  const units = new Map(parts.map((part) => [part.plan.unit, unitOf(part, seed)]))
  const sockets = new Set<Socket>()
  let askedAt = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', () => (askedAt = performance.now()))
    socket.on('close', () => sockets.delete(socket))
    serve(socket, units)
  })
  // Devices that are all stopped are a machine that is off: no port. A stopped unit among others is silent.
  const restart = () => {
    const off = [...units.values()].every((unit) => unit.fault.now.kind === 'stop')
    if (off) closeAll(server, sockets)
    else if (!server.listening) server.listen(bound, '127.0.0.1')
  }
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.on('error', () => setTimeout(restart, 1000).unref())
  const bound = (server.address() as { port: number }).port
  for (const unit of units.values()) unit.fault.changed = restart
  return { port: bound, stop: () => finish(server, sockets, () => askedAt) }
}

function closeAll(server: Server, sockets: Set<Socket>): void {
  if (server.listening) server.close()
  for (const socket of sockets) socket.destroy()
}

/** A poll that has begun is answered to its end, for half of one is none to whoever polls; answers that were written still arrive. */
async function finish(server: Server, sockets: Set<Socket>, askedAt: () => number): Promise<void> {
  if (server.listening) server.close()
  const quiet = performance.now() + FINISH_MS_MAX
  while (sockets.size > 0 && performance.now() < Math.min(quiet, askedAt() + QUIET_MS)) await sleep(5)
  for (const socket of sockets) socket.removeAllListeners('data').end()
  const deadline = performance.now() + FINISH_MS_MAX
  while (sockets.size > 0 && performance.now() < deadline) await sleep(10)
  closeAll(server, sockets)
}

function unitOf(part: ModbusPart, seed: number): Unit {
  const points = signalsOf(part.plan).map((signal) => pointOf(signal, seed))
  const size = (table: RegisterTable, least: number) =>
    points.filter((it) => it.table === table).reduce((end, it) => Math.max(end, it.address + registersOf(it.type)), least)
  const image: Image = {
    count: 0,
    holding: Buffer.alloc(size('holding', 2) * 2),
    input: Buffer.alloc(size('input', 0) * 2),
    coil: new Uint8Array(size('coil', 0)),
    discrete: new Uint8Array(size('discrete', 0)),
  }
  const unit = { ...part, points, image }
  advance(unit, 0)
  return unit
}

function pointOf(signal: SignalPlan, seed: number): Point {
  const { table, address } = registerOf(signal.at)
  return { table, address, type: signal.type, order: signal.order, value: signalOf(signal.spec, seed, signal.tag) }
}

/** Makes the image that of `count`. */
function advance(unit: Unit, count: number): void {
  const { image } = unit
  image.count = count
  image.holding.writeUInt32BE(count, 0)
  for (const point of unit.points) {
    const value = registerValue(point.type, point.value(count))
    if (point.table === 'coil' || point.table === 'discrete') image[point.table][point.address] = value ? 1 : 0
    else putRegisters(image[point.table], point.address, point.type, point.order, value)
  }
}

function serve(socket: Socket, units: ReadonlyMap<number, Unit>): void {
  let input: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes) => {
    const { requests, rest } = takeRequests(input.length === 0 ? bytes : Buffer.concat([input, bytes]))
    for (const request of requests) answer(socket, request, units.get(request.unit))
    if (rest) input = rest
    else socket.destroy()
  })
}

function answer(socket: Socket, request: Request, unit: Unit | undefined): void {
  if (!unit) {
    socket.write(exceptionAnswer(request, EXCEPTIONS.gateway))
    return
  }
  const fault = unit.fault.now
  if (fault.kind === 'stop') return
  if (fault.kind === 'wrong') {
    const frame = exceptionAnswer(request, EXCEPTIONS.failure)
    socket.write(fault.how === 'truncated' ? truncated(request) : frame)
  } else if (fault.kind === 'slow') setTimeout(() => read(socket, request, unit), fault.delayMs ?? 0)
  else read(socket, request, unit)
}

/** A frame that promises eight bytes of data and brings three. */
function truncated(request: Request): Buffer {
  return dataAnswer(request, Buffer.alloc(8)).subarray(0, 12)
}

function read(socket: Socket, request: Request, unit: Unit): void {
  if (socket.destroyed) return
  const table = TABLES[request.function]
  const code = table ? refusal(request, unit.image[table].length, table) : EXCEPTIONS.function
  if (!table || code !== 0) {
    socket.write(exceptionAnswer(request, code))
    return
  }
  const isPoll = table === 'holding' && request.address === 0
  if (isPoll) advance(unit, unit.image.count + 1)
  socket.write(dataAnswer(request, dataOf(unit.image, table, request)))
  if (isPoll) addTo(unit.served.polls, unit.image.count)
}

/** The exception that a read of so much earns, or 0. */
function refusal(request: Request, length: number, table: RegisterTable): number {
  const bits = table === 'coil' || table === 'discrete'
  const size = bits ? length : length / 2
  if (request.quantity < 1 || request.quantity > (bits ? BITS_MAX : REGISTERS_MAX)) return EXCEPTIONS.value
  return request.address + request.quantity > size ? EXCEPTIONS.address : 0
}

function dataOf(image: Image, table: RegisterTable, request: Request): Buffer {
  if (table === 'coil' || table === 'discrete') return packBits(image[table], request.address, request.quantity)
  return image[table].subarray(request.address * 2, (request.address + request.quantity) * 2)
}
