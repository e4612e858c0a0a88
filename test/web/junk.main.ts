// Someone who wants to be in the way: junk as fast as this process sends it, and connections that say one byte a second.
// Arguments: host, port, address to come from, `junk` or a number of slow connections. Says what it did on every line of its output.
import { randomBytes } from 'node:crypto'
import { createConnection } from 'node:net'

const [host = '', port = '', localAddress = '', what = ''] = process.argv.slice(2)
const AT_ONCE = 32
const WRITES_OF_TURN = 16
const JUNK = [
  randomBytes(16_384),
  Buffer.from(`GET / HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(200)),
  // The beginning of a handshake of TLS, and what is none.
  Buffer.concat([Buffer.from('16030100ff010000fb0303', 'hex'), randomBytes(240)]),
]
const count = { opened: 0, sent: 0, ended: 0 }
let begun = 0

/** Only what got through counts. */
const open = () =>
  createConnection({ host, port: Number(port), localAddress })
    .on('error', () => {})
    .once('connect', () => count.opened++)

function junk(): void {
  const socket = open()
  const bytes = JUNK[begun++ % JUNK.length] as Buffer
  const send = () => {
    // Where all is read at once a socket never says that it is full: the other connections want their turn too.
    for (let at = 0; at < WRITES_OF_TURN; at++) {
      if (socket.destroyed) return
      count.sent += bytes.length
      if (!socket.write(bytes)) return
    }
    setImmediate(send)
  }
  socket.on('connect', send).on('drain', send)
  socket.once('close', () => {
    count.ended++
    setImmediate(junk)
  })
}

function slow(): void {
  const socket = open()
  const timer = setInterval(() => socket.write('G'), 1_000)
  socket.once('close', () => {
    clearInterval(timer)
    count.ended++
    setTimeout(slow, 1_000)
  })
}

if (what === 'junk') for (let at = 0; at < AT_ONCE; at++) junk()
else for (let at = 0; at < Number(what); at++) slow()
setInterval(() => process.stdout.write(`${JSON.stringify(count)}\n`), 500)
