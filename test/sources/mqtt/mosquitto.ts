// A real mosquitto for tests: its own folder, its own port, killed by its pid.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export interface MosquittoOptions {
  /** Lines for its configuration beside listener and log; `DIR` stands for its folder. By default anybody may come. */
  readonly lines?: readonly string[]
  /** Files to put into its folder, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** Runs before its first start, for tools that make files in the folder. */
  readonly prepare?: (dir: string) => void
}

export interface Mosquitto {
  readonly port: number
  readonly dir: string
  pid(): number
  log(): string
  /** With SIGTERM it saves its sessions, where `persistence true` is set. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

const START_MS_MAX = 15_000

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const dir = mkdtempSync(join(tmpdir(), 'mosquitto-'))
  const port = await freePort()
  const lines = (options.lines ?? ['allow_anonymous true']).map((line) => line.replaceAll('DIR', dir))
  const file = join(dir, 'mosquitto.conf')
  writeFileSync(
    file,
    [`listener ${port} 127.0.0.1`, 'user root', 'log_type all', `log_dest file ${join(dir, 'log')}`, ...lines, ''].join('\n'),
  )
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(dir, name), text, { mode: 0o600 })
  options.prepare?.(dir)
  let child: ChildProcess | undefined

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null) return
    const gone = once(running, 'exit')
    running.kill(signal)
    running.kill('SIGCONT')
    await gone
  }
  const start = async () => {
    child = spawn('/usr/sbin/mosquitto', ['-c', file], { stdio: 'ignore' })
    await answers(port, child)
  }
  await start()
  return {
    port,
    dir,
    pid: () => child?.pid as number,
    log: () => readFileSync(join(dir, 'log'), 'utf8'),
    stop,
    start,
    async remove() {
      await stop('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  const until = Date.now() + START_MS_MAX
  for (;;) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    if (Date.now() > until) throw new Error('mosquitto does not answer')
    await wait(30)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
