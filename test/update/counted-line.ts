// A line to a server that somebody else wrote, on which each byte is counted.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { preview } from 'vite'

export interface CountedLine {
  /** Of the folder that is served. */
  readonly url: string
  /** That came from the server: heads of answers and all. */
  bytes(): number
  close(): Promise<void>
}

/** `tls`: its certificate and key, where the server has one. */
export async function countedLine(folder: string, tls?: { readonly cert: string; readonly key: string }): Promise<CountedLine> {
  const server = await preview({
    configFile: false,
    logLevel: 'silent',
    root: folder,
    build: { outDir: folder },
    preview: { port: 0, host: '127.0.0.1', ...(tls && { https: tls }) },
  })
  const { port } = server.httpServer.address() as AddressInfo
  let bytes = 0
  const open = new Set<Socket>()
  const line = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    far.on('data', (it: Buffer) => void (bytes += it.length))
    near.pipe(far).pipe(near)
    for (const it of [near, far]) open.add(it.on('error', () => [near, far].map((end) => end.destroy())))
  }).listen(0, '127.0.0.1')
  await once(line, 'listening')
  return {
    url: `http${tls ? 's' : ''}://127.0.0.1:${(line.address() as AddressInfo).port}`,
    bytes: () => bytes,
    async close() {
      line.close()
      for (const it of open) it.destroy()
      await server.close()
    },
  }
}
