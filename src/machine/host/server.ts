// The root helper's socket: who may open it may ask for the verbs, and for nothing else. Whatever comes in, the helper goes on.
import { once } from 'node:events'
import { lstat, mkdir, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import { SOCKET_PATH_BYTES_MAX } from '../../core/bounds.ts'
import { BadInput } from '../../core/errors.ts'
import type { HostParts } from './verb.ts'
import { VERBS } from './verbs/index.ts'
import { packHostError, REQUEST_CHARS_MAX } from './wire.ts'

const CONNECTIONS_MAX = 16
/** For all of a request to come, and for its answer to be taken: not from piece to piece, or one that drips would hold its place for ever. */
const TRANSFER_MS_MAX = 10_000

const request = z.strictObject({ verb: z.string().max(32), input: z.record(z.string(), z.unknown()) })

/** Rejects with BadInput where another helper listens, or the path is too long. */
export async function serveHost(path: string, host: HostParts, said: (text: string) => void): Promise<Server> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
    throw new BadInput([{ where: '--data', text: `the socket's path ${path} is longer than ${SOCKET_PATH_BYTES_MAX} bytes` }])
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  await clear(path)
  const server = createServer((socket) => serve(socket, host, said))
  server.maxConnections = CONNECTIONS_MAX
  // Not by chmod afterwards: whoever owns the folder could put something else there in between.
  const before = process.umask(0o117)
  server.listen(path)
  await once(server, 'listening').finally(() => process.umask(before))
  return server
}

async function clear(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return
  if (!found.isSocket()) throw new BadInput([{ where: path, text: 'is there and is no socket', remedy: 'move it away' }])
  if (await answers(path)) throw new BadInput([{ where: path, text: 'another helper listens there', remedy: 'stop it first' }])
  await rm(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function serve(socket: Socket, host: HostParts, said: (text: string) => void): void {
  let text = ''
  let isAsked = false
  const limited = () => setTimeout(() => socket.destroy(), TRANSFER_MS_MAX)
  let limit = limited()
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearTimeout(limit))
  socket.on('data', (part: string) => {
    if (isAsked) return
    text += part
    if (text.length > REQUEST_CHARS_MAX) socket.destroy()
    else if (text.includes('\n')) {
      isAsked = true
      clearTimeout(limit)
      void answer(text.slice(0, text.indexOf('\n')), host, said).then((it) => {
        if (socket.destroyed) return
        limit = limited()
        socket.end(`${JSON.stringify(it)}\n`)
      })
    }
  })
}

async function answer(line: string, host: HostParts, said: (text: string) => void): Promise<object> {
  try {
    const { verb: name, input } = checked(request, parsed(line), 'request')
    if (name === 'verbs') return { result: VERBS.filter((it) => it.isOffered(host)).map((it) => it.name) }
    const verb = VERBS.find((it) => it.name === name)
    if (!verb) throw new BadInput([{ where: 'verb', text: 'there is no such verb' }])
    const clean = checked(verb.input, input, name)
    if (!verb.isOffered(host)) throw new BadInput([{ where: name, text: 'this system does not have what it takes' }])
    if (name !== 'networkShow') said(`${name} is asked for`)
    return { result: (await verb.run(clean, host)) ?? null }
  } catch (error) {
    return { error: packHostError(error) }
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new BadInput([{ where: 'request', text: 'is no JSON' }])
  }
}

function checked<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  throw new BadInput(found.error.issues.map((it) => ({ where: [where, ...it.path].join('.'), text: it.message })))
}
