import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import modbus from 'modbus-serial'
import { describe, expect, test } from 'vitest'
import { registerValue } from '../../src/plant/modbus-values.ts'
import type { ModbusDevice, PlantPlan } from '../../src/plant/plan.ts'
import { registerOf, signalsOf } from '../../src/plant/plan.ts'
import { demoPlan, loadPlan } from '../../src/plant/presets.ts'
import { signalOf } from '../../src/plant/signals.ts'
import { accepts, plantOf, temporaryDir, until } from './helpers.ts'

const SEED = 3
const sizes = { opcuaItems: 0, mqttSensors: 0, modbusDevices: 3, modbusRegisters: 100 }

async function client(port: number, unit: number) {
  const it = new modbus.default()
  await it.connectTCP('127.0.0.1', { port })
  it.setID(unit)
  it.setTimeout(2000)
  return Object.assign(it, { [Symbol.asyncDispose]: () => new Promise<void>((done) => it.destroy(() => done())) })
}

/** A read as it goes over the wire: transaction 1, unit, function 3, holding:0 and so many. */
function frame(unit: number, quantity: number): Buffer {
  return Buffer.from([0, 1, 0, 0, 0, 6, unit, 3, 0, 0, quantity >> 8, quantity & 255])
}

async function answerTo(socket: Socket, request: Buffer): Promise<Buffer> {
  socket.write(request)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes
}

describe('the Modbus server', () => {
  test('each poll is the next count, and all its registers are those of that count', async () => {
    await using at = await temporaryDir()
    const plan = loadPlan(SEED, sizes)
    await using plant = await plantOf({ plan, dir: at.dir, modbus: { port: 0 } })
    const port = plant.endpoints.modbusPorts?.['modbus-2'] as number
    await using reader = await client(port, 2)
    const value = signalOf({ kind: 'sine', mean: 500, amplitude: 400, samplesPerTurn: 300, noise: 20 }, SEED, 'modbus-2/r97')
    for (let count = 1; count <= 20; count++) {
      const { data } = await reader.readHoldingRegisters(0, 100)
      expect(data.length).toBe(100)
      expect((data[0] as number) * 65_536 + (data[1] as number)).toBe(count)
      expect(data[99]).toBe(registerValue('uint16', value(count)))
    }
    expect(plant.served.devices.map((it) => it.polls)).toEqual([[], [[1, 21]], []])
  })

  test('every table, type and order of the demo press', async () => {
    await using at = await temporaryDir()
    const plan: PlantPlan = demoPlan(SEED)
    await using plant = await plantOf({ plan, dir: at.dir, modbus: { port: 0 } })
    const device = plan.devices.find((it) => it.name === 'press-3') as ModbusDevice
    await using reader = await client(plant.endpoints.modbusPorts?.['press-3'] as number, 1)
    for (let count = 1; count <= 3; count++) {
      const { buffer } = await reader.readHoldingRegisters(0, 19)
      const expected = (name: string) => {
        const signal = signalsOf(device).find((it) => it.tag.endsWith(`/${name}`))
        if (!signal) throw new Error(name)
        return {
          at: registerOf(signal.at).address * 2,
          value: registerValue(signal.type, signalOf(signal.spec, SEED, signal.tag)(count)),
        }
      }
      const temperature = expected('temperature')
      const swapped = Buffer.concat([
        buffer.subarray(temperature.at + 2, temperature.at + 4),
        buffer.subarray(temperature.at, temperature.at + 2),
      ])
      expect(swapped.readFloatBE()).toBe(temperature.value)
      expect(buffer.readFloatBE(expected('pressure').at)).toBe(expected('pressure').value)
      expect(buffer.readInt16BE(expected('force-setpoint').at)).toBe(expected('force-setpoint').value)
      expect(buffer.readUInt32LE(expected('strokes').at)).toBe(count)
      expect(buffer.toString('hex', expected('oil-level').at, expected('oil-level').at + 2)).toBe(
        String(expected('oil-level').value).padStart(4, '0'),
      )
      expect(buffer.readBigUInt64BE(expected('operating-hours').at)).toBe(BigInt(count))
      expect(buffer.toString('latin1', expected('program').at, expected('program').at + 5)).toBe(expected('program').value)
      expect((buffer.readUInt16BE(expected('over-pressure').at) & 8) !== 0).toBe(expected('over-pressure').value)
      expect((await reader.readDiscreteInputs(0, 1)).data[0]).toBe(expected('guard-open').value)
      expect((await reader.readCoils(0, 1)).data[0]).toBe(expected('pump-on').value)
      expect((await reader.readInputRegisters(0, 1)).buffer.readInt16BE()).toBe(expected('ambient').value)
    }
  })

  test('what it does not have is an exception, and no poll', async () => {
    await using at = await temporaryDir()
    await using plant = await plantOf({ plan: loadPlan(SEED, sizes), dir: at.dir, modbus: { port: 0 } })
    await using reader = await client(plant.endpoints.modbusPorts?.['modbus-1'] as number, 1)
    await expect(reader.readHoldingRegisters(90, 20)).rejects.toMatchObject({ modbusCode: 2 })
    await expect(reader.readCoils(0, 1)).rejects.toMatchObject({ modbusCode: 2 })
    await expect(reader.writeRegister(5, 1)).rejects.toMatchObject({ modbusCode: 1 })
    reader.setID(77)
    await expect(reader.readHoldingRegisters(0, 1)).rejects.toMatchObject({ modbusCode: 11 })
    expect(plant.served.devices[0]?.polls).toEqual([])
  })

  test('requests in pieces and several in one packet', async () => {
    await using at = await temporaryDir()
    await using plant = await plantOf({ plan: loadPlan(SEED, sizes), dir: at.dir, modbus: { port: 0 } })
    const socket = connect(plant.endpoints.modbusPorts?.['modbus-1'] as number, '127.0.0.1')
    let got = Buffer.alloc(0)
    socket.on('data', (bytes) => (got = Buffer.concat([got, bytes])))
    const two = Buffer.concat([frame(1, 2), frame(2, 2)])
    for (const byte of two) socket.write(Buffer.from([byte]))
    socket.write(two)
    await until('four answers', () => got.length === 4 * 13)
    expect(got.readUInt32BE(9)).toBe(1)
    expect(got.readUInt32BE(2 * 13 + 9)).toBe(2)
    expect(got.readUInt8(3 * 13 + 6)).toBe(2)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
  })

  test('faults: exception, half a frame, slow, silent, and away alone on its port', async () => {
    await using at = await temporaryDir()
    await using plant = await plantOf({ plan: loadPlan(SEED, sizes), dir: at.dir, modbus: { port: 0, portEach: true } })
    const ports = plant.endpoints.modbusPorts as Record<string, number>
    expect(new Set(Object.values(ports)).size).toBe(3)
    const port = ports['modbus-1'] as number
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    plant.setFault('modbus-1', { kind: 'wrong', how: 'exception' })
    expect((await answerTo(socket, frame(1, 4))).subarray(7)).toEqual(Buffer.from([0x83, 4]))
    plant.setFault('modbus-1', { kind: 'wrong', how: 'truncated' })
    const half = await answerTo(socket, frame(1, 4))
    expect(half.readUInt16BE(4) + 6).toBeGreaterThan(half.length)
    plant.setFault('modbus-1', { kind: 'slow', delayMs: 300 })
    const asked = performance.now()
    expect((await answerTo(socket, frame(1, 4))).readUInt32BE(9)).toBe(1)
    expect(performance.now() - asked).toBeGreaterThan(250)
    plant.setFault('modbus-1', { kind: 'stop' })
    await once(socket, 'close')
    expect(await accepts(port)).toBe(false)
    expect(await accepts(ports['modbus-2'] as number)).toBe(true)
    plant.setFault('modbus-1', { kind: 'none' })
    await until('device on its port', () => accepts(port))
    expect(plant.served.devices[0]?.polls).toEqual([[1, 2]])
    expect(plant.served.devices[0]?.faults.map((it) => [it.fault.kind, it.to !== null])).toEqual([
      ['wrong', true],
      ['wrong', true],
      ['slow', true],
      ['stop', true],
    ])
  })

  test('a stopped unit is silent, its neighbours on the port are not', async () => {
    await using at = await temporaryDir()
    await using plant = await plantOf({ plan: loadPlan(SEED, sizes), dir: at.dir, modbus: { port: 0 } })
    await using reader = await client(plant.endpoints.modbusPorts?.['modbus-1'] as number, 1)
    plant.setFault('modbus-1', { kind: 'stop' })
    reader.setTimeout(200)
    await expect(reader.readHoldingRegisters(0, 2)).rejects.toThrow(/timed out/i)
    reader.setTimeout(2000)
    reader.setID(2)
    expect((await reader.readHoldingRegisters(0, 2)).data[1]).toBe(1)
  })
})
