import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from '../prove/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AgentApi, QueryRow } from '../../src/core/agent-api.ts'
import { BadInput, Blocked, Unreachable } from '../../src/core/errors.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { LocalApi } from '../../src/local-api/server.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { handMadeAgent, rowAt, silent, statusNow } from './hand-made-agent.ts'

let dir: string
const open: LocalApi[] = []
const never = new AbortController().signal

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-api-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
  await rm(dir, { recursive: true, force: true })
})

async function serve(changes: Partial<AgentApi> = {}): Promise<AgentApi> {
  open.push(await serveLocalApi(dir, handMadeAgent(changes), silent))
  return connectAgent(dir)
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const it of rows) list.push(it)
  return list
}

const QUERY = { tag: 'a', from: 0, to: 10, limit: 100 }

/** One request over a bare socket; resolves with all that came back. */
async function raw(role: 'view' | 'operate', text: string | Buffer): Promise<string> {
  const socket = connect(join(dir, 'run', `${role}.sock`))
  socket.on('error', () => undefined)
  socket.end(text)
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  await once(socket, 'close')
  return Buffer.concat(parts).toString()
}

function post(role: 'view' | 'operate', path: string, body: string, method = 'POST'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(dir, 'run', `${role}.sock`), path, method, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('calls', () => {
  test('status comes through as it is', async () => {
    const status = statusNow()
    const agent = await serve({ status: () => Promise.resolve(status) })
    expect(await agent.status()).toEqual(status)
  })

  test('rows keep 64-bit integers, bytes, NaN, infinities and -0 exactly', async () => {
    const values = [2n ** 63n - 1n, new Uint8Array([0, 1, 255]), Number.NaN, -Infinity, -0, 0.1 + 0.2, 'ä\n\u2028', false, null]
    const rows = values.map((value, index) => rowAt(index, value))
    const agent = await serve({
      async *query() {
        yield* rows
      },
    })
    expect(await all(agent.query(QUERY, never))).toStrictEqual(rows)
  })

  test('any value comes through as it is', async () => {
    let given: QueryRow['value'] = null
    const agent = await serve({
      async *query() {
        yield rowAt(0, given)
      },
    })
    const value = fc.oneof(
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.string(),
      fc.uint8Array(),
      fc.boolean(),
    )
    await fc.assert(
      fc.asyncProperty(value, async (it) => {
        given = it
        const [row] = await all(agent.query(QUERY, never))
        expect(row?.value).toStrictEqual(it)
      }),
      { numRuns: 60 },
    )
  })

  test('a forecast comes through as it is', async () => {
    const agent = await serve()
    expect(await agent.forecast(1_000_000)).toEqual(await handMadeAgent().forecast(1_000_000))
  })

  test('the sockets have their modes', async () => {
    await serve()
    expect((await stat(join(dir, 'run'))).mode & 0o777).toBe(0o750)
    for (const role of ['view', 'operate']) expect((await stat(join(dir, 'run', `${role}.sock`))).mode & 0o777).toBe(0o660)
  })

  test.runIf(process.getuid?.() === 0)('a folder that the system has laid for several services stays as it is', async () => {
    await mkdir(join(dir, 'run'))
    await chmod(join(dir, 'run'), 0o1770)
    await chown(join(dir, 'run'), 65_534, 65_534)
    await serve()
    expect((await stat(join(dir, 'run'))).mode & 0o7777).toBe(0o1770)
  })

  test('steps arrive as they are made, not at the end', async () => {
    let goOn: () => void = () => undefined
    const wait = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const agent = await serve({
      async *testSource() {
        yield { step: 'one', ok: true, detail: '' }
        await wait
        yield { step: 'two', ok: true, detail: '' }
      },
    })
    const steps = agent.testSource('a', never)[Symbol.asyncIterator]()
    expect((await steps.next()).value).toMatchObject({ step: 'one' })
    goOn()
    expect((await steps.next()).value).toMatchObject({ step: 'two' })
    expect((await steps.next()).done).toBe(true)
  })
})

describe('errors', () => {
  test.each([
    new BadInput([{ where: 'tag', text: 'no such tag', remedy: 'look at sources' }]),
    new Unreachable('timeout', 'no answer', { remedy: 'wait' }),
    new Blocked('TOPIC_AUTHORIZATION_FAILED', 'may not write', { topics: ['t'], classes: ['c'] }),
  ])('%s keeps its class and fields', async (given) => {
    const agent = await serve({ status: () => Promise.reject(given) })
    const plain = (it: Error) => JSON.parse(JSON.stringify({ ...it, text: it.message })) as object
    const [ended] = await Promise.allSettled([agent.status()])
    const caught = (ended as PromiseRejectedResult).reason as Error
    expect(caught).toBeInstanceOf(given.constructor)
    expect(plain(caught)).toEqual(plain(given))
  })

  test('a bug over there is told as such', async () => {
    const agent = await serve({ status: () => Promise.reject(new TypeError('x is undefined')) })
    await expect(agent.status()).rejects.toMatchObject({ code: 'agent-failed', message: 'the agent failed: x is undefined' })
  })

  test('in mid-stream: the rows before it, then the error', async () => {
    const agent = await serve({
      async *query() {
        yield rowAt(0)
        yield rowAt(1)
        throw new Unreachable('damaged', 'a block is damaged')
      },
    })
    const seen: QueryRow[] = []
    const reading = (async () => {
      for await (const row of agent.query(QUERY, never)) seen.push(row)
    })()
    await expect(reading).rejects.toMatchObject({ name: 'Unreachable', code: 'damaged' })
    expect(seen).toHaveLength(2)
  })

  test('no agent: agent-unreachable with what to do', async () => {
    await expect(connectAgent(dir).status()).rejects.toMatchObject({
      code: 'agent-unreachable',
      remedy: expect.stringContaining('start it'),
    })
    await expect(all(connectAgent(dir).query(QUERY, never))).rejects.toMatchObject({ code: 'agent-unreachable' })
  })

  test('an agent that dies in mid-stream: agent-unreachable, not an end', async () => {
    const agent = await serve({
      async *query(_, signal) {
        yield rowAt(0)
        await once(signal, 'abort')
      },
    })
    const rows = agent.query(QUERY, never)[Symbol.asyncIterator]()
    await rows.next()
    const next = rows.next()
    await open.pop()?.close()
    await expect(next).rejects.toMatchObject({ code: 'agent-unreachable' })
  })

  test('a path that is too long says so, on both sides', async () => {
    const long = join(dir, 'x'.repeat(100))
    await expect(serveLocalApi(long, handMadeAgent(), silent)).rejects.toThrow(/107/)
    await expect(connectAgent(long).status()).rejects.toThrow(/107/)
  })
})

describe('requests that are none', () => {
  test.each([
    ['an unknown call', 'view', '/v1/format', '{}', 'POST', 404],
    ['a path that climbs', 'view', '/v1/../status', '{}', 'POST', 404],
    ['a name from the prototype', 'view', '/v1/constructor', '{}', 'POST', 404],
    ['a GET', 'view', '/v1/status', '', 'GET', 405],
    ['an operator call on view.sock', 'view', '/v1/testSource', '{"name":"press-3"}', 'POST', 403],
    ['a viewer call on operate.sock', 'operate', '/v1/status', '{}', 'POST', 403],
    ['no JSON', 'view', '/v1/status', '{', 'POST', 400],
    ['a list', 'view', '/v1/status', '[]', 'POST', 400],
    ['an unknown key', 'view', '/v1/status', '{"a":1}', 'POST', 400],
    ['a missing key', 'view', '/v1/query', '{"tag":"a"}', 'POST', 400],
    ['a wrong type', 'operate', '/v1/testSource', '{"name":7}', 'POST', 400],
    ['a number out of range', 'view', '/v1/query', '{"tag":"a","from":0,"to":1e300,"limit":1}', 'POST', 400],
    ['an outage without end', 'view', '/v1/forecast', '{"offlineMs":1e15}', 'POST', 400],
    ['an outage that is a text', 'view', '/v1/forecast', '{"offlineMs":"30d"}', 'POST', 400],
    ['a wrong marker', 'view', '/v1/query', '{"tag":{"$bigint":"x"}}', 'POST', 400],
    ['too long', 'view', '/v1/status', `"${'x'.repeat(70_000)}"`, 'POST', 413],
  ] as const)('%s', async (_, role, path, body, method, status) => {
    await serve()
    const answer = await post(role, path, body, method)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.body)).toHaveProperty('error.text')
  })

  test('junk of any kind is answered or cut, and the next call works', async () => {
    const agent = await serve()
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 300 })), async (junk) => {
        await raw('view', Buffer.from(junk as Uint8Array))
      }),
      { numRuns: 50 },
    )
    for (const half of ['POST /v1/status HTTP/1.1\r\n', 'POST /v1/status HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{"a'])
      await raw('view', half)
    await expect(agent.status()).resolves.toHaveProperty('device')
  })

  test('clients that hold a request open do not keep others out', async () => {
    const agent = await serve()
    const held: Socket[] = []
    for (let i = 0; i < 20; i++) {
      const socket = connect(join(dir, 'run', 'view.sock'))
      await once(socket, 'connect')
      socket.write('POST /v1/status HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{')
      held.push(socket)
    }
    await expect(agent.status()).resolves.toHaveProperty('device')
    for (const it of held) it.destroy()
  })
})

describe('a slow reader', () => {
  test('holds back the rows instead of filling memory; going away ends the call', async () => {
    let made = 0
    let ended = false
    const agent = await serve({
      async *query(_, signal) {
        try {
          while (!signal.aborted) yield rowAt(made++, 'x'.repeat(1_000))
        } finally {
          ended = true
        }
      },
    })
    const rows = agent.query(QUERY, never)[Symbol.asyncIterator]()
    await rows.next()
    // Until nothing more is made: buffers of two ends and the system's socket are full.
    let before = -1
    while (before !== made) {
      before = made
      await delay(300)
    }
    expect(made).toBeLessThan(20_000)
    await rows.return?.()
    await expect.poll(() => ended, { timeout: 20_000 }).toBe(true)
  })

  test('an abort ends the call on both sides', async () => {
    const stop = new AbortController()
    let aborted = false
    const agent = await serve({
      async *query(_, signal) {
        yield rowAt(0)
        await once(signal, 'abort')
        aborted = true
      },
    })
    const rows = agent.query(QUERY, stop.signal)[Symbol.asyncIterator]()
    await rows.next()
    const next = rows.next()
    stop.abort()
    await expect(next).rejects.toThrow()
    await expect.poll(() => aborted, { timeout: 20_000 }).toBe(true)
  })
})

describe('two agents', () => {
  test('the second one is refused by name, the first goes on', async () => {
    const agent = await serve()
    await expect(serveLocalApi(dir, handMadeAgent(), silent)).rejects.toThrow(/view\.sock: is in use/)
    await expect(agent.status()).resolves.toHaveProperty('device')
  })

  test('a socket whose agent was killed is replaced', async () => {
    await serve()
    // A listener that goes without taking its socket away, as kill -9 leaves it.
    await open.pop()?.close()
    const path = join(dir, 'run', 'view.sock')
    const child = await leaveSocketBehind(path)
    expect((await stat(child)).isSocket()).toBe(true)
    const agent = await serve()
    await expect(agent.status()).resolves.toHaveProperty('device')
  })

  test('a file in the place of a socket is left alone', async () => {
    await serve()
    await open.pop()?.close()
    await writeFile(join(dir, 'run', 'view.sock'), 'mine')
    await expect(serveLocalApi(dir, handMadeAgent(), silent)).rejects.toThrow(/no socket/)
  })

  test('after close nothing is left', async () => {
    await serve()
    await open.pop()?.close()
    await expect(stat(join(dir, 'run', 'view.sock'))).rejects.toThrow()
    await chmod(dir, 0o700)
  })
})

async function leaveSocketBehind(path: string): Promise<string> {
  const { rename } = await import('node:fs/promises')
  const server = createServer().listen(`${path}.1`)
  await once(server, 'listening')
  await rename(`${path}.1`, path)
  server.close()
  await once(server, 'close')
  return path
}
