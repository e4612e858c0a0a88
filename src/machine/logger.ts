import type { Logger as Pino } from 'pino'
import type { Logger } from '../core/source.ts'
import { lineLogger, writeAll } from './line-logger.ts'

/** A process's own log: JSON lines for journals and files, readable lines where somebody looks at a terminal. */
export async function openLogger(name: string, level: string): Promise<Logger> {
  // To load pino takes as long as Node itself takes to start.
  return process.stdout.isTTY ? openPino(name, level) : lineLogger(name, level, (line) => writeAll(process.stdout.fd, line))
}

/** The same lines, for who needs more of it than that: the web server's. */
export async function openPino(name: string, level: string): Promise<Pino & Logger> {
  const { pino, stdTimeFunctions } = await import('pino')
  const options = {
    level,
    base: { name },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: stdTimeFunctions.isoTime,
  }
  if (!process.stdout.isTTY) return pino(options)
  const { default: pretty } = await import('pino-pretty')
  return pino(options, pretty({ ignore: 'name', translateTime: 'SYS:HH:MM:ss.l', singleLine: true }))
}
