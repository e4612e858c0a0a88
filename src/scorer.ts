// The process that runs models. It has a user of its own, no network, reads signed files and nothing else.
//
//   rules' thread ─► workers/scoring ─scorer.sock─► here ─► workers/model: a process for each model of each connection
//                                                    └─ DIR/addons/onnx.addon, DIR/models/*.model: proven at each start
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ScorerRequest } from './commands/command.ts'
import { listenOn } from './machine/verb-server.ts'
import { openLogger } from './machine/logger.ts'
import { ADDON_FILE, readKeyring, unpackAddon } from './models/addon.ts'
import { readModel, stampOf } from './models/files.ts'
import { Refused } from './models/refused.ts'
import type { Served } from './models/served.ts'
import { serveModel } from './models/served.ts'
import type { Answer, Hello } from './models/wire.ts'
import { scorerSocket } from './models/socket.ts'
import { ask, hello, lines } from './models/wire.ts'
import { modelProcess } from './workers/model-host.ts'

/** The rules, a test of one, somebody who looks. */
const CONNECTIONS_MAX = 4

type Said = (text: string) => void

export interface ScorerOptions extends ScorerRequest {
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Runs until the signal aborts. */
export async function runScorer({ dir, keyring, unpackTo, env }: ScorerOptions, signal: AbortSignal): Promise<number> {
  const logger = await openLogger('scorer', env['LOG_LEVEL'] ?? 'info')
  const said: Said = (text) => logger.info({}, text)
  const addon = addonOf(dir, readKeyring(keyring), unpackTo ?? join(dir, 'scorer'), said)
  mkdirSync(join(dir, 'run'), { recursive: true, mode: 0o750 })
  const server = await listenOn(scorerSocket(dir), CONNECTIONS_MAX, (socket) => void serve(socket, dir, addon, said))
  said('models can be asked')
  // Who connects meanwhile waits: without a socket it would give up.
  try {
    addon()
  } catch (error) {
    const code = error instanceof Refused ? ` (${error.code})` : ''
    said(`there is no add-on to run models with${code}: ${(error as Error).message}`)
  }
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  server.close()
  return 0
}

/** Where it is unpacked, anew where another file is there. Throws, each time it is asked, where it cannot be used. */
function addonOf(dir: string, keys: readonly string[], into: string, said: Said): () => string {
  let unpacked: string | undefined
  return () => {
    const now = stampOf(join(dir, ADDON_FILE))
    if (now !== undefined && now === unpacked) return into
    unpacked = undefined
    said(`the add-on onnx ${unpackAddon(dir, keys, into)} is there`)
    unpacked = now
    return into
  }
}

function serve(socket: Socket, dir: string, addon: () => string, said: Said): void {
  const models = new Map<string, Served>()
  const tell = (message: object) => void (socket.destroyed || socket.write(`${JSON.stringify(message)}\n`))
  const gone = () => {
    socket.destroy()
    for (const it of models.values()) it.end()
    models.clear()
  }

  async function begin({ keys, models: names, memoryBytesMax }: Hello): Promise<void> {
    for (const name of new Set(names)) {
      const parts = { name, memoryBytesMax, read: () => readModel(dir, name, keys), start: () => modelProcess(addon()), said }
      models.set(name, serveModel(parts))
    }
    await Promise.all([...models.values()].map((it) => it.begun))
    tell({ ready: [...models.values()].map((it) => it.state()) })
  }

  async function take(line: string): Promise<void> {
    const message: unknown = JSON.parse(line)
    if (models.size === 0) return begin(hello.parse(message))
    const request = ask.parse(message)
    const scored = (await models.get(request.model)?.ask(request)) ?? { code: 'model-absent', text: 'nobody asked for it' }
    tell({ id: request.id, ...scored } satisfies Answer)
  }

  const wrong = (error: Error) => {
    said(`somebody who asked for scores is sent away: ${error.message}`)
    gone()
  }
  const feed = lines((line) => void take(line).catch(wrong))
  socket.setEncoding('utf8')
  socket.on('data', (piece: string) => void (feed(piece) || wrong(new Error('a line is too long'))))
  socket.on('error', gone)
  socket.on('close', gone)
}
