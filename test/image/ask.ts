// Asks a port as a phone would that was just plugged in: node ask.ts dhcp | node ask.ts name NAME ADDRESS. Prints the answers of five seconds, in JSON.
import { createSocket } from 'node:dgram'

const [what = '', name = '', address = ''] = process.argv.slice(2)
const MS_MAX = 5_000
const MDNS = { port: 5353, group: '224.0.0.251' }

/** DHCPDISCOVER, answered to all. */
function discover(): Buffer {
  const packet = Buffer.alloc(300)
  packet.set([1, 1, 6, 0, 0x48, 0x46, 0x48, 0x46], 0)
  packet.writeUInt16BE(0x8000, 10)
  packet.set([0x52, 0x54, 0, 0x99, 0x99, 0x99], 28)
  packet.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 2, 1, 54, 255], 236)
  return packet
}

/** Who offers (option 54), and what. */
function offer(packet: Buffer): { by: string; address: string } {
  let by = ''
  for (let at = 240; at + 1 < packet.length && packet[at] !== 255; at += 2 + (packet[at + 1] ?? 0))
    if (packet[at] === 54) by = packet.subarray(at + 2, at + 6).join('.')
  return { by, address: packet.subarray(16, 20).join('.') }
}

function question(host: string): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const labels = host.split('.').flatMap((it) => [it.length, ...Buffer.from(it)])
  return Buffer.concat([header, Buffer.from([...labels, 0, 0, 1, 0, 1])])
}

/** Of the first answer, whose record of an address is the last four bytes before anything else that came along. */
function addressIn(packet: Buffer): string {
  const at = packet.indexOf(Buffer.from([0, 4, 192, 168]))
  return at < 0 ? '' : packet.subarray(at + 2, at + 6).join('.')
}

const answers: unknown[] = []
const socket = createSocket({ type: 'udp4', reuseAddr: true })
socket.on('message', (packet) => {
  if (what === 'dhcp') answers.push(offer(packet))
  else if (((packet[2] ?? 0) & 0x80) !== 0) answers.push(addressIn(packet))
})
socket.bind(what === 'dhcp' ? 68 : MDNS.port, () => {
  socket.setBroadcast(true)
  if (what === 'dhcp') socket.send(discover(), 67, '255.255.255.255')
  else {
    socket.addMembership(MDNS.group, address)
    socket.setMulticastInterface(address)
    socket.send(question(name), MDNS.port, MDNS.group)
  }
})
setTimeout(() => {
  console.log(JSON.stringify(answers))
  process.exit()
}, MS_MAX)
