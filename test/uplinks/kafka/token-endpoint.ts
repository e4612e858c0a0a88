// A token endpoint (OAuth 2.0, client credentials) that gives unsigned tokens, as Kafka takes them where nothing else is set up for it.
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TokenEndpoint {
  readonly url: string
  readonly given: () => number
  close(): Promise<void>
}

/** Knows one client, `box` with `box-secret`, and one scope, `kafka`. */
export async function tokenEndpoint(lifeSeconds: number): Promise<TokenEndpoint> {
  let given = 0
  const server = http.createServer((request, answer) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      const known = request.headers.authorization === `Basic ${Buffer.from('box:box-secret').toString('base64')}`
      const asked = new URLSearchParams(body)
      const right = known && asked.get('grant_type') === 'client_credentials' && asked.get('scope') === 'kafka'
      if (right) given++
      answer.writeHead(right ? 200 : 401, { 'content-type': 'application/json' })
      const token = { access_token: unsigned(lifeSeconds), token_type: 'bearer', expires_in: lifeSeconds }
      answer.end(JSON.stringify(right ? token : { error: 'invalid_client' }))
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    given: () => given,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function unsigned(lifeSeconds: number): string {
  const part = (it: object) => Buffer.from(JSON.stringify(it)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: 'box', iat: now, exp: now + lifeSeconds })}.`
}
