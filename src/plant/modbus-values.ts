// Values as Modbus carries them: what a client must decode, and the registers it decodes it from.
import type { WordOrder } from './plan.ts'
import { registersOf } from './plan.ts'
import type { SignalValue } from './signals.ts'

export type RegisterValue = SignalValue | bigint

/** What is left of a signal's value in a register type: numbers are rounded and wrap round, texts are cut. */
export function registerValue(type: string, value: SignalValue): RegisterValue {
  if (type.startsWith('string:')) return String(value).slice(0, Number(type.slice(7)))
  if (type === 'bool' || type.startsWith('bit:')) return Boolean(value)
  const number = Number(value)
  switch (type) {
    case 'float32':
      return Math.fround(number)
    case 'float64':
      return number
    case 'int16':
      return (Math.round(number) << 16) >> 16
    case 'uint16':
      return wrapped(number, 0x10000)
    case 'int32':
      return Math.round(number) | 0
    case 'uint32':
      return wrapped(number, 0x100000000)
    case 'int64':
      return BigInt.asIntN(64, BigInt(Math.round(number)))
    case 'uint64':
      return BigInt.asUintN(64, BigInt(Math.round(number)))
    case 'bcd16':
      return wrapped(number, 10_000)
    case 'bcd32':
      return wrapped(number, 100_000_000)
    default:
      throw new Error(`no such register type: ${type}`)
  }
}

function wrapped(value: number, size: number): number {
  return ((Math.round(value) % size) + size) % size
}

/** Writes a value, as `registerValue` gave it, into registers from `address` on. */
export function putRegisters(registers: Buffer, address: number, type: string, order: WordOrder, value: RegisterValue): void {
  const bytes = registers.subarray(address * 2, (address + registersOf(type)) * 2)
  writeBigEndian(bytes, type, value)
  if (type.startsWith('string:')) return
  if (order === 'CDAB' || order === 'DCBA') reverseWords(bytes)
  if (order === 'BADC' || order === 'DCBA') bytes.swap16()
}

function writeBigEndian(bytes: Buffer, type: string, value: RegisterValue): void {
  if (type.startsWith('string:')) bytes.fill(0).write(String(value), 'latin1')
  else if (type.startsWith('bit:')) bytes.writeUInt16BE(value ? 1 << Number(type.slice(4)) : 0)
  else if (type === 'float32') bytes.writeFloatBE(Number(value))
  else if (type === 'float64') bytes.writeDoubleBE(Number(value))
  else if (type.endsWith('int64')) bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)))
  else if (type === 'bcd16') bytes.writeUInt16BE(Number.parseInt(String(value), 16))
  else if (type === 'bcd32') bytes.writeUInt32BE(Number.parseInt(String(value), 16))
  else if (bytes.length === 4) bytes.writeUInt32BE(Number(value) >>> 0)
  else bytes.writeUInt16BE(Number(value) & 0xffff)
}

function reverseWords(bytes: Buffer): void {
  bytes.reverse()
  bytes.swap16()
}
