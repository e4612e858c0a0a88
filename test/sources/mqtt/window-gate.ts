// A gate before a broker that keeps to a window. Debian 12's mosquitto 2.0.11 is set to 20 but does not: after a PUBACK for the oldest
// message it sends up to 20 more. Newer brokers do, so the gate lets through what they would: at most `size` unacknowledged QoS 1 messages.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'

const PUBLISH_QOS_1 = 0x32
const PUBACK = 0x40

export interface WindowGate {
  readonly port: number
  close(): Promise<void>
}

export async function startWindowGate(brokerPort: number, size: number): Promise<WindowGate> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1')
    const waiting: Buffer[] = []
    let open = 0
    const pump = () => {
      const out: Buffer[] = []
      while (waiting.length > 0) {
        const isCounted = ((waiting[0]?.[0] ?? 0) & 0xf6) === PUBLISH_QOS_1
        if (isCounted && open >= size) break
        if (isCounted) open++
        out.push(waiting.shift() as Buffer)
      }
      if (out.length > 0) client.write(Buffer.concat(out))
    }
    const fromBroker = splitter((packet) => waiting.push(packet))
    const fromClient = splitter((packet) => (open -= packet[0] === PUBACK ? 1 : 0))
    broker.on('data', (chunk) => {
      fromBroker(chunk)
      pump()
    })
    client.on('data', (chunk) => {
      broker.write(chunk)
      fromClient(chunk)
      pump()
    })
    for (const [one, other] of [[client, broker] as const, [broker, client] as const]) {
      sockets.add(one)
      one.on('error', () => {}).on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      for (const it of sockets) it.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Cuts a stream into MQTT packets: a byte, the rest's length in groups of seven bits, the rest. */
function splitter(each: (packet: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      let at = 1
      let length = 0
      while ((rest[at] ?? 0) & 0x80) length |= ((rest[at] as number) & 0x7f) << (7 * (at++ - 1))
      if (at >= rest.length) return
      length |= (rest[at] as number) << (7 * (at - 1))
      const end = at + 1 + length
      if (rest.length < end) return
      each(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  }
}
