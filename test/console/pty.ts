// The real console on a real pty, as a terminal sees it: every byte it ever wrote is kept.
import { spawn } from '@lydell/node-pty'
import { until } from '../route/until.ts'
import { cli } from '../run/holdfast.ts'

const COLUMNS = 80
export const ROWS = 24

export interface Line {
  /** Waits until this stands in what came since the last call, and hands that out. */
  see(text: string | RegExp, msMax?: number): Promise<string>
  type(text: string): void
  /** `type` with Enter. */
  enter(text: string): void
  /** The most lines that came between two things that were typed. */
  linesAtOnce(): number
  /** Everything that was ever written. */
  written(): string
  /** What a screen of 24 lines shows now. */
  screen(): string[]
  isRunning(): boolean
  /** The line goes dead. */
  hangUp(): void
  readonly pid: number
}

/** `inside`: words before the program's own, as `ip netns exec NAME`. */
export function openLine(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  inside: readonly string[] = [],
): Line {
  const words = [...inside, process.execPath, cli, 'console', ...args]
  const { TERM: _, ...ours } = process.env
  const pty = spawn(words[0] as string, words.slice(1), {
    name: 'unknown',
    cols: COLUMNS,
    rows: ROWS,
    env: { ...ours, ...env } as Record<string, string>,
    encoding: null,
  })
  let all = ''
  let read = 0
  let running = true
  const typedAt: number[] = []
  const write = (text: string): void => {
    typedAt.push(all.length)
    pty.write(text)
  }
  pty.onData((part) => (all += Buffer.from(part as unknown as Uint8Array).toString('latin1')))
  pty.onExit(() => (running = false))
  const found = (text: string | RegExp): number => {
    const rest = all.slice(read)
    if (typeof text === 'string') return rest.includes(text) ? rest.indexOf(text) + text.length : -1
    const match = text.exec(rest)
    return match ? match.index + match[0].length : -1
  }
  return {
    pid: pty.pid,
    async see(text, msMax = 60_000) {
      try {
        await until(`the console shows ${String(text)}`, async () => found(text) >= 0 || undefined, msMax, 20)
      } catch (error) {
        throw new Error(`${(error as Error).message}; it shows:\n${all.slice(-2_000)}`, { cause: error })
      }
      const end = read + found(text)
      const seen = all.slice(read, end)
      read = end
      return seen
    },
    type: write,
    enter: (text) => write(`${text}\r`),
    linesAtOnce() {
      const ends = [...typedAt, all.length]
      return Math.max(...ends.map((end, at) => all.slice(ends[at - 1] ?? 0, end).split('\n').length - 1))
    },
    written: () => all,
    screen: () => all.replaceAll('\r', '').split('\n').slice(-ROWS),
    isRunning: () => running,
    hangUp: () => pty.kill('SIGHUP'),
  }
}

/** What breaks the rules of a line of 7 bits with 80 columns: empty when nothing does. */
export function badBytes(written: string): string[] {
  const bytes = [...written].filter((it) => !/[ -~\r\n\b]/.test(it)).map((it) => `byte ${it.charCodeAt(0)}`)
  const long = shown(written).filter((it) => it.length > COLUMNS)
  return [...new Set(bytes), ...long]
}

/** Lines as they stand there in the end: a backspace goes back, and what was taken back is gone. */
function shown(written: string): string[] {
  const lines = written.replaceAll('\r', '').split('\n')
  return lines.map((line) => {
    let text = ''
    for (const sign of line) text = sign === '\b' ? text.slice(0, -1) : text + sign
    return text
  })
}
