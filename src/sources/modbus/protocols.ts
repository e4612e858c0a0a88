// The three protocols. The sources of one thread share serial lines and connections: each serial device has one opener, and many devices
// allow one connection.
import type { Protocol } from '../../core/source.ts'
import { findModbusTcp } from './find.ts'
import type { Lines } from './lines.ts'
import { createLines } from './lines.ts'
import { rtuTcpTransport, rtuTransport } from './rtu.ts'
import type { ModbusRtuOverTcpSettings, ModbusRtuSettings, ModbusTcpSettings } from './settings.ts'
import { openSource } from './source.ts'
import { tcpTransport } from './tcp.ts'
import { testDevice, testHost } from './test-steps.ts'

const ofThread = createLines()

export const modbusTcp = createModbusTcp(ofThread)
export const modbusRtu = createModbusRtu(ofThread)
export const modbusRtuOverTcp = createModbusRtuOverTcp(ofThread)

export function createModbusTcp(lines: Lines = createLines()): Protocol<ModbusTcpSettings> {
  const transportOf = ({ host, port, timeout, connections }: ModbusTcpSettings) =>
    tcpTransport({ host, port, timeoutMs: timeout, connections }, lines)
  return {
    name: 'modbus-tcp',
    open: (settings, context) => openSource(settings, transportOf(settings), context),
    async *test(settings, context, signal) {
      yield* testHost(settings.host)
      yield* testDevice(settings, transportOf(settings), context, signal)
    },
    find: findModbusTcp,
  }
}

/** `proc`: where the kernel says what its consoles are. */
export function createModbusRtu(lines: Lines = createLines(), proc?: string): Protocol<ModbusRtuSettings> {
  const transportOf = ({ path, baud, parity, stopBits, timeout, maxGap, blockMax }: ModbusRtuSettings) =>
    rtuTransport({ line: { path, baud, parity, stopBits }, timeoutMs: timeout, mayTakeAlong: maxGap > 0, blockMax }, lines, proc)
  return {
    name: 'modbus-rtu',
    open: (settings, context) => openSource(settings, transportOf(settings), context),
    test: (settings, context, signal) => testDevice(settings, transportOf(settings), context, signal),
  }
}

export function createModbusRtuOverTcp(lines: Lines = createLines()): Protocol<ModbusRtuOverTcpSettings> {
  const transportOf = ({ host, port, timeout, connections, maxGap, blockMax }: ModbusRtuOverTcpSettings) =>
    rtuTcpTransport({ host, port, timeoutMs: timeout, connections, mayTakeAlong: maxGap > 0, blockMax }, lines)
  return {
    name: 'modbus-rtu-over-tcp',
    open: (settings, context) => openSource(settings, transportOf(settings), context),
    async *test(settings, context, signal) {
      yield* testHost(settings.host)
      yield* testDevice(settings, transportOf(settings), context, signal)
    },
  }
}
