// A socket that offers fixed verbs, one line of JSON each way: who may open it may ask for them, and for nothing else. Whatever comes in, its owner goes on.
//
//   {"verb": "networkShow", "input": {}}   →   {"result": …}   or   {"error": {"problems": …}}, {"error": {"code", "text", "remedy"}}
import { once } from 'node:events'
import { lstat, mkdir, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import { SOCKET_PATH_BYTES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { Verb } from './verb.ts'
import { packError, REQUEST_CHARS_MAX } from './verb-wire.ts'

const CONNECTIONS_MAX = 16
/** For all of a request to come, and for its answer to be taken: not from piece to piece, or one that drips would hold its place for ever. */
const TRANSFER_MS_MAX = 10_000

const request = z.strictObject({ verb: z.string().max(32), input: z.record(z.string(), z.unknown()) })

export interface VerbService<Parts> {
  readonly verbs: readonly Verb<Parts>[]
  readonly parts: Parts
  /** Asked for all the time: not worth a line. */
  readonly quiet: ReadonlySet<string>
  said(text: string): void
}

/** Rejects with BadInput where another one listens, or the path is too long. */
export function serveVerbs<Parts>(path: string, service: VerbService<Parts>): Promise<Server> {
  return listenOn(path, CONNECTIONS_MAX, (socket) => serve(socket, (line) => answer(line, service)))
}

/** A socket for its owner and its group. Rejects with BadInput where another one listens, or the path is too long. */
export async function listenOn(path: string, connectionsMax: number, take: (socket: Socket) => void): Promise<Server> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
    throw new BadInput([{ where: '--data', text: `the socket's path ${path} is longer than ${SOCKET_PATH_BYTES_MAX} bytes` }])
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  await clear(path)
  const server = createServer(take)
  server.maxConnections = connectionsMax
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
  if (await answers(path)) throw new BadInput([{ where: path, text: 'another process listens there', remedy: 'stop it first' }])
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

function serve(socket: Socket, answerTo: (line: string) => Promise<object>): void {
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
    // Only what came: to look through all of it each time takes longer than a large piece has on a slow box.
    else if (part.includes('\n')) {
      isAsked = true
      clearTimeout(limit)
      void answerTo(text.slice(0, text.indexOf('\n'))).then((it) => {
        if (socket.destroyed) return
        limit = limited()
        socket.end(`${JSON.stringify(it)}\n`)
      })
    }
  })
}

async function answer<Parts>(line: string, { verbs, parts, quiet, said }: VerbService<Parts>): Promise<object> {
  try {
    const { verb: name, input } = checked(request, parsed(line), 'request')
    if (name === 'verbs') return { result: verbs.filter((it) => it.isOffered(parts)).map((it) => it.name) }
    const verb = verbs.find((it) => it.name === name)
    if (!verb) throw new BadInput([{ where: 'verb', text: 'there is no such verb' }])
    const clean = checked(verb.input, input, name)
    if (!verb.isOffered(parts)) throw new BadInput([{ where: name, text: 'this system does not have what it takes' }])
    if (!quiet.has(name)) said(`${name} is asked for`)
    return { result: (await verb.run(clean, parts)) ?? null }
  } catch (error) {
    return { error: packError(error) }
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
