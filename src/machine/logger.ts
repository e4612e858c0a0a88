import pino from 'pino'
import type { Logger } from '../core/source.ts'

/** The agent's own log: JSON lines for journals and files, readable lines where somebody looks at a terminal. */
export async function openLogger(name: string, level: string): Promise<pino.Logger & Logger> {
  const options = {
    level,
    base: { name },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  if (!process.stdout.isTTY) return pino(options)
  const { default: pretty } = await import('pino-pretty')
  return pino(options, pretty({ ignore: 'name', translateTime: 'SYS:HH:MM:ss.l', singleLine: true }))
}
