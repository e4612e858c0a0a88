// Modbus TCP frames: transaction id, protocol 0, length, unit, function, data. Pure.
// A frame with another transaction id is an old answer, late or doubled, and is passed over. One that has ours and is no answer to what was
// asked, and a header that cannot be one, mean that nothing more on this connection can be trusted.
import type { Framing, ReadCode, Request, Taken } from './channel.ts'
import { isWrite, requestPdu, writtenPdu } from './pdu.ts'

/** Transaction, protocol and length; the length counts what comes after it. */
const PREFIX_BYTES = 6
const LENGTH_MIN = 2
const LENGTH_MAX = 254
const TRANSACTIONS = 65_536

/** A request to read. */
export function mbapRequest(transaction: number, unit: number, code: ReadCode, from: number, count: number): Buffer {
  return mbapFrame(transaction, unit, requestPdu({ code, from, count }))
}

function mbapFrame(transaction: number, unit: number, pdu: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt16BE(transaction, 0)
  head.writeUInt16BE(1 + pdu.length, 4)
  head[6] = unit
  return Buffer.concat([head, pdu])
}

/** Takes whole frames off the front of what came, header and all. Undefined: this is no Modbus. */
export function takeFrames(held: Buffer): { readonly frames: readonly Buffer[]; readonly rest: Buffer } | undefined {
  const frames: Buffer[] = []
  let at = 0
  while (held.length - at >= PREFIX_BYTES) {
    const length = held.readUInt16BE(at + 4)
    if (held.readUInt16BE(at + 2) !== 0 || length < LENGTH_MIN || length > LENGTH_MAX) return undefined
    if (held.length - at < PREFIX_BYTES + length) break
    frames.push(held.subarray(at, at + PREFIX_BYTES + length))
    at += PREFIX_BYTES + length
  }
  const rest = held.subarray(at)
  // The two bytes of the protocol, as far as they are there: what follows an answer tells whether the answer was one.
  return rest.subarray(2, 4).some((it) => it !== 0) ? undefined : { frames, rest }
}

/** `first`: the first transaction id; a number that an earlier connection is not likely to have used just now. */
export function mbapFraming(first: number): Framing {
  let transaction = first % TRANSACTIONS
  let waiting: Request | undefined
  let held: Buffer = Buffer.alloc(0)
  return {
    ask(request) {
      transaction = (transaction + 1) % TRANSACTIONS
      waiting = request
      return mbapFrame(transaction, request.unit, requestPdu(request))
    },
    take(chunk) {
      const taken = takeFrames(held.length === 0 ? chunk : Buffer.concat([held, chunk]))
      if (!taken) return { broken: 'bytes that are no Modbus frame' }
      // A copy: what is held must not keep a whole chunk alive.
      held = Buffer.from(taken.rest)
      const ours = waiting && taken.frames.find((it) => it.readUInt16BE(0) === transaction)
      return ours && waiting && answerIn(ours, waiting)
    },
    end() {
      waiting = undefined
    },
  }
}

function answerIn(frame: Buffer, request: Request): Taken {
  const { unit, code, dataBytes } = request
  if (frame[6] !== unit) return { broken: `an answer of unit ${frame[6]}` }
  if (frame[7] === (code | 0x80))
    return frame.length === 9 ? { exception: frame[8] as number } : { broken: `an exception of ${frame.length} bytes` }
  if (frame[7] !== code) return { broken: `an answer to function ${frame[7]}` }
  if (isWrite(request)) {
    const isWritten = frame.subarray(7).equals(writtenPdu(request))
    return isWritten ? { data: Buffer.alloc(0) } : { broken: 'an answer to another write' }
  }
  if (frame.length !== 9 + dataBytes || frame[8] !== dataBytes) return { broken: `an answer of ${frame.length - 9} bytes` }
  return { data: Buffer.from(frame.subarray(9)) }
}

const IDENTITY_CODE = 43
const IDENTITY_MEI = 14
const IDENTITY_BASIC = 1
/** Vendor, product code, revision: at most so many characters each are shown. */
const IDENTITY_TEXT_MAX = 60

/** Read device identification, the basic objects. */
export function identityRequest(transaction: number, unit: number): Buffer {
  const frame = Buffer.from([0, 0, 0, 0, 0, 5, unit, IDENTITY_CODE, IDENTITY_MEI, IDENTITY_BASIC, 0])
  frame.writeUInt16BE(transaction, 0)
  return frame
}

/** Vendor, product and revision as the device names them; undefined where it does not. */
export function identityIn(frame: Buffer | undefined, unit: number): string | undefined {
  if (!frame || frame.length < 14 || frame[6] !== unit || frame[7] !== IDENTITY_CODE || frame[8] !== IDENTITY_MEI)
    return undefined
  const texts: string[] = []
  for (let at = 14; at + 2 <= frame.length; ) {
    const end = at + 2 + (frame[at + 1] as number)
    if (end > frame.length) break
    texts.push(
      frame
        .toString('utf8', at + 2, end)
        .replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '')
        .slice(0, IDENTITY_TEXT_MAX),
    )
    at = end
  }
  const shown = texts.filter((it) => it !== '').join(' ')
  return shown === '' ? undefined : shown
}
