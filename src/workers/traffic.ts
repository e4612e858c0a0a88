// What the sockets of a thread have carried, both ways, since it began.
import type { CountedSocket, Traffic } from '../core/uplink.ts'

export interface TrafficCount extends Traffic {
  bytes(): number
}

export function countTraffic(): TrafficCount {
  const open = new Set<CountedSocket>()
  let closed = 0
  const carriedBy = (it: CountedSocket) => it.bytesRead + it.bytesWritten
  return {
    watch(socket) {
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        closed += carriedBy(socket)
      })
    },
    bytes: () => [...open].reduce((sum, it) => sum + carriedBy(it), closed),
  }
}
