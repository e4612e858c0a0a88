// A server of bundles that counts what it sends, and does what servers and lines do: knows no ranges, is cut, has another file meanwhile.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface BundlesServer {
  readonly url: string
  readonly files: Map<string, Buffer>
  /** Of bodies, by path and range. */
  readonly sent: { readonly path: string; readonly range: string | undefined; bytes: number }[]
  knowsRanges: boolean
  /** After so many bytes of all bundles the line is cut, once. */
  cutAfter: number
  /** Answered to what it does not have. */
  missing: number
  close(): void
}

export interface Place {
  /** 0: any that is free. */
  readonly port?: number
  /** PEM; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

export async function bundlesServer({ port = 0, tls }: Place = {}): Promise<BundlesServer> {
  const answers = (request: IncomingMessage, response: ServerResponse) => answer(it, request, response)
  const server = (tls ? createSecureServer(tls, answers) : createServer(answers)).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const it: BundlesServer = {
    url: `http${tls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}/2.0.0.raucb`,
    files: new Map(),
    sent: [],
    knowsRanges: true,
    cutAfter: Infinity,
    missing: 404,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return it
}

function answer(it: BundlesServer, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? ''
  const content = it.files.get(path)
  if (!content) return void response.writeHead(it.missing).end()
  const { range } = request.headers
  const [, from, to] = /^bytes=(\d+)-(\d+)?$/.exec((it.knowsRanges && range) || '') ?? []
  const begin = Number(from ?? 0)
  const part = content.subarray(begin, to === undefined ? content.length : Number(to) + 1)
  const head = from === undefined ? {} : { 'content-range': `bytes ${begin}-${begin + part.length - 1}/${content.length}` }
  response.writeHead(from === undefined ? 200 : 206, { 'content-length': part.length, etag: `"${content.length}"`, ...head })
  const isBundle = path.endsWith('.raucb')
  const bytes = isBundle ? Math.min(part.length, it.cutAfter) : part.length
  it.sent.push({ path, range, bytes })
  if (isBundle) it.cutAfter -= bytes
  if (bytes === part.length) return void response.end(part)
  it.cutAfter = Infinity
  response.write(part.subarray(0, bytes), () => response.socket?.end())
}
