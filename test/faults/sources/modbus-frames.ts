// Modbus frames that are nearly right: by what they are made of, not by bytes alone.
import type { Dice } from '../dice.ts'

export interface Asked {
  readonly transaction: number
  readonly unit: number
  readonly code: number
  readonly from: number
  readonly count: number
}

export type Frames = 'mbap' | 'rtu'

/** As the specification has it, a bit at a time: apart from the code that is under test. */
export function crcOf(bytes: Buffer): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return crc
}

function sealed(bytes: Buffer): Buffer {
  const crc = crcOf(bytes)
  return Buffer.concat([bytes, Buffer.from([crc & 255, crc >> 8])])
}

function wrapped(asked: Asked, pdu: Buffer, length = pdu.length + 1): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt16BE(asked.transaction, 0)
  head.writeUInt16BE(length & 0xffff, 4)
  head[6] = asked.unit
  return Buffer.concat([head, pdu])
}

function frameOf(frames: Frames, asked: Asked, pdu: Buffer): Buffer {
  return frames === 'mbap' ? wrapped(asked, pdu) : sealed(Buffer.concat([Buffer.from([asked.unit]), pdu]))
}

/** What the registers hold: a function of the address, so that a value from elsewhere shows. */
export function dataOf({ code, from, count }: Asked): Buffer {
  if (code <= 2) return Buffer.alloc(Math.ceil(count / 8), 0b01010101)
  const data = Buffer.alloc(count * 2)
  for (let i = 0; i < count; i++) data.writeUInt16BE((from + i) & 0xffff, i * 2)
  return data
}

export function rightAnswer(frames: Frames, asked: Asked): Buffer {
  const data = dataOf(asked)
  return frameOf(frames, asked, Buffer.concat([Buffer.from([asked.code, data.length]), data]))
}

/** More than the registers that are asked for besides, so that answers differ. */
const LENGTHS_APART = 12
const EDGES = [0, 1, 2, 3, 4, 5, 8, 9, 127, 128, 250, 252, 253, 254, 255]

type Mutator = (frames: Frames, asked: Asked, dice: Dice) => Buffer

function noise(dice: Dice, bytesMax: number): Buffer {
  return Buffer.from(Array.from({ length: dice.below(bytesMax) }, () => dice.below(256)))
}

const withField = (change: (asked: Asked, dice: Dice) => Partial<Asked>): Mutator => {
  return (frames, asked, dice) => rightAnswer(frames, { ...asked, ...change(asked, dice), from: 40_000 })
}

/** The data of these is what no register holds. */
const MUTATORS: Readonly<Record<string, Mutator>> = {
  unit: withField((asked, dice) => ({ unit: (asked.unit + 1 + dice.below(255)) & 255 })),
  function: withField((asked, dice) => ({ code: (asked.code + 1 + dice.below(255)) & 255 })),
  // On a line an answer that comes too late is told from the next one by its length alone: no lie is as long as what is asked for next.
  count: (frames, asked, dice) => {
    const less = -1 - dice.below(asked.count)
    const count = frames === 'rtu' ? LENGTHS_APART + dice.below(10) : dice.once(2) ? less : 1 + dice.below(20)
    return rightAnswer(frames, { ...asked, count: asked.count + count, from: 40_000 })
  },
  byteCount: (frames, asked, dice) => {
    const data = dataOf({ ...asked, from: 40_000 })
    const lie = dice.oneOf(EDGES.filter((it) => it !== data.length))
    return frameOf(frames, asked, Buffer.concat([Buffer.from([asked.code, lie]), data]))
  },
  transaction: (frames, asked, dice) =>
    frames === 'rtu'
      ? flipped(rightAnswer(frames, asked), dice)
      : rightAnswer(frames, { ...asked, transaction: (asked.transaction + 1 + dice.below(65_535)) & 0xffff, from: 40_000 }),
  length: (frames, asked, dice) => {
    const data = dataOf({ ...asked, from: 40_000 })
    const pdu = Buffer.concat([Buffer.from([asked.code, data.length]), data])
    if (frames === 'rtu')
      return sealed(Buffer.concat([Buffer.from([asked.unit]), pdu, noise(dice, 20), Buffer.of(0)])).subarray(0, -1)
    return wrapped(asked, pdu, dice.oneOf([...EDGES, 256, 0x7fff, 0xffff].filter((it) => it !== pdu.length + 1)))
  },
  protocol: (frames, asked, dice) => {
    const frame = rightAnswer(frames, { ...asked, from: 40_000 })
    if (frames === 'mbap') frame[2 + dice.below(2)] = 1 + dice.below(255)
    else spoil(frame, frame.length - 1 - dice.below(2), dice)
    return frame
  },
  exception: (frames, asked, dice) => frameOf(frames, asked, Buffer.from([asked.code | 0x80, dice.below(256)])),
  emptyException: (frames, asked) => frameOf(frames, asked, Buffer.from([asked.code | 0x80])),
  longException: (frames, asked, dice) =>
    frameOf(frames, asked, Buffer.concat([Buffer.from([asked.code | 0x80, 2]), Buffer.alloc(1 + dice.below(200))])),
  torn: (frames, asked, dice) => {
    const frame = rightAnswer(frames, asked)
    return frame.subarray(0, dice.below(frame.length))
  },
  doubled: (frames, asked) => Buffer.concat([rightAnswer(frames, asked), rightAnswer(frames, asked)]),
  request: (_frames, asked, dice) => {
    const frame = Buffer.alloc(12)
    frame.writeUInt16BE(asked.transaction, 0)
    frame.set([0, 0, 0, 6, asked.unit, asked.code, dice.below(256), dice.below(256), 0, dice.below(256)], 2)
    return frame
  },
  noise: (_frames, _asked, dice) => noise(dice, 300),
  large: (_frames, _asked, dice) => Buffer.alloc(5_000, dice.below(256)),
  empty: () => Buffer.alloc(0),
}

/** Another byte than it was. */
function spoil(frame: Buffer, at: number, dice: Dice): void {
  frame[at] = (frame[at] as number) ^ (1 + dice.below(255))
}

function flipped(frame: Buffer, dice: Dice): Buffer {
  const at = dice.below(frame.length)
  frame[at] = (frame[at] as number) ^ (1 << dice.below(8))
  return frame
}

export interface Malformed {
  readonly name: string
  readonly bytes: Buffer
}

export function malformed(frames: Frames, asked: Asked, dice: Dice): Malformed {
  const name = dice.oneOf(Object.keys(MUTATORS))
  return { name, bytes: Buffer.from((MUTATORS[name] as Mutator)(frames, asked, dice)) }
}

/** In pieces of any size, as a line or a network cuts them. */
export function* pieces(bytes: Buffer, dice: Dice): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + dice.below(dice.oneOf([2, 10, 300]))
    yield bytes.subarray(at, end)
    at = end
  }
}
