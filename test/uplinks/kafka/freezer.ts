// A TCP proxy that can freeze: it goes on accepting bytes and passes none on, as a link does that has died without saying so.
import net from 'node:net'

export interface Freezer {
  readonly port: number
  /** What the far end answers no longer comes through; `both`: nor does what we send. */
  freeze(what: 'answers' | 'both'): void
  thaw(): void
  /** Where connections came from, and the client id of their first request, empty where none came. */
  readonly callers: readonly { readonly address: string; client: string }[]
  /** Bytes that came, and that went back. */
  carried(): { readonly sent: number; readonly received: number }
  close(): Promise<void>
}

export async function freezer(listenPort: number, to: { host: string; port: number }): Promise<Freezer> {
  let frozen: 'no' | 'answers' | 'both' = 'no'
  const open = new Set<net.Socket>()
  const callers: { address: string; client: string }[] = []
  const bytes = { sent: 0, received: 0 }
  const server = net.createServer((near) => {
    const far = net.connect(to)
    const caller = { address: near.remoteAddress ?? '', client: '' }
    callers.push(caller)
    near.once('data', (chunk) => (caller.client = chunk.toString('utf8', 14, 14 + chunk.readInt16BE(12))))
    near.on('data', (chunk) => (bytes.sent += chunk.length))
    far.on('data', (chunk) => (bytes.received += chunk.length))
    for (const it of [near, far]) {
      open.add(it)
      it.on('error', () => {})
      it.once('close', () => {
        open.delete(it)
        near.destroy()
        far.destroy()
      })
    }
    // What comes while frozen is lost with its connection, as on a cut link.
    near.on('data', (chunk) => void (frozen !== 'both' && far.write(chunk)))
    far.on('data', (chunk) => void (frozen === 'no' && near.write(chunk)))
  })
  await new Promise<void>((done) => server.listen(listenPort, '127.0.0.1', done))
  return {
    port: (server.address() as net.AddressInfo).port,
    callers,
    carried: () => ({ ...bytes }),
    freeze: (what) => (frozen = what),
    thaw() {
      frozen = 'no'
      for (const it of open) it.destroy()
    },
    async close() {
      for (const it of open) it.destroy()
      await new Promise((done) => server.close(done))
    },
  } as Freezer
}
