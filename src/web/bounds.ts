// How many connections there may be, and how fast new ones may come. One address has its share; when it wants more, its own oldest ones go that
// nobody has logged in on. So neither slow connections nor floods keep others out.
import type { Server, Socket } from 'node:net'
import { groupOf } from '../access/guesses.ts'

export interface Bounds {
  readonly connectionsMax: number
  readonly ofAddressMax: number
  /** New ones of one address: so many at once, and so many a second. */
  readonly burst: number
  readonly perSecond: number
}

const BOUNDS: Bounds = { connectionsMax: 256, ofAddressMax: 64, burst: 128, perSecond: 40 }
/** Addresses that are remembered. */
const ADDRESSES_MAX = 4_096

interface Group {
  readonly sockets: Set<Socket>
  left: number
  at: number
}

export interface BoundConnections {
  /** Somebody who is known uses it: it is nobody's to take away. */
  keep(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void
  count(): number
}

export function boundConnections(
  server: Server,
  bounds: Bounds = BOUNDS,
  now: () => number = () => performance.now(),
): BoundConnections {
  const groups = new Map<string, Group>()
  // A connection by its far end: TLS has a socket of its own upon ours.
  const kept = new Set<string>()
  const open = new Set<string>()
  let count = 0
  const groupFor = (key: string): Group => {
    const found = groups.get(key)
    if (found) return found
    if (groups.size >= ADDRESSES_MAX) forget(groups)
    const made = { sockets: new Set<Socket>(), left: bounds.burst, at: now() }
    groups.set(key, made)
    return made
  }
  const mayCome = (group: Group): boolean => {
    const left = Math.min(bounds.burst, group.left + ((now() - group.at) * bounds.perSecond) / 1000)
    group.at = now()
    group.left = left >= 1 ? left - 1 : left
    return left >= 1
  }
  /** In the order in which they came. */
  const oldestOf = (group: Group): Socket | undefined => [...group.sockets].find((it) => !kept.has(endOf(it)) && !it.destroyed)
  const makeRoom = (group: Group): boolean => {
    if (group.sockets.size >= bounds.ofAddressMax) return oldestOf(group)?.destroy() !== undefined
    if (count < bounds.connectionsMax) return true
    const greatest = [...groups.values()].reduce((a, b) => (b.sockets.size > a.sockets.size ? b : a))
    return oldestOf(greatest)?.destroy() !== undefined
  }
  // Whoever is not let in costs no TLS: what the server would do with a connection comes after us, or not at all.
  const further = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const group = groupFor(groupOf(socket.remoteAddress ?? ''))
    if (!mayCome(group) || !makeRoom(group)) return void socket.destroy()
    group.sockets.add(socket)
    count++
    const end = endOf(socket)
    open.add(end)
    socket.once('close', () => {
      kept.delete(end)
      open.delete(end)
      group.sockets.delete(socket)
      count--
    })
    for (const it of further) it.call(server, socket)
  })
  return { keep: (socket) => void (open.has(endOf(socket)) && kept.add(endOf(socket))), count: () => count }
}

const endOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) => `${remoteAddress} ${remotePort}`

function forget(groups: Map<string, Group>): void {
  for (const [key, it] of groups) if (it.sockets.size === 0) groups.delete(key)
}
