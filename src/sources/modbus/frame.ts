// Modbus RTU frames. An answer has neither a transaction number nor the address it is for: unit, function code, byte count and CRC are
// all there is to know it by, so all four are looked at, at every place where a frame may begin. Pure.
import type { Framing, ReadCode, Request } from './channel.ts'
import type { Answer } from './link.ts'
import { isWrite, requestPdu, writtenPdu } from './pdu.ts'

const CRC_BYTES = 2
const EXCEPTION_BYTES = 3
/** More than two of the longest frames: what came before is noise. */
const HELD_BYTES_MAX = 600

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  return crc
})

/** CRC-16 of bytes [from, to) as Modbus has it; on the wire its low byte comes first. */
export function crc16(data: Uint8Array, from: number, to: number): number {
  let crc = 0xffff
  for (let i = from; i < to; i++) crc = (crc >> 8) ^ (CRC_TABLE[(crc ^ (data[i] as number)) & 0xff] as number)
  return crc
}

/** A request to read `count` registers or bits. */
export function requestFrame(unit: number, code: ReadCode, from: number, count: number): Buffer {
  return frameOf(unit, requestPdu({ code, from, count }))
}

function frameOf(unit: number, pdu: Buffer): Buffer {
  const frame = Buffer.concat([Buffer.from([unit]), pdu], 1 + pdu.length + CRC_BYTES)
  frame.writeUInt16LE(crc16(frame, 0, 1 + pdu.length), 1 + pdu.length)
  return frame
}

/** Bytes of a whole answer with so many bytes of data. */
export function answerFrameBytes(dataBytes: number): number {
  return 3 + dataBytes + CRC_BYTES
}

/** Give it what arrives, in pieces as they come; it yields the answer to one request once it is whole. Noise around it is passed over. */
export function answerScanner(unit: number, code: number, dataBytes: number): (chunk: Uint8Array) => Answer | undefined {
  let held = Buffer.alloc(0)
  return (chunk) => {
    held = Buffer.concat([held, chunk])
    if (held.length > HELD_BYTES_MAX) held = held.subarray(held.length - HELD_BYTES_MAX)
    for (let at = 0; at + EXCEPTION_BYTES + CRC_BYTES <= held.length; at++) {
      if (held[at] !== unit) continue
      if (held[at + 1] === (code | 0x80) && isIntact(held, at, EXCEPTION_BYTES)) return { exception: held[at + 2] as number }
      if (held[at + 1] === code && held[at + 2] === dataBytes && isIntact(held, at, 3 + dataBytes))
        return { data: Buffer.from(held.subarray(at + 3, at + 3 + dataBytes)) }
    }
    return undefined
  }
}

/** The same for a request to write: a device repeats its beginning. */
function writtenScanner(request: Request): (chunk: Uint8Array) => Answer | undefined {
  const whole = frameOf(request.unit, writtenPdu(request))
  let held = Buffer.alloc(0)
  return (chunk) => {
    held = Buffer.concat([held, chunk])
    if (held.length > HELD_BYTES_MAX) held = held.subarray(held.length - HELD_BYTES_MAX)
    if (held.includes(whole)) return { data: Buffer.alloc(0) }
    for (let at = 0; at + EXCEPTION_BYTES + CRC_BYTES <= held.length; at++)
      if (held[at] === request.unit && held[at + 1] === (request.code | 0x80) && isIntact(held, at, EXCEPTION_BYTES))
        return { exception: held[at + 2] as number }
    return undefined
  }
}

function isIntact(held: Buffer, at: number, bytes: number): boolean {
  return at + bytes + CRC_BYTES <= held.length && held.readUInt16LE(at + bytes) === crc16(held, at, at + bytes)
}

/** On a line where one answer looks like the next: whoever asks sees to it that they differ in length (rtu.ts). */
export function rtuFraming(): Framing {
  let scan: ((chunk: Uint8Array) => Answer | undefined) | undefined
  return {
    ask(request) {
      const { unit, code, dataBytes } = request
      scan = isWrite(request) ? writtenScanner(request) : answerScanner(unit, code, dataBytes)
      return frameOf(unit, requestPdu(request))
    },
    take: (chunk) => scan?.(chunk),
    end() {
      scan = undefined
    },
  }
}
