// Stands between the socket and the library's parser, which would gather a packet of up to 256 MB in memory before anybody sees it.
// A PUBLISH that is too long is passed over as it comes: what remains of it is its topic and number, and a mark in place of its payload, so that
// it is counted and acknowledged in its turn. Any other packet of that size is no packet of a broker: the connection is cut. So it is where a
// packet comes that no broker sends to us (we take part in no QoS 2), for the library throws out of its socket's callbacks on some of them.
import { randomBytes } from 'node:crypto'
import type { Duplex, Writable } from 'node:stream'
import { Transform } from 'node:stream'
import type { MqttClient, Packet } from 'mqtt'

const PASSED_OVER = randomBytes(16)

/** Whether this payload stands for one that was too long. */
export function isPassedOver(payload: Uint8Array | string): boolean {
  return payload.length === PASSED_OVER.length && typeof payload !== 'string' && PASSED_OVER.equals(payload)
}

const PUBLISH = 3
const PUBACK = 4
/** Topic's length, topic, packet number. */
const HEAD_MAX = 2 + 65_535 + 2

/** Every connection of this client goes through a guard. */
export function guardPackets(client: MqttClient, bytesMax: number, canPassOver: boolean, oddPuback: OddPuback = () => {}): void {
  client.on('packetreceive', (packet) => refuseUnnumbered(packet, (error) => void client.stream.destroy(error)))
  const inner = client as unknown as { streamBuilder: (it: unknown) => Duplex }
  const build = inner.streamBuilder
  inner.streamBuilder = (it) => {
    const stream = build(it)
    const pipe = stream.pipe.bind(stream)
    stream.pipe = (target) => {
      const cut = (error: Error) => void stream.destroy(error)
      pipe(newGuard({ bytesMax, canPassOver, cut, oddPuback })).pipe(catching(target as unknown as Writable, cut))
      return target
    }
    return stream
  }
}

/** A packet that is passed over: its header byte, and as much of the rest as may be topic and number. */
interface Passed {
  readonly first: number
  head: Buffer
}

/** The library takes a PUBLISH that ends before its number, and throws when it is to acknowledge it. */
function refuseUnnumbered(packet: Packet, cut: (error: Error) => void): void {
  if (packet.cmd !== 'publish' || packet.qos === 0 || (packet.messageId ?? 0) > 0) return
  packet.qos = 0
  cut(malformed('a PUBLISH without a number'))
}

/** What the parser throws ends the connection, and nothing else. */
function catching(target: Writable, cut: (error: Error) => void): Writable {
  const write = target._write.bind(target)
  target._write = (chunk, encoding, done) => {
    try {
      write(chunk, encoding, done)
    } catch (error) {
      cut(Object.assign(error as Error, { code: 'packet-malformed' }))
    }
  }
  return target
}

/** CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT. */
const FROM_BROKERS: ReadonlySet<number> = new Set([2, PUBLISH, 4, 9, 11, 13, 14])

function isFromBroker(first: number): boolean {
  const kind = first >> 4
  return FROM_BROKERS.has(kind) && (kind !== PUBLISH || ((first >> 1) & 3) < 2)
}

/** Reasons that a PUBACK of MQTT 5 may have. On any other, as mosquitto says 149 of a message that is too long, the library ends the connection. */
const PUBACK_REASONS: ReadonlySet<number> = new Set([0, 16, 128, 131, 135, 144, 145, 151, 153])
const UNSPECIFIED = 128

/** Told what a broker really said where the library hears 128. */
export type OddPuback = (packetNumber: number, reason: number) => void

interface GuardParts {
  readonly bytesMax: number
  readonly canPassOver: boolean
  readonly cut: (error: Error) => void
  readonly oddPuback: OddPuback
}

function newGuard({ bytesMax, canPassOver, cut, oddPuback }: GuardParts): Transform {
  /** Header byte and length of the packet that begins; held back until they are whole. */
  let start: number[] = []
  /** Bytes of the present packet that are still to come. */
  let left = 0
  let passed: Passed | undefined
  /** Of a PUBACK with a reason: its number and that, as they come. */
  let puback: number[] | undefined

  function mendPuback(chunk: Buffer, from: number, end: number): void {
    for (let at = from; puback && at < end; at++) {
      puback.push(chunk[at] as number)
      if (puback.length < 3) continue
      const [high = 0, low = 0, reason = 0] = puback
      puback = undefined
      if (reason < UNSPECIFIED || PUBACK_REASONS.has(reason)) return
      oddPuback(high * 256 + low, reason)
      chunk[at] = UNSPECIFIED
    }
  }

  /** Yields the pieces that go on; whole runs of packets stay one. */
  function* through(chunk: Buffer): Iterable<Buffer> {
    let from = 0
    let startsAt = -1
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const end = Math.min(chunk.length, at + left)
        left -= end - at
        if (puback) mendPuback(chunk, at, end)
        if (passed) {
          passed.head = Buffer.concat([passed.head, chunk.subarray(at, Math.min(end, at + HEAD_MAX - passed.head.length))])
          if (left === 0) yield standIn(passed)
          if (left === 0) passed = undefined
          from = end
        }
        at = end
        continue
      }
      if (start.length === 0) startsAt = at
      start.push(chunk[at++] as number)
      if (start.length === 1 || (start.at(-1) as number) >= 0x80) {
        if (!isFromBroker(start[0] as number)) throw malformed(`a packet of type ${(start[0] as number) >> 4}`)
        if (start.length > LENGTH_BYTES_MAX) throw malformed('a packet whose length is none')
        continue
      }
      left = lengthOf(start)
      const first = start[0] as number
      if (first >> 4 === PUBACK && left >= 3) puback = []
      if (left > bytesMax) {
        if (!canPassOver || first >> 4 !== PUBLISH) throw tooLarge(`a packet of ${left} bytes`)
        if (startsAt > from) yield chunk.subarray(from, startsAt)
        passed = { first, head: Buffer.alloc(0) }
        from = at
      } else if (startsAt < 0) {
        yield Buffer.from(start)
        from = at
      }
      start = []
    }
    const end = start.length > 0 ? startsAt : chunk.length
    if (!passed && end > from) yield chunk.subarray(from, end)
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        for (const piece of through(chunk)) this.push(piece)
        done()
      } catch (error) {
        cut(error as Error)
      }
    },
  })
}

/** A header byte and four of length. */
const LENGTH_BYTES_MAX = 4

function lengthOf(start: readonly number[]): number {
  return start.slice(1).reduce((sum, it, n) => sum + (it & 0x7f) * 128 ** n, 0)
}

function standIn({ first, head }: Passed): Buffer {
  const isCounted = ((first >> 1) & 3) > 0
  const needed = head.readUInt16BE(0) + 2 + (isCounted ? 2 : 0)
  if (head.length < needed) throw malformed('a packet that ends before its topic does')
  const body = Buffer.concat([head.subarray(0, needed), PASSED_OVER])
  const length: number[] = []
  for (let rest = body.length; rest > 0 || length.length === 0; rest = Math.floor(rest / 128))
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

function malformed(what: string): Error {
  return Object.assign(new Error(`the broker sent ${what}`), { code: 'packet-malformed' })
}

function tooLarge(what: string): Error {
  return Object.assign(new Error(`the broker sent ${what}`), { code: 'packet-too-large' })
}
