// Plain HTTP: leads to the page over HTTPS and does nothing else.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { boundConnections } from './bounds.ts'

const HEAD_BYTES_MAX = 8_192
const REQUEST_MS_MAX = 5_000
/** A name or an address, as a browser sends it. */
const HOST = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::\d{1,5})?$/

export interface Redirect {
  readonly port: number
  close(): Promise<void>
}

export async function serveRedirect(
  place: { readonly host: string; readonly port: number },
  httpsPort: number,
): Promise<Redirect> {
  const server = createServer({
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: REQUEST_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: 1_000,
  })
  boundConnections(server)
  server.on('request', (request, response) => lead(request, response, httpsPort))
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(place.port, place.host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function lead({ method, headers, url = '/' }: IncomingMessage, response: ServerResponse, port: number): void {
  response.setHeader('connection', 'close')
  const host = HOST.exec(headers.host ?? '')?.[1]
  const isWay = url.startsWith('/') && !url.startsWith('//')
  if (host === undefined || !isWay) return void response.writeHead(400).end()
  if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
  response.writeHead(308, { location: `https://${host}${port === 443 ? '' : `:${port}`}${url}` }).end()
}
