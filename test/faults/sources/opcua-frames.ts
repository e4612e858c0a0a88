// Frames of OPC UA that are nearly right: of a real one, a part that means something is changed.
import type { Dice } from '../dice.ts'

/** Type, chunk and length; secure channel and token; sequence and request number; then node id of the message and its header. */
const LENGTH_AT = 4
const CHANNEL_AT = 8
const BODY_AT = 24

type Mutation = readonly [name: string, change: (frame: Buffer, dice: Dice) => Buffer]

const MUTATIONS: readonly Mutation[] = [
  ['bit', (frame, dice) => flipped(frame, BODY_AT + dice.below(Math.max(1, frame.length - BODY_AT)), dice)],
  ['header bit', (frame, dice) => flipped(frame, dice.below(Math.min(frame.length, BODY_AT)), dice)],
  [
    'length',
    (frame, dice) => number(frame, LENGTH_AT, dice.oneOf([0, 7, 8, frame.length - 1, frame.length + 1, 65_536, 0xffff_ffff])),
  ],
  ['type', (frame, dice) => text(frame, 0, dice.oneOf(['MSG', 'OPN', 'CLO', 'ACK', 'ERR', 'HEL', 'RHE', '\0\0\0', 'GET']))],
  ['chunk', (frame, dice) => text(frame, 3, dice.oneOf(['F', 'C', 'A', '\0', 'Z']))],
  ['channel', (frame, dice) => number(frame, CHANNEL_AT + 4 * dice.below(4), dice.oneOf([0, 1, 0x7fff_ffff, 0xffff_ffff]))],
  ['message', (frame, dice) => short(frame, BODY_AT + 2, dice.below(1_000))],
  [
    'count',
    (frame, dice) =>
      number(
        frame,
        BODY_AT + dice.below(Math.max(1, frame.length - BODY_AT - 4)),
        dice.oneOf([0, 0x7fff_ffff, 0xffff_ffff, 1_000_000]),
      ),
  ],
  ['torn', (frame, dice) => frame.subarray(0, dice.below(frame.length))],
  ['short', (frame, dice) => whole(frame.subarray(0, Math.max(8, dice.below(frame.length))))],
  ['long', (frame, dice) => whole(Buffer.concat([frame, noise(dice, 1 + dice.below(500))]))],
  ['twice', (frame) => Buffer.concat([frame, frame])],
  ['noise', (frame, dice) => whole(Buffer.concat([frame.subarray(0, 8), noise(dice, Math.max(1, frame.length - 8))]))],
  ['nothing', () => Buffer.alloc(0)],
]

export interface Mutated {
  readonly name: string
  readonly bytes: Buffer
}

export function mutated(frame: Buffer, dice: Dice): Mutated {
  const [name, change] = dice.oneOf(MUTATIONS)
  return { name, bytes: change(frame, dice) }
}

function copy(frame: Buffer): Buffer {
  return Buffer.from(frame)
}

function flipped(frame: Buffer, at: number, dice: Dice): Buffer {
  const out = copy(frame)
  if (at < out.length) out[at] = (out[at] as number) ^ (1 << dice.below(8))
  return out
}

function number(frame: Buffer, at: number, value: number): Buffer {
  const out = copy(frame)
  if (at + 4 <= out.length) out.writeUInt32LE(value >>> 0, at)
  return out
}

function short(frame: Buffer, at: number, value: number): Buffer {
  const out = copy(frame)
  if (at + 2 <= out.length) out.writeUInt16LE(value, at)
  return out
}

function text(frame: Buffer, at: number, value: string): Buffer {
  const out = copy(frame)
  out.write(value, at, 'latin1')
  return out
}

function noise(dice: Dice, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => dice.below(256)))
}

/** With its length in its header again. */
function whole(frame: Buffer): Buffer {
  return number(frame, LENGTH_AT, frame.length)
}
