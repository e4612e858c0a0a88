// Programs that a run starts: each with its own log file and a file that holds its process id, ended by that id and nothing else.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What an orderly end may take before it is no longer asked for. */
const END_MS_MAX = 15_000

export interface Child {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** Resolves with what it ended with: an exit code or a signal. */
  readonly ended: Promise<number | string>
  isRunning(): boolean
  /** SIGTERM, and SIGKILL when that is not obeyed. */
  end(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

/** Starts a program in the background, its output appended to `DIR/NAME.log`. */
export function startChild(
  dir: string,
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Child {
  const logFile = join(dir, `${name}.log`)
  const log = openSync(logFile, 'a')
  // A session of its own: Ctrl-C reaches us alone, and we end the programs in their order.
  const process_ = spawn(command, args, { stdio: ['ignore', log, log], detached: true, env: { ...process.env, ...env } })
  closeSync(log)
  const pidFile = join(dir, `${name}.pid`)
  let running = process_.pid !== undefined
  if (running) writeFileSync(pidFile, `${process_.pid}\n`)
  const ended = new Promise<number | string>((resolve) => {
    const over = (how: number | string) => {
      running = false
      rmSync(pidFile, { force: true })
      resolve(how)
    }
    process_.once('exit', (code, signal) => over(signal ?? code ?? 0))
    process_.once('error', (error) => over(error.message))
  })
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (running) process_.kill(name)
    await Promise.race([ended, sleep(END_MS_MAX, undefined, { ref: false })])
  }
  return {
    name,
    pid: process_.pid ?? 0,
    logFile,
    ended,
    isRunning: () => running,
    kill: () => signal('SIGKILL'),
    end: async () => {
      await signal('SIGTERM')
      if (running) await signal('SIGKILL')
    },
  }
}

/** Ends what a run that was itself killed left behind: only a process that still is the program that was started. */
export async function endLeftOver(dir: string, name: string, command: string): Promise<void> {
  const pidFile = join(dir, `${name}.pid`)
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8'))
  rmSync(pidFile, { force: true })
  const isOurs = () => commandOf(pid).includes(command)
  if (!isOurs()) return
  process.kill(pid, 'SIGTERM')
  for (let waited = 0; isOurs() && waited < END_MS_MAX; waited += 50) await sleep(50)
  if (isOurs()) process.kill(pid, 'SIGKILL')
}

/** A process's command line; empty when there is no such process. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** The last lines of a log file, for a message. */
export function lastLines(file: string, count: number): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count)
  } catch {
    return []
  }
}
