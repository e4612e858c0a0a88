// A publisher that costs as little as it can, since it shares the processor with what it measures: QoS 1, a few connections with a window
// each, packets written by hand. It must never be the slowest part.
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Shape } from './readings.ts'
import { message } from './readings.ts'

const CONNECTIONS = 4
const WINDOW = 200
const PUMP_EVERY_MS = 20
/** CONNACK and PUBACK (3.1.1) are both four bytes: counting bytes counts answers. */
const ANSWER_BYTES = 4

export interface Publisher {
  /** Messages that the broker has acknowledged. */
  readonly sent: number
  /** Sends no more; resolves with all that were sent once the broker has acknowledged them. */
  stop(): Promise<number>
}

interface Line {
  readonly socket: Socket
  isOpen: boolean
  inFlight: number
  packetId: number
  bytes: number
}

/** `allowed` says how many messages may have been sent by now. */
export function startPublisher(port: number, shape: Shape, allowed: () => number): Publisher {
  let next = 0
  let acked = 0
  let isStopping = false
  let isOver = false
  let finish: (sent: number) => void = () => {}
  const finished = new Promise<number>((resolve) => (finish = resolve))
  const lines = Array.from({ length: CONNECTIONS }, (_, n) => open(n))
  const timer = setInterval(() => lines.forEach(pump), PUMP_EVERY_MS)

  function open(n: number): Line {
    const line: Line = { socket: connect(port, '127.0.0.1'), isOpen: false, inFlight: 0, packetId: 0, bytes: 0 }
    line.socket.setNoDelay(true)
    line.socket.write(connectPacket(`load-${n}`))
    line.socket.on('data', (chunk) => answered(line, chunk.length))
    return line
  }

  function answered(line: Line, bytes: number): void {
    line.bytes += bytes
    let answers = Math.floor(line.bytes / ANSWER_BYTES)
    line.bytes %= ANSWER_BYTES
    if (!line.isOpen && answers > 0) {
      line.isOpen = true
      answers--
    }
    line.inFlight -= answers
    acked += answers
    pump(line)
  }

  function pump(line: Line): void {
    if (!line.isOpen || line.socket.destroyed) return
    const packets: Buffer[] = []
    const limit = isStopping ? 0 : allowed()
    for (; line.inFlight < WINDOW && next < limit; line.inFlight++) {
      line.packetId = (line.packetId % 65_535) + 1
      packets.push(publishPacket(...message(shape, next++), line.packetId))
    }
    if (packets.length > 0) line.socket.write(Buffer.concat(packets))
    if (isStopping && !isOver && acked === next) end()
  }

  function end(): void {
    isOver = true
    clearInterval(timer)
    for (const { socket } of lines) socket.end(Buffer.from([0xe0, 0]))
    finish(next)
  }

  return {
    get sent() {
      return acked
    },
    stop() {
      isStopping = true
      return finished
    },
  }
}

function connectPacket(clientId: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    Buffer.from([4, 2, 0, 0, 0, clientId.length]),
    Buffer.from(clientId),
  ])
  return Buffer.concat([Buffer.from([0x10, body.length]), body])
}

function publishPacket(topic: string, payload: string, packetId: number): Buffer {
  const rest = 2 + topic.length + 2 + payload.length
  const head = [0x32]
  for (let left = rest; left > 0 || head.length === 1; left >>= 7) head.push((left & 127) | (left > 127 ? 128 : 0))
  const packet = Buffer.allocUnsafe(head.length + rest)
  packet.set(head)
  let at = packet.writeUInt16BE(topic.length, head.length)
  at += packet.write(topic, at, 'latin1')
  at = packet.writeUInt16BE(packetId, at)
  packet.write(payload, at, 'latin1')
  return packet
}
