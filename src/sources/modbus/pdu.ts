// What stands in a frame between the unit and its end: function code, address and what is asked or written. The same over TCP and on a serial line.
import type { Request } from './channel.ts'

const WRITE_COIL = 5
const WRITE_REGISTER = 6
const WRITE_REGISTERS = 16
const COIL_ON = 0xff00

export function isWrite({ data }: Pick<Request, 'data'>): boolean {
  return data !== undefined
}

export function requestPdu({ code, from, count, data }: Pick<Request, 'code' | 'from' | 'count' | 'data'>): Buffer {
  const head = Buffer.alloc(5)
  head[0] = code
  head.writeUInt16BE(from, 1)
  if (data === undefined || code === WRITE_REGISTERS) head.writeUInt16BE(count, 3)
  else if (code === WRITE_COIL) head.writeUInt16BE(data[0] === 0 ? 0 : COIL_ON, 3)
  else data.copy(head, 3)
  return data && code === WRITE_REGISTERS ? Buffer.concat([head, Buffer.from([data.length]), data]) : head
}

/** A device repeats what it has written: code, address, and value or count. */
export function writtenPdu(request: Request): Buffer {
  return requestPdu(request).subarray(0, 5)
}

/** `data` of a coil is one byte. */
export function writeRequest(unit: number, kind: 'coil' | 'holding', from: number, data: Buffer, timeoutMs: number): Request {
  const count = kind === 'coil' ? 1 : data.length / 2
  const code = kind === 'coil' ? WRITE_COIL : count === 1 ? WRITE_REGISTER : WRITE_REGISTERS
  return { unit, code, from, count, dataBytes: data.length, data, timeoutMs }
}
