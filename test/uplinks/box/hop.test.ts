// One hop: the real uplink, over TLS, to the real thread where boxes come in and a real log behind it. Who may come in, what is refused, and that
// whatever is thrown at the port, the next who is right is served.
import https from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeBlock } from '../../../src/columns/index.ts'
import type { AllowedBox } from '../../../src/core/boxes.ts'
import { Blocked, Unreachable } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/source.ts'
import type { Uplink, UplinkBatch, UplinkContext } from '../../../src/core/uplink.ts'
import type { BoxSettings } from '../../../src/uplinks/box/settings.ts'
import { targetOf } from '../../../src/uplinks/box/call.ts'
import { box } from '../../../src/uplinks/box/index.ts'
import type { BoxesHost } from '../../../src/workers/boxes-host.ts'
import { boxesHost } from '../../../src/workers/boxes-host.ts'
import { systemClock } from '../../../src/workers/clock.ts'
import type { OpenLog } from '../../../src/workers/open-log.ts'
import { openLog } from '../../../src/workers/open-log.ts'
import { classNamed, noise, T0, tempDir } from '../../log/helpers.ts'
import { until } from '../../route/until.ts'
import { makeCertificates } from '../../sources/mqtt/certificates.ts'
import { freePort } from '../../sources/mqtt/mosquitto.ts'

const MB = 1_000_000
const EPOCH = 'a'.repeat(32)
const PASSWORD = 'a word between two'
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const clock = systemClock()
const signal = AbortSignal.timeout(600_000)

let temp: ReturnType<typeof tempDir>
let certificates: ReturnType<typeof makeCertificates>
let log: OpenLog
let host: BoxesHost
let start: () => BoxesHost
/** Where a certificate is wanted too. */
let strict: BoxesHost
let port = 0
let strictPort = 0
const open: Uplink[] = []

const allowed = (device: string, more: Partial<AllowedBox> = {}): AllowedBox => ({
  device,
  password: PASSWORD,
  behind: [],
  ...more,
})

beforeAll(async () => {
  temp = tempDir()
  certificates = makeCertificates(join(temp.dir, 'certificates'))
  log = await openLog(
    {
      dir: join(temp.dir, 'log'),
      device: 'post-1',
      bytesMax: 32 * MB,
      commitBytes: MB,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [classNamed('process', { whenFull: 'wait' }), classNamed('other')],
      delivery: {},
      uplinks: ['kafka'],
    },
    (error) => {
      throw error
    },
  )
  const { cert, key } = certificates.server
  ;[port, strictPort] = [await freePort(), await freePort()]
  const allow = [allowed('hf-1'), allowed('hf-2', { behind: ['hf-3'] }), allowed('hf-full')]
  start = () => boxesHost({ listen: { host: '127.0.0.1', port }, tls: { cert, key }, allow }, log.boxes, clock, SILENT)
  host = start()
  strict = boxesHost(
    {
      listen: { host: '127.0.0.1', port: strictPort },
      tls: { cert, key, ca: certificates.ca },
      allow: [{ device: 'client', behind: [] }, allowed('hf-1')],
    },
    log.boxes,
    clock,
    SILENT,
  )
  await until('both listen', async () => (await isHeard()) && status(strictPort, certificates.client).catch(() => false), 60_000)
}, 90_000)
afterAll(async () => {
  for (const it of open) await it.close()
  await host?.close()
  await strict?.close()
  await log?.close()
  temp.remove()
})

async function uplink(device = 'hf-1', more: Partial<BoxSettings> = {}): Promise<Uplink> {
  const settings = { url: `https://localhost:${port}`, password: PASSWORD, tls: { ca: certificates.ca }, ...more }
  const context: UplinkContext = { name: 'post', device, site: '', log: SILENT, clock }
  const opened = await box.open(settings as never, context)
  open.push(opened)
  return opened
}

/** Readings [from, from + count) of one tag. */
function batchOf(device: string, from: number, count: number, name = 'process', bytes?: (n: number) => Uint8Array): UplinkBatch {
  const stream = { device, epoch: EPOCH, class: name, form: 'raw' } as const
  const all = bytes ? Buffer.concat(Array.from({ length: count }, (_, n) => bytes(n))) : new Uint8Array(0)
  const value = new Float64Array(count)
  const each = all.length / count
  if (bytes) for (let n = 0; n < count; n++) new Uint32Array(value.buffer).set([n * each, each], n * 2)
  else value.forEach((_, n) => (value[n] = from + n))
  const { block } = encodeBlock(
    {
      count,
      series: new Uint32Array(count).fill(7),
      time: Float64Array.from({ length: count }, (_, n) => T0 + n),
      value,
      quality: new Uint8Array(count),
      status: new Uint32Array(count),
      batch: new Uint32Array(count),
      received: Float64Array.of(T0),
      bytes: new Uint8Array(all),
      kindOf: () => (bytes ? 'bytes' : 'double'),
    },
    { stream: 3, first: from },
  )
  const key = `${device}:${EPOCH}:${name}:raw`
  return {
    slices: [{ form: 'raw', stream, from, to: from + count, block }],
    series: new Map([[7, { id: 7, tag: 'a', class: name, kind: bytes ? 'bytes' : 'double' }]]),
    maybeDuplicate: [],
    ranges: [{ stream: key, from, to: from + count }],
  }
}

/** What is delivered with it, of a device that sends in order. */
const position = (transaction: number, device: string, to: number, name = 'process') => ({
  transaction,
  delivered: new Map([[`${device}:${EPOCH}:${name}:raw`, [{ from: 0, to }]]]),
})

/** The status that a plain request gets. */
function status(to: number, pair: Partial<{ cert: string; key: string }> = {}, request: RequestOptions = {}): Promise<number> {
  const { method = 'GET', path = '/v1/position', headers = {}, body } = request
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port: to, method, path, headers, ca: certificates.ca, agent: false, ...pair }
    const asked = https.request(options, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

const isHeard = () => status(port).catch(() => false)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const it of items) found.push(it)
  return found
}

interface RequestOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: Buffer
}

const own = { 'x-holdfast-device': 'hf-1', authorization: `Bearer ${PASSWORD}` }

test('who is not named, or says the wrong word, is not let in', async () => {
  for (const it of [uplink('hf-9'), uplink('hf-1', { password: 'another word' }), uplink('hf-1', { password: undefined })]) {
    const error = await (await it).position(signal).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Unreachable)
    expect(error).toMatchObject({ code: 'box-unknown', isDenied: true, remedy: expect.stringContaining('boxes.allow') })
  }
})

test('an authority that is not trusted, and a box whose certificate is missing or of another', async () => {
  const trusting = await uplink('hf-1', { tls: { ca: certificates.otherCa } })
  await expect(trusting.position(signal)).rejects.toMatchObject({ code: 'tls-untrusted' })
  const url = `https://localhost:${strictPort}`
  const { ca, client } = certificates
  const without = await uplink('hf-1', { url })
  await expect(without.position(signal)).rejects.toBeInstanceOf(Unreachable)
  const other = await uplink('hf-1', { url, tls: { ca, ...client } })
  await expect(other.position(signal)).rejects.toMatchObject({ code: 'box-unknown' })
  const right = await uplink('client', { url, password: undefined, tls: { ca, ...client } })
  expect(await right.position(signal)).toBe('none')
})

test('a transaction is there once it is answered, a new session ends the one before, a look ends none', async () => {
  const first = await uplink('hf-2')
  expect(await first.position(signal)).toBe('none')
  expect(await first.send(batchOf('hf-2', 0, 10), position(1, 'hf-2', 10), signal)).toEqual([])
  const second = await uplink('hf-2')
  expect(await second.peek?.(signal)).toBe(1)
  expect(await first.send(batchOf('hf-2', 10, 5), position(2, 'hf-2', 15), signal)).toEqual([])
  expect(await second.position(signal)).toEqual(position(2, 'hf-2', 15))
  await expect(first.send(batchOf('hf-2', 15, 5), position(3, 'hf-2', 20), signal)).rejects.toMatchObject({ code: 'fenced' })
  const again = second.send(batchOf('hf-2', 10, 5), position(3, 'hf-2', 15), signal)
  await expect(again).rejects.toMatchObject({ code: 'box-conflict', message: expect.stringContaining('is here already') })
  expect(host.reports().find((it) => it.device === 'hf-2')).toMatchObject({ transaction: 2, readings: 15, code: 'box-conflict' })
  expect(host.issues().find((it) => it.code === 'box-refused')?.text).toContain('hf-2')
  expect(await second.send(batchOf('hf-2', 15, 1), position(3, 'hf-2', 16), signal)).toEqual([])
  expect(host.issues()).toEqual([])
})

test('a post that was started anew wants a new session, and takes nobody for a twin', { timeout: 90_000 }, async () => {
  const before = await uplink('hf-1')
  const known = await before.position(signal)
  const { transaction } = known === 'none' ? { transaction: 0 } : known
  await host.close()
  host = start()
  await until('it listens', isHeard, 60_000)
  const sent = before.send(batchOf('hf-1', 900_000, 1), position(transaction + 1, 'hf-1', 1), signal)
  await expect(sent).rejects.toMatchObject({ code: 'session-over' })
  expect(host.issues()).toEqual([])
  expect(await (await uplink('hf-1')).position(signal)).toEqual(known)
})

test('the port is the one of the address, 443 too', () => {
  const port = (url: string) => targetOf({ url, tls: {} }).port
  expect(['https://post', 'https://post:443', 'https://[fd00::1]:9/', 'https://post/'].map(port)).toEqual([8460, 443, 9, 8460])
})

test('streams of a box behind it, and of nobody else; a class that the post has not', async () => {
  const it = await uplink('hf-2')
  const { transaction: last } = (await it.position(signal)) as { transaction: number }
  await expect(it.send(batchOf('hf-4', 0, 1), position(last + 1, 'hf-4', 1), signal)).rejects.toMatchObject({
    code: 'box-unknown',
  })
  const mine = position(0, 'hf-2', 16).delivered
  const both = { transaction: last + 1, delivered: new Map([...mine, ...position(0, 'hf-3', 1).delivered]) }
  expect(await it.send(batchOf('hf-3', 0, 1), both, signal)).toEqual([])
  const unknown = await it
    .send(batchOf('hf-2', 0, 1, 'none-such'), position(last + 2, 'hf-2', 1, 'none-such'), signal)
    .catch((e: unknown) => e)
  expect(unknown).toBeInstanceOf(Blocked)
  expect(unknown).toMatchObject({ code: 'class-unknown', classes: ['none-such'] })
})

test('whatever comes to the port is answered, and the next who is right is served', async () => {
  const transactions = { method: 'POST', path: '/v1/transactions', headers: own }
  const junk = Buffer.from('{"transaction": 1}')
  const cut = Buffer.from('544201002000000000', 'hex')
  expect(await status(port, {}, { headers: own })).toBe(200)
  expect(await status(port)).toBe(401)
  expect(await status(port, {}, { path: '/', headers: own })).toBe(404)
  for (const body of [junk, cut, Buffer.alloc(0)]) expect(await status(port, {}, { ...transactions, body })).toBe(400)
  const huge = { ...own, 'content-length': 10_000 * MB }
  expect(await status(port, {}, { ...transactions, headers: huge })).toBe(413)
  const session = { method: 'POST', path: '/v1/session', headers: own }
  for (const body of [junk, Buffer.from('null'), Buffer.from('{"told":-1}')])
    expect(await status(port, {}, { ...session, body })).toBe(400)
  const it = await uplink()
  expect(await it.position(signal)).toBe('none')
  expect(await it.send(batchOf('hf-1', 0, 3), position(1, 'hf-1', 3), signal)).toEqual([])
})

test('the steps of a test: connection, TLS, position', async () => {
  const context: UplinkContext = { name: 'post', device: 'hf-1', site: '', log: SILENT, clock }
  const settings = { url: `https://localhost:${port}`, password: PASSWORD, tls: { ca: certificates.ca } }
  const steps = await all(box.test(settings as never, context, signal))
  expect(steps.map((it) => it.ok)).toEqual([true, true, true])
  expect(steps[2]?.detail).toBe('transaction 1')
  const wrong = await all(box.test({ ...settings, password: 'not the word' } as never, context, signal))
  expect(wrong.at(-1)).toMatchObject({ step: 'position', ok: false, remedy: expect.any(String) })
})

test('a post that is full takes no more of that class, says so, and goes on with others', { timeout: 120_000 }, async () => {
  const it = await uplink('hf-full')
  await it.position(signal)
  const random = noise(3)
  let [at, transaction] = [0, 0]
  const fill = async () => {
    for (;;) {
      const batch = batchOf('hf-full', at, 100, 'process', () => random(10_000))
      await it.send(batch, position(transaction + 1, 'hf-full', at + 100), signal)
      transaction++
      at += 100
      if (at > 10_000) throw new Error('it is never full')
    }
  }
  const error = await fill().catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(Blocked)
  expect(error).toMatchObject({ code: 'box-full', classes: ['process'] })
  const issue = () => host.issues().find((one) => one.code === 'box-refused' && one.text.includes('hf-full'))
  expect(issue()?.text).toContain('no room for process')
  expect(await it.position(signal)).toEqual(position(transaction, 'hf-full', at))
  const delivered = new Map([...position(0, 'hf-full', at).delivered, ...position(0, 'hf-full', 1, 'other').delivered])
  expect(await it.send(batchOf('hf-full', 0, 1, 'other'), { transaction: transaction + 1, delivered }, signal)).toEqual([])
  expect(issue()).toBeUndefined()
})
