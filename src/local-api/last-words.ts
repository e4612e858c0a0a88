// Why the agent could not run, left beside its sockets for whoever asks there and finds nobody: until the next one is up.
//
//   DIR/run/last-words.json   {"at": ms since 1970, "text": …, "remedy": …}
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BadInput, Unreachable } from '../core/errors.ts'

export interface LastWords {
  /** Milliseconds since 1970, by the system's clock. */
  readonly at: number
  readonly text: string
  readonly remedy?: string | undefined
}

const CHARS_MAX = 1_000

const fileOf = (dir: string) => join(dir, 'run', 'last-words.json')

/** At once, since the process may end right after. A disk that takes nothing does not matter here: the agent's log says it too. */
export function leaveLastWords(dir: string, error: unknown, now = Date.now()): void {
  const { message: text } = error instanceof Error ? error : new Error(String(error))
  const words: LastWords = { at: now, text: text.slice(0, CHARS_MAX), remedy: remedyOf(error) }
  const file = fileOf(dir)
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
    writeFileSync(`${file}.new`, JSON.stringify(words), { mode: 0o640 })
    renameSync(`${file}.new`, file)
  } catch {
    // Said above.
  }
}

export function forgetLastWords(dir: string): void {
  rmSync(fileOf(dir), { force: true })
}

/** Undefined: none were left, or they cannot be read. */
export function lastWords(dir: string): LastWords | undefined {
  try {
    const { at, text, remedy } = JSON.parse(readFileSync(fileOf(dir), 'utf8')) as Partial<Record<keyof LastWords, unknown>>
    if (typeof at !== 'number' || typeof text !== 'string') return undefined
    return { at, text, remedy: typeof remedy === 'string' ? remedy : undefined }
  } catch {
    return undefined
  }
}

function remedyOf(error: unknown): string | undefined {
  if (error instanceof BadInput) return error.problems.find((it) => it.remedy !== undefined)?.remedy
  return error instanceof Unreachable ? error.remedy : undefined
}
