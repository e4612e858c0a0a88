// Programs of the system, each by its name and a list of arguments; never a shell, never a name from outside.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Unreachable } from '../../core/errors.ts'

const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
const RUN_MS_MAX = 60_000

export interface Programs {
  has(name: string): boolean
  /** Resolves with what it printed. Rejects with Unreachable that says what it said. */
  run(name: string, args: readonly string[]): Promise<string>
  /** systemd is what started this system. */
  readonly hasSystemd: boolean
}

export function programs(): Programs {
  const pathOf = (name: string) => FOLDERS.map((it) => join(it, name)).find((it) => existsSync(it))
  return {
    has: (name) => pathOf(name) !== undefined,
    hasSystemd: existsSync('/run/systemd/system'),
    async run(name, args) {
      const path = pathOf(name)
      if (path === undefined) throw new Unreachable('no-program', `this system has no ${name}`)
      try {
        // Nothing of our own environment: it may hold secrets, and what a program does must not hang on it.
        const env = { PATH: FOLDERS.join(':'), LC_ALL: 'C' }
        const { stdout } = await promisify(execFile)(path, [...args], { env, timeout: RUN_MS_MAX, maxBuffer: 4_000_000 })
        return stdout
      } catch (cause) {
        const { stderr, message } = cause as { stderr?: string; message: string }
        throw new Unreachable('program-failed', `${name} ${args[0] ?? ''}: ${(stderr?.trim() || message).slice(0, 400)}`, {
          cause,
        })
      }
    },
  }
}
