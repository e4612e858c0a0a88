// One connection to one broker: frames in and out, answers by their number. Every failure closes it and rejects all that waits; nothing is retried
// and nothing has a time limit here except the opening: whoever asks gives up by destroying the client.
//
//   open     TCP, TLS ─► ApiVersions (what the broker speaks) ─► SASL
//   request  int32 length · api, version, number, client id · body     ─►
//            ◄─  int32 length · number · body
import type net from 'node:net'
import type tls from 'node:tls'
import { Unreachable } from '../../../core/errors.ts'
import { asUnreachable, CONNECT_MS_MAX, withDeadline } from '../access.ts'
import type { Sockets } from '../sockets.ts'
import type { Call } from './calls.ts'
import { apiVersions } from './calls.ts'
import type { Authenticate } from './sasl.ts'
import { decoder, encoder } from './wire.ts'

export interface Connection {
  /** Rejects with KafkaError where the broker refuses the whole, Unreachable or Node's own error where the connection is gone. */
  send<T>(call: Call<T>): Promise<T>
  /** Highest version of a request that the broker takes; undefined: it does not know the request. */
  versionOf(api: number): number | undefined
  /** A feature's level that the cluster has agreed on, 0 for none. */
  featureOf(name: string): number
  /** False once it is closed, or its authentication is about to end. */
  isUsable(): boolean
}

export interface ConnectOptions {
  readonly clientId: string
  readonly sockets: Sockets
  readonly tls: tls.ConnectionOptions | undefined
  readonly authenticate: Authenticate | undefined
}

interface Waiting {
  readonly call: Call<unknown>
  readonly done: (value: unknown) => void
  readonly fail: (error: unknown) => void
}

/** More than any answer to what this client asks. */
const ANSWER_BYTES_MAX = 16_000_000
const TLS_ALERT = 0x1503
/** Of the time that an authentication holds. */
const SESSION_SHARE = 0.8

export async function connect(to: { host: string; port: number }, options: ConnectOptions): Promise<Connection> {
  const where = `${to.host}:${to.port}`
  const opened = await withDeadline(`connect to ${where}`, CONNECT_MS_MAX, undefined, openSocket(to, options))
  const line = lineOn(opened, options.clientId)
  const greet = async () => {
    const versions = await line.send(apiVersions())
    const sessionMs = await options.authenticate?.(line.send)
    const endsAt = sessionMs ? performance.now() + sessionMs * SESSION_SHARE : Infinity
    return { ...versions, endsAt }
  }
  try {
    const { apis, features, endsAt } = await withDeadline(`sign in at ${where}`, CONNECT_MS_MAX, undefined, greet())
    return {
      send: line.send,
      versionOf: (api) => apis.get(api),
      featureOf: (name) => features.get(name) ?? 0,
      isUsable: () => !line.isClosed() && performance.now() < endsAt,
    }
  } catch (error) {
    opened.destroy()
    throw error
  }
}

function openSocket(to: { host: string; port: number }, { sockets, tls: options }: ConnectOptions): Promise<net.Socket> {
  return new Promise((done, fail) => {
    const socket = sockets.open({ ...to, tls: options }, () => done(socket))
    socket.on('error', (error) => fail(asUnreachable(error)))
    socket.once('close', () => fail(asUnreachable(closed())))
  })
}

function closed(): Error {
  return Object.assign(new Error('the broker closed the connection'), { code: 'ECONNRESET' })
}

function lineOn(socket: net.Socket, clientId: string) {
  const waiting = new Map<number, Waiting>()
  let number = 0
  let broken: unknown

  function breakUp(error: unknown): void {
    broken ??= asUnreachable(error)
    socket.destroy()
    for (const it of waiting.values()) it.fail(broken)
    waiting.clear()
  }

  function answered(payload: Buffer): void {
    const it = waiting.get(payload.readInt32BE(0))
    if (!it) return breakUp(unreadable('an answer that nobody asked for'))
    waiting.delete(payload.readInt32BE(0))
    try {
      const reading = decoder(payload.subarray(4))
      if (it.call.taggedAnswer) reading.tags()
      it.done(it.call.read(reading))
    } catch (error) {
      // Kafka says no, and the connection is well. Anything else: what came is not what it should be.
      if (!(error instanceof RangeError)) return it.fail(error)
      const because = unreadable(`${it.call.name}: ${error.message}`, error)
      it.fail(because)
      breakUp(because)
    }
  }

  const frames = frameReader(answered, breakUp)
  socket.on('data', frames)
  socket.on('error', breakUp)
  socket.once('close', () => breakUp(closed()))

  async function send<T>(call: Call<T>): Promise<T> {
    if (broken !== undefined) throw broken
    number = (number + 1) & 0x7fffffff
    const own = number
    const answer = new Promise<T>((done, fail) =>
      waiting.set(own, { call: call as Call<unknown>, done: done as Waiting['done'], fail }),
    )
    write(socket, call, own, clientId)
    return answer
  }
  return { send, isClosed: () => broken !== undefined || socket.destroyed }
}

function unreadable(text: string, cause?: unknown): Unreachable {
  return new Unreachable('answer-unreadable', `what the broker says cannot be understood: ${text}`, {
    cause,
    remedy: 'check that the port is that of a Kafka broker',
  })
}

function write(socket: net.Socket, call: Call<unknown>, number: number, clientId: string): void {
  const head = encoder().int16(call.api).int16(call.version).int32(number).text(clientId)
  if (call.tagged) head.noTags()
  const parts = [...head.take(), ...call.body]
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(parts.reduce((sum, it) => sum + it.length, 0))
  socket.cork()
  socket.write(length)
  for (const it of parts) if (it.length > 0) socket.write(it)
  socket.uncork()
}

/** Cuts the stream into answers. What is said to be too long ends it: the far end is no broker, or speaks TLS. */
function frameReader(onFrame: (payload: Buffer) => void, onError: (error: Unreachable) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = []
  let have = 0
  return (chunk) => {
    chunks.push(chunk)
    have += chunk.length
    while (have >= 4) {
      if ((chunks[0] as Buffer).length < 4) chunks = [Buffer.concat(chunks)]
      const length = (chunks[0] as Buffer).readUInt32BE(0)
      if (length > ANSWER_BYTES_MAX || length < 4) return onError(notKafka(length))
      if (have < length + 4) return
      const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
      const rest = all.subarray(length + 4)
      chunks = rest.length > 0 ? [rest] : []
      have = rest.length
      onFrame(all.subarray(4, length + 4))
    }
  }
}

function notKafka(length: number): Unreachable {
  if (length >>> 16 === TLS_ALERT)
    return new Unreachable('tls-required', 'that port speaks TLS', { remedy: 'set `tls`, or take the port without it' })
  return unreadable(`an answer of ${length} bytes`)
}
