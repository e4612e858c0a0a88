// A POST by sockets of ours, against Node's own servers, plain and with TLS.
import http from 'node:http'
import https from 'node:https'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tlsOptions } from '../../../src/clients/kafka/access.ts'
import { basicAuthorization, jsonObject, post } from '../../../src/clients/kafka/post.ts'
import { socketKeeper } from '../../../src/clients/kafka/sockets.ts'
import { countTraffic } from '../../../src/workers/traffic.ts'
import { makeCertificates } from '../../sources/mqtt/certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'hf-post-'))
const certificates = makeCertificates(dir)
/** Answers with what it was asked, but for paths that never or endlessly answer. */
const answer: http.RequestListener = (request, response) => {
  let body = ''
  request.on('data', (part) => (body += part))
  request.on('end', () => {
    if (request.url === '/silent') return
    if (request.url === '/endless') {
      const more = () => response.write('x'.repeat(100_000)) && setImmediate(more)
      response.on('drain', more)
      more()
      return
    }
    const { authorization, host } = request.headers
    response.writeHead(201).end(JSON.stringify({ url: request.url, body, authorization, host }))
  })
}
const servers = [http.createServer(answer), https.createServer(certificates.server, answer)] as const
const portOf = (at: 0 | 1) => (servers[at].address() as AddressInfo).port

beforeAll(async () => {
  for (const it of servers) await new Promise<void>((done) => it.listen(0, '127.0.0.1', done))
})
afterAll(() => {
  for (const it of servers) {
    it.closeAllConnections()
    it.close()
  }
  rmSync(dir, { recursive: true })
})

const headers = { authorization: basicAuthorization('a', 'b') }
const send = (url: string, ca: string, msMax = 5_000) => {
  const traffic = countTraffic()
  const sockets = socketKeeper('127.0.0.1', traffic)
  const posted = post(new URL(url), sockets, { headers, body: 'größer', tls: tlsOptions({ ca }), msMax })
  return posted.finally(() => sockets.destroy()).then((it) => ({ ...it, bytes: traffic.bytes() }))
}

test.each([
  ['http', 0],
  ['https', 1],
] as const)('%s: what was asked arrives, and its bytes count', async (protocol, at) => {
  const { status, text, bytes } = await send(`${protocol}://localhost:${portOf(at)}/a/b?c=d`, certificates.ca)
  expect(status).toBe(201)
  const authorization = 'Basic YTpi'
  expect(jsonObject(text)).toEqual({ url: '/a/b?c=d', body: 'größer', authorization, host: `localhost:${portOf(at)}` })
  expect(bytes).toBeGreaterThan(text.length)
})

test('a certificate of an authority that is not trusted ends it', async () => {
  await expect(send(`https://localhost:${portOf(1)}/`, certificates.otherCa)).rejects.toThrow(/certificate/)
})

test('no answer, or one without an end, ends it', async () => {
  await expect(send(`http://localhost:${portOf(0)}/silent`, certificates.ca, 300)).rejects.toMatchObject({ code: 'timeout' })
  await expect(send(`http://localhost:${portOf(0)}/endless`, certificates.ca)).rejects.toThrow('an answer too long')
})

test('what is no object in JSON is an empty one', () => {
  for (const it of ['', '[', 'null', '3', '"a"']) expect(jsonObject(it)).toEqual({})
})
