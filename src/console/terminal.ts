// A terminal of which nothing is known: 80 columns, 24 lines, 7 bits. Lines go out, keys come in; no cursor is moved but for a backspace.
import type { Writable } from 'node:stream'
import { once } from 'node:events'
import type { Output } from '../commands/command.ts'
import { ascii, folded } from './ascii.ts'
import type { Keys } from './keys.ts'
import { CTRL_C, CTRL_D, Left } from './keys.ts'

/** One less than the screen has: some terminals begin a new line behind the last column. */
export const WIDTH = 79
const ROWS = 24
const LINE_CHARS_MAX = 4_096
const MORE = '-- more: Enter; q: back --'

export interface Terminal {
  /** Waits for Enter when the screen is full. Rejects with Left. */
  print(lines: readonly string[]): Promise<void>
  /** Without waiting for Enter: what comes by itself. */
  flow(lines: readonly string[]): Promise<void>
  /** A line, echoed. Rejects with Left. */
  ask(prompt: string): Promise<string>
  /** As `ask`, not echoed. */
  askSecret(prompt: string): Promise<string>
  key(prompt: string): Promise<string>
  /** Runs until it is done or Ctrl-C or Ctrl-D are typed, or any key where `anyKey` says so. */
  during<T>(work: (signal: AbortSignal) => Promise<T>, anyKey?: 'any-key'): Promise<T>
  /** What commands write to. */
  readonly out: Output
  /** Log-in prompts wait for ever. */
  setIdle(ms: number): void
}

export function createTerminal(keys: Keys, screen: Writable): Terminal {
  let rows = 0
  let idleMs = Number.POSITIVE_INFINITY
  let column = ''

  const raw = async (text: string): Promise<void> => {
    if (!screen.write(text)) await once(screen, 'drain')
  }
  const key = async (prompt: string): Promise<string> => {
    await raw(`${ascii(prompt)}`)
    const typed = await keys.next(idleMs)
    await raw('\n')
    rows = 0
    leave(typed)
    return typed
  }
  const line = async (text: string, isFlow: boolean): Promise<void> => {
    if (!isFlow && rows >= ROWS - 1 && /^q$/i.test(await key(MORE))) throw new Left('back')
    await raw(`${text}\n`)
    rows++
  }
  const lines = async (texts: readonly string[], isFlow: boolean): Promise<void> => {
    for (const text of texts) for (const piece of folded(ascii(text), WIDTH)) await line(piece, isFlow)
  }
  const read = async (prompt: string, isEchoed: boolean): Promise<string> => {
    await raw(ascii(prompt))
    let typed = ''
    for (;;) {
      const next = await keys.next(idleMs)
      if (next === '\r' || next === '\n') break
      if (next === CTRL_C || (next === CTRL_D && typed === '')) {
        await raw('\n')
        leave(next)
      }
      const before = typed.length
      typed = edited(typed, next)
      if (!isEchoed) continue
      if (typed.length < before) await raw('\b \b'.repeat(before - typed.length))
      else if (typed.length > before) await raw(next)
    }
    await raw('\n')
    rows = 0
    return typed
  }
  return {
    print: (texts) => lines(texts, false),
    flow: (texts) => lines(texts, true),
    ask: async (prompt) => (await read(prompt, true)).trim(),
    askSecret: (prompt) => read(prompt, false),
    key,
    async during(work, anyKey) {
      const control = new AbortController()
      let left: Left['how'] | undefined
      const unwatch = keys.watch((it) => {
        if (it !== CTRL_C && it !== CTRL_D && !anyKey) return false
        left = it === CTRL_D ? 'out' : 'back'
        control.abort()
        return true
      })
      const timer =
        anyKey && Number.isFinite(idleMs)
          ? setTimeout(() => {
              left = 'out'
              control.abort()
            }, idleMs)
          : undefined
      try {
        const done = await work(control.signal)
        if (left === undefined || (anyKey && left === 'back')) return done
      } catch (error) {
        if (left === undefined) throw error
      } finally {
        clearTimeout(timer)
        unwatch()
      }
      throw new Left(left as Left['how'])
    },
    out: {
      isTerminal: false,
      width: WIDTH,
      async write(text) {
        const parts = (column + text).split('\n')
        column = parts.pop() ?? ''
        await lines(parts, false)
      },
    },
    setIdle(ms) {
      idleMs = ms
    },
  }
}

function leave(key: string): void {
  if (key === CTRL_C) throw new Left('back')
  if (key === CTRL_D) throw new Left('out')
}

/** A line after one more key; Ctrl-U empties it. */
function edited(text: string, key: string): string {
  if (key === '\x7f' || key === '\b') return text.slice(0, -1)
  if (key === '\x15') return ''
  return /^[ -~]$/.test(key) && text.length < LINE_CHARS_MAX ? text + key : text
}
