// A life of log.main.ts in a process of its own, with the shim between it and its files where that is wanted.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Life } from './life.ts'
import { EXIT_FAILED, EXIT_UNOPENED } from './life.ts'
import { shimLibrary } from './shim.ts'

const main = fileURLToPath(new URL('./log.main.ts', import.meta.url))
const STDERR_CHARACTERS_MAX = 8000

export interface Shim {
  readonly trace?: string
  readonly control?: string
}

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote to standard error. */
  readonly stderr: string
}

export interface Living {
  readonly ended: Promise<End>
  kill(): void
}

/** `heard` gets what it says, piece by piece; all of it before `ended` resolves. With `stdout` an open file gets it instead. */
export function live(life: Life, heard: (text: string) => void, shim?: Shim, stdout?: number): Living {
  const env = shim
    ? {
        ...process.env,
        LD_PRELOAD: shimLibrary(),
        UV_USE_IO_URING: '0',
        HOLDFAST_SHIM_DIR: life.dir,
        ...(shim.trace !== undefined && { HOLDFAST_SHIM_TRACE: shim.trace }),
        ...(shim.control !== undefined && { HOLDFAST_SHIM_CONTROL: shim.control }),
      }
    : process.env
  const child = spawn(process.execPath, [main, JSON.stringify(life)], { stdio: ['ignore', stdout ?? 'pipe', 'pipe'], env })
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', heard)
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_CHARACTERS_MAX)))
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }) as End)
  return { ended, kill: () => void child.kill('SIGKILL') }
}

/** The same, to its end; a life that does not end is killed and an error. */
export async function liveOut(life: Life, heard: (text: string) => void, shim: Shim | undefined, msMax: number): Promise<End> {
  const living = live(life, heard, shim)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    living.kill()
  }, msMax)
  const end = await living.ended
  clearTimeout(timer)
  if (isLate) throw new Error(`the process neither did its work nor ended within ${msMax} ms`)
  return end
}

/**
 * The log failed and said so, or could not be opened and said so; nothing else is an end. Node 24 itself may abort in `process.exit` when it
 * ends a thread that is just beginning to decompress: that is an end as good as the other, nothing was written after it.
 */
export const isOwnEnd = ({ code, signal, stderr }: End): boolean =>
  code === EXIT_FAILED || code === EXIT_UNOPENED || (signal === 'SIGABRT' && stderr.includes('close before init'))
