// A broker that answers as no broker should: MQTT packets built field by field, then bent. Each connection gets one script of bytes.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Dice } from '../dice.ts'

const KINDS = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const
type Kind = keyof typeof KINDS

const text = (it: string) =>
  Buffer.concat([Buffer.from([Buffer.byteLength(it) >> 8, Buffer.byteLength(it) & 255]), Buffer.from(it)])
const u16 = (it: number) => Buffer.from([(it >> 8) & 255, it & 255])

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  do {
    out.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(out)
}

function packet(first: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([Buffer.from([first & 255]), varint(length), body])
}

/** Properties of MQTT 5 that a broker may send, right or not. */
function properties(dice: Dice): Buffer {
  const one = () =>
    dice.oneOf([
      () => Buffer.concat([Buffer.from([0x21]), u16(dice.below(65_536))]),
      () => Buffer.concat([Buffer.from([0x23]), u16(dice.below(20))]),
      () => Buffer.from([0x24, dice.below(4)]),
      () => Buffer.concat([Buffer.from([0x26]), text('k'), text('v'.repeat(dice.below(50)))]),
      () => Buffer.concat([Buffer.from([0x1f]), text('reason')]),
      () => Buffer.concat([Buffer.from([0x0b]), varint(dice.below(300_000_000))]),
      () => Buffer.concat([Buffer.from([0x02]), Buffer.alloc(4, dice.below(256))]),
      () => Buffer.from([dice.below(256), dice.below(256), dice.below(256)]),
    ])()
  const body = Buffer.concat(Array.from({ length: dice.below(4) }, one))
  return Buffer.concat([varint(dice.once(8) ? dice.below(500) : body.length), body])
}

const connack = (is5: boolean) => packet(0x20, Buffer.from(is5 ? [0, 0, 0] : [0, 0]))

/** A packet as it should be, or nearly. */
function wellFormed(kind: Kind, is5: boolean, dice: Dice): Buffer {
  const first = KINDS[kind] << 4
  const id = u16(dice.oneOf([0, 1, 2, dice.below(65_536)]))
  const more = is5 ? properties(dice) : Buffer.alloc(0)
  switch (kind) {
    case 'connack':
      return packet(first, Buffer.concat([Buffer.from([dice.below(3), dice.oneOf([0, 0, 0, 1, 5, 135, dice.below(256)])]), more]))
    case 'publish': {
      const qos = dice.oneOf([0, 1, 1, 2, 3])
      const topic = dice.oneOf(['plant/a', '', 'a/b', '\0', '+/#', 'x'.repeat(dice.below(300)), '\uFFFF'])
      const payload = Buffer.from(dice.oneOf(['{"value":1}', '', '{"value":', '\xFF\xFE']))
      return packet(
        first | (dice.below(2) << 3) | (qos << 1) | dice.below(2),
        Buffer.concat([text(topic), ...(qos > 0 ? [id] : []), more, payload]),
      )
    }
    case 'suback':
    case 'unsuback':
      return packet(
        first,
        Buffer.concat([id, more, Buffer.from(Array.from({ length: dice.below(4) }, () => dice.oneOf([0, 1, 2, 128, 255])))]),
      )
    case 'pingreq':
    case 'pingresp':
      return packet(first, Buffer.alloc(0))
    case 'disconnect':
    case 'auth':
      return packet(first, dice.once(3) ? Buffer.alloc(0) : Buffer.concat([Buffer.from([dice.below(256)]), more]))
    default:
      return packet(
        first | (kind === 'pubrel' ? 2 : 0),
        Buffer.concat([id, ...(dice.once(2) ? [Buffer.from([dice.below(256)]), more] : [])]),
      )
  }
}

function bend(it: Buffer, dice: Dice): Buffer {
  const bent = Buffer.from(it)
  const at = dice.below(Math.max(1, bent.length))
  switch (dice.below(9)) {
    case 0:
      bent[at] = dice.below(256)
      return bent
    case 1:
      bent[at] = (bent[at] ?? 0) ^ (1 << dice.below(8))
      return bent
    case 2:
      return bent.subarray(0, at)
    case 3:
      return packet(bent[0] ?? 0, bent.subarray(2, 2 + dice.below(bent.length)))
    case 4:
      return packet(bent[0] ?? 0, bent.subarray(2), dice.oneOf([0, 1, 2, bent.length * 2, 268_435_455]))
    case 5:
      return Buffer.concat([
        bent.subarray(0, at),
        Buffer.from(Array.from({ length: 1 + dice.below(6) }, () => dice.below(256))),
        bent.subarray(at),
      ])
    case 6:
      return Buffer.concat([Buffer.from([bent[0] ?? 0, 0xff, 0xff, 0xff, 0xff, dice.below(256)]), bent.subarray(2)])
    case 7:
      bent[0] = ((bent[0] ?? 0) & 0xf0) | dice.below(16)
      return bent
    default:
      return bent
  }
}

/** What one connection gets: mostly a CONNACK, then a packet or a few that are not what they should be. */
export function script(is5: boolean, dice: Dice): Buffer {
  const names = Object.keys(KINDS) as Kind[]
  const bad = Array.from({ length: 1 + dice.below(4) }, () => bend(wellFormed(dice.oneOf(names), is5, dice), dice))
  return Buffer.concat([...(dice.once(8) ? [] : [connack(is5)]), ...bad])
}

export interface HostileBroker {
  readonly port: number
  close(): void
}

/** `next` is asked for each connection; its bytes go out in pieces of its own cutting, then the connection ends. */
export async function startHostileBroker(next: () => { readonly bytes: Buffer; readonly cutAt: number }): Promise<HostileBroker> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.once('data', () => {
      const { bytes, cutAt } = next()
      socket.write(bytes.subarray(0, cutAt))
      setImmediate(() => socket.end(bytes.subarray(cutAt)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    close() {
      for (const it of sockets) it.destroy()
      server.close()
    },
  }
}
