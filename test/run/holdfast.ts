// The command line, as an operator would use it.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export const project = join(import.meta.dirname, '../..')
export const cli = join(project, 'src/cli.ts')

export interface Answer {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `holdfast ARGS…`, to its end. */
export function holdfast(args: readonly string[], signal: AbortSignal): Promise<Answer> {
  const child = spawn(process.execPath, [...process.execArgv, cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  const parts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (parts.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (parts.err += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, ...parts }))
  })
}
