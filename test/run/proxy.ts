// The cable between the agent and Kafka, as something that can be pulled.
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

export interface Cable {
  readonly isCut: boolean
  cut(): void
  restore(): void
  close(): Promise<void>
}

/** Passes connections to 127.0.0.1:`from` on to 127.0.0.1:`to`. While cut it resets what is there and refuses what comes. */
export async function openCable(from: number, to: number): Promise<Cable> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.resetAndDestroy()
      return
    }
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(from, '127.0.0.1', resolve)
  })
  const dropAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    get isCut() {
      return isCut
    },
    cut: () => {
      isCut = true
      dropAll()
    },
    restore: () => {
      isCut = false
    },
    close: () => {
      dropAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
