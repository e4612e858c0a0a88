// Modbus TCP frames, the server's side: transaction id, protocol 0, length, unit, function, data.
const HEADER_BYTES = 7
/** The specification's limit for one frame. */
const FRAME_BYTES_MAX = 260

export interface Request {
  readonly transaction: number
  readonly unit: number
  readonly function: number
  readonly address: number
  readonly quantity: number
}

export const EXCEPTIONS = { function: 1, address: 2, value: 3, failure: 4, gateway: 11 } as const

/** Takes whole requests off the front of what a connection brought. `null` as rest: this is not Modbus, hang up. */
export function takeRequests(input: Buffer): { requests: Request[]; rest: Buffer | null } {
  const requests: Request[] = []
  let at = 0
  while (input.length - at >= HEADER_BYTES) {
    const length = input.readUInt16BE(at + 4)
    if (input.readUInt16BE(at + 2) !== 0 || length < 2 || length > FRAME_BYTES_MAX - 6) return { requests, rest: null }
    if (input.length - at < 6 + length) break
    requests.push(requestAt(input, at, length))
    at += 6 + length
  }
  return { requests, rest: input.subarray(at) }
}

function requestAt(input: Buffer, at: number, length: number): Request {
  const whole = length >= 6
  return {
    transaction: input.readUInt16BE(at),
    unit: input.readUInt8(at + 6),
    function: input.readUInt8(at + 7),
    address: whole ? input.readUInt16BE(at + 8) : 0,
    quantity: whole ? input.readUInt16BE(at + 10) : 0,
  }
}

/** An answer to a read: byte count, then the data. */
export function dataAnswer(request: Request, data: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(9 + data.length)
  writeHeader(frame, request, request.function, 3 + data.length)
  frame.writeUInt8(data.length, 8)
  data.copy(frame, 9)
  return frame
}

export function exceptionAnswer(request: Request, code: number): Buffer {
  const frame = Buffer.allocUnsafe(9)
  writeHeader(frame, request, request.function | 0x80, 3)
  frame.writeUInt8(code, 8)
  return frame
}

function writeHeader(frame: Buffer, request: Request, code: number, length: number): void {
  frame.writeUInt16BE(request.transaction, 0)
  frame.writeUInt16BE(0, 2)
  frame.writeUInt16BE(length, 4)
  frame.writeUInt8(request.unit, 6)
  frame.writeUInt8(code, 7)
}

/** `quantity` bits from `address` on, eight to a byte, lowest first. */
export function packBits(bits: Uint8Array, address: number, quantity: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(quantity / 8))
  for (let i = 0; i < quantity; i++) if (bits[address + i]) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7))
  return bytes
}
