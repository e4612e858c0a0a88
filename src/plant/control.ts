// The switches: HTTP on a Unix socket that only its owner can open.
//   GET /                                       devices, their faults, what they served
//   POST /fault {"device":"press-3","kind":"slow","delayMs":3000}     see faults.ts; kind none ends it
import { chmod, rm } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import { SOCKET_PATH_BYTES_MAX } from '../core/bounds.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Fault } from './faults.ts'
import { faultOf } from './faults.ts'

const BODY_BYTES_MAX = 10_000

/** What the switches act on. */
export interface Controlled {
  describe(): unknown
  /** Fails with BadInput when there is no such device. */
  setFault(device: string, fault: Fault): void
}

/** Listens on a socket at `path`; one that a killed plant left is replaced. */
export async function startControl(path: string, plant: Controlled): Promise<{ stop(): Promise<void> }> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const text = `a socket's path has at most ${SOCKET_PATH_BYTES_MAX} bytes, this one has ${Buffer.byteLength(path)}`
    throw new BadInput([{ where: path, text, remedy: 'choose a shorter --dir' }])
  }
  await rm(path, { force: true })
  const server = createServer((message, response) => {
    handle(message, plant).then(
      (answer) => send(response, 200, answer),
      (error: unknown) => send(response, error instanceof BadInput ? 400 : 500, { error: (error as Error).message }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  await chmod(path, 0o600)
  return { stop: () => close(server) }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

async function handle(message: IncomingMessage, plant: Controlled): Promise<unknown> {
  if (message.method === 'GET') return plant.describe()
  if (message.method !== 'POST' || message.url !== '/fault') {
    throw new BadInput([{ where: `${message.method} ${message.url}`, text: 'there are GET / and POST /fault' }])
  }
  const body = jsonOf(await bodyOf(message)) as { device?: unknown } | null
  plant.setFault(String(body?.device ?? ''), faultOf(body))
  return plant.describe()
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadInput([{ where: 'body', text: 'is not JSON' }])
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of message) {
    body += part
    if (body.length > BODY_BYTES_MAX) throw new BadInput([{ where: 'body', text: `at most ${BODY_BYTES_MAX} bytes` }])
  }
  return body
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`)
}

/** The other side: sets a fault of a plant that runs, and gives back its description. Unreachable when none runs there. */
export async function setPlantFault(path: string, device: string, fault: Fault): Promise<unknown> {
  const { status, text } = await post(path, JSON.stringify({ device, ...fault })).catch((cause: unknown) => {
    throw new Unreachable('no-plant', `no plant answers at ${path}`, {
      cause,
      remedy: 'start it with holdfast plant, or give its --dir',
    })
  })
  const answer = JSON.parse(text) as { error?: string }
  if (status !== 200) throw new BadInput([{ where: device, text: answer.error ?? text }])
  return answer
}

function post(socketPath: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const out = request({ socketPath, path: '/fault', method: 'POST' }, (response) => {
      bodyOf(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
    })
    out.on('error', reject)
    out.end(body)
  })
}
