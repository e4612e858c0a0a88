// A bundle over a line that breaks: what came is kept, of a file that changed nothing is joined, what is not what was promised is thrown away.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { download } from '../../src/update/download.ts'

const BYTES = 3_000_000
const sha = (it: Buffer) => createHash('sha256').update(it).digest('hex')

let dir: string
let server: Server
let url: string
let content: Buffer
let tag: string
/** So many bytes of an answer, then the line is cut. */
let cutAfter: number
let knowsRanges: boolean
let sent: number
let asked: (string | undefined)[]

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-download-'))
  content = randomBytes(BYTES)
  ;[tag, cutAfter, knowsRanges, sent, asked] = ['"one"', Infinity, true, 0, []]
  server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/2.0.0.raucb`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(dir, { recursive: true })
})

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { range, 'if-range': ifRange } = request.headers
  asked.push(range)
  const from = range !== undefined && knowsRanges && ifRange === tag ? Number(/^bytes=(\d+)-$/.exec(range)?.[1]) : 0
  const rest = content.subarray(from)
  const part = from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}
  response.writeHead(from > 0 ? 206 : 200, { etag: tag, 'content-length': rest.length, ...part })
  sent += Math.min(rest.length, cutAfter)
  if (cutAfter >= rest.length) response.end(rest)
  else response.write(rest.subarray(0, cutAfter), () => response.socket?.end())
}

const file = () => join(dir, 'bundle')
const fetchIt = (sha256: string | null = sha(content), bytes: number | null = content.length) =>
  download({ url, file: file(), bytes, sha256, request: {} }, () => undefined, AbortSignal.timeout(30_000))

test('a line that is cut each megabyte: each byte is sent about once', async () => {
  cutAfter = 1_000_000
  for (let tries = 0; !existsSync(file()); tries++) {
    expect(tries).toBeLessThan(5)
    await fetchIt().catch((error: unknown) => expect(error).toMatchObject({ code: 'update-cut' }))
  }
  expect(readFileSync(file()).equals(content)).toBe(true)
  const [first, ...joined] = asked.map((range) => (range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)?.[1])))
  expect(first).toBe(0)
  expect(joined.length).toBeGreaterThan(1)
  for (const [at, from] of joined.entries()) expect(from).toBeGreaterThan(at === 0 ? 0 : (joined[at - 1] ?? NaN))
  expect(sent).toBeLessThan(BYTES * 1.1)
  const before = asked.length
  await fetchIt()
  expect(asked).toHaveLength(before)
})

test('the file is another one now: it begins anew', async () => {
  cutAfter = 1_000_000
  await expect(fetchIt()).rejects.toMatchObject({ code: 'update-cut' })
  content = randomBytes(BYTES)
  ;[tag, cutAfter] = ['"two"', Infinity]
  await fetchIt()
  expect(readFileSync(file()).equals(content)).toBe(true)
  expect(asked).toEqual([undefined, expect.stringMatching(/^bytes=\d{5,7}-$/)])
})

test('a server without ranges: from the beginning, and right', async () => {
  knowsRanges = false
  cutAfter = 1_000_000
  await expect(fetchIt()).rejects.toMatchObject({ code: 'update-cut' })
  cutAfter = Infinity
  await fetchIt(null, null)
  expect(readFileSync(file()).equals(content)).toBe(true)
})

test('what is not what was promised is thrown away', async () => {
  await expect(fetchIt(sha(Buffer.from('x')))).rejects.toThrow('is not what was promised')
  expect(existsSync(file()) || existsSync(`${file()}.part`)).toBe(false)
  await expect(fetchIt(null, BYTES - 1)).rejects.toThrow('longer than it was said to be')
})

test('it is not there; nobody answers: said, the one for good, the other to be tried again', async () => {
  server.removeAllListeners('request')
  server.on('request', (_, response: ServerResponse) => response.writeHead(404).end())
  await expect(fetchIt()).rejects.toMatchObject({ name: 'BadInput', message: expect.stringContaining('answers 404') })
  server.closeAllConnections()
  server.close()
  await expect(fetchIt()).rejects.toMatchObject({ name: 'Unreachable', code: 'update-unreachable' })
})

test('taken back in the middle: what came is kept', async () => {
  const stop = new AbortController()
  cutAfter = 1_000_000
  const wanted = { url, file: file(), bytes: BYTES, sha256: sha(content), request: {} }
  await expect(download(wanted, (bytes) => bytes > 500_000 && stop.abort(), stop.signal)).rejects.toThrow()
  expect(statSync(`${file()}.part`).size).toBeGreaterThan(500_000)
})
