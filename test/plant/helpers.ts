import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Plant, PlantOptions } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'

const BROKER = 'mosquitto'

export async function temporaryDir(): Promise<{ dir: string } & AsyncDisposable> {
  const dir = mkdtempSync(join(tmpdir(), 'plant-'))
  return { dir, [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) }
}

export async function plantOf(options: Omit<PlantOptions, 'failed'>): Promise<Plant & AsyncDisposable> {
  const plant = await startPlant({ ...options, failed: () => {} })
  return { ...plant, [Symbol.asyncDispose]: () => plant.stop() }
}

/** Polls until `is` holds; fails after 30 s with what was waited for. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error(`in 30 s there was no ${what}`)
    await sleep(25)
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

export interface Broker extends AsyncDisposable {
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
}

/** Debian's mosquitto, which keeps for a client that is away all that it is sent. */
export async function mosquitto(dir: string): Promise<Broker> {
  const port = await freePort()
  const config = join(dir, 'mosquitto.conf')
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n`)
  let child: ReturnType<typeof spawn> | undefined
  const start = async () => {
    child = spawn(BROKER, ['-c', config], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    })
    await until('broker', () => accepts(port))
  }
  const kill = async () => {
    const it = child
    child = undefined
    if (!it || it.exitCode !== null) return
    it.kill('SIGKILL')
    await once(it, 'exit')
  }
  await start()
  return { url: `mqtt://127.0.0.1:${port}`, start, kill, [Symbol.asyncDispose]: kill }
}

export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
