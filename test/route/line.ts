// line.main.ts as a child process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Line {
  readonly port: number
  /** Resolves with the value's source time in ms. */
  write(speed: number): Promise<number>
  stop(): Promise<void>
}

const READY_MS_MAX = 60_000

export async function startLine(options: { port: number; dir: string; user?: string; password?: string }): Promise<Line> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'line.main.ts'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const answer = async () => ((await once(lines, 'line', { signal: AbortSignal.timeout(READY_MS_MAX) })) as [string])[0]
  if ((await answer()) !== 'ready') throw new Error('the line did not start')
  return {
    port: options.port,
    async write(speed) {
      child.stdin.write(`${speed}\n`)
      return Number(await answer())
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
