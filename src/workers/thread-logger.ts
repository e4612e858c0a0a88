import type { Logger } from '../core/source.ts'
import type { Caller } from './port.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** A logger whose lines are written by the main thread. `fields` go with each line. */
export function threadLogger(main: Caller, fields: object): Logger {
  const line = (level: Level) => (more: object, text: string) => main.tell('log', [level, { ...fields, ...plain(more) }, text])
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

/** Errors and what else cannot cross as it is become text. */
function plain(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (value instanceof Error) return [key, `${value.name}: ${value.message}`]
      return [key, typeof value === 'function' || typeof value === 'symbol' ? String(value) : value]
    }),
  )
}
