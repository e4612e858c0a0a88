// JSON lines as pino writes them: level, time, name, what goes with the line, msg. A line is out when its call returns, whatever ends the process next.
import { writeSync } from 'node:fs'
import type { Logger } from '../core/source.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const WRITE_AGAIN_MS = 20
const CAUSES_MAX = 8

/** Throws where there is no such level. */
export function lineLogger(name: string, level: string, write: (line: string) => void): Logger {
  const least = LEVELS.indexOf(level)
  if (least < 0) throw new Error(`there is no level ${level} of the log: ${LEVELS.join(', ')}`)
  const say = (of: string) => {
    if (LEVELS.indexOf(of) < least) return () => undefined
    return (fields: object, text: string) =>
      write(`${json({ level: of, time: new Date().toISOString(), name, ...fields, msg: text })}\n`)
  }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

/** What cannot be said in JSON costs its field, never the line. */
function json(line: object): string {
  try {
    return JSON.stringify(line, plain)
  } catch {
    return JSON.stringify(
      Object.fromEntries(Object.entries(line).map(([key, it]) => [key, isPlain(it) ? it : '[not JSON]'])),
      plain,
    )
  }
}

function isPlain(value: unknown): boolean {
  try {
    JSON.stringify(value, plain)
    return true
  } catch {
    return false
  }
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Error ? { type: value.name, ...value, ...withCauses(value), cause: undefined } : value
}

function withCauses(error: Error): { message: string; stack: string } {
  const all: Error[] = []
  for (let it: unknown = error; it instanceof Error && all.length < CAUSES_MAX; it = it.cause) all.push(it)
  return {
    message: all.map((it) => it.message).join(': '),
    stack: all.map((it) => it.stack ?? it.message).join('\ncaused by: '),
  }
}

/** A pipe that is full is waited for: what is said before an end is why it ended. Nobody reads any more: then nothing is said. */
export function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(file, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITE_AGAIN_MS)
    }
  }
}
