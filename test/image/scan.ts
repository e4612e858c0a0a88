// Which ports of TCP an address takes connections on: node scan.ts HOST
import { connect } from 'node:net'

const [host = ''] = process.argv.slice(2)
const AT_ONCE = 3_000
const MS_MAX = 3_000

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: MS_MAX })
    const settle = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}

const open: number[] = []
for (let first = 1; first <= 65_535; first += AT_ONCE) {
  const ports = Array.from({ length: Math.min(AT_ONCE, 65_536 - first) }, (_, it) => first + it)
  const found = await Promise.all(ports.map(isOpen))
  open.push(...ports.filter((_, it) => found[it]))
}
console.log(JSON.stringify(open))
