// A receiver of webhooks: a real HTTP server that keeps what it was sent, and answers as it is told.
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Notification } from '../../src/core/notify.ts'

export interface Got {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly message: Notification
}

export interface Receiver {
  readonly port: number
  readonly got: Got[]
  /** Of a path. */
  at(path: string): Notification[]
  /** From now on; 0: no answer at all. */
  answer(status: number, headers?: Readonly<Record<string, string>>, body?: string): void
  close(): Promise<void>
}

export async function startReceiver(tls?: { readonly cert: string; readonly key: string }, port = 0): Promise<Receiver> {
  const got: Got[] = []
  let [status, headers, body]: [number, Readonly<Record<string, string>>, string] = [204, {}, '']
  const listener: RequestListener = (request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => (text += part))
    request.on('end', () => {
      got.push({ path: request.url ?? '', headers: request.headers, message: JSON.parse(text) as Notification })
      if (status > 0) response.writeHead(status, headers).end(body)
    })
  }
  const server: Server = tls ? createTls(tls, listener) : createServer(listener)
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    got,
    at: (path) => got.filter((it) => it.path === path).map((it) => it.message),
    answer(...next) {
      status = next[0]
      headers = next[1] ?? {}
      body = next[2] ?? ''
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
