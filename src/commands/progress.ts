// How far long work is: on stderr, one line that is drawn anew on a terminal, a line every 5 s elsewhere.
import { formatDuration } from '../core/units.ts'
import type { Output } from './command.ts'

const REDRAW_MS = 200
const LINE_MS = 5_000

export interface Progress {
  /** `share` from 0 to 1, null where nobody knows. */
  at(share: number | null, text: string): void
  end(): void
}

export function progressOn(err: Output): Progress {
  const start = performance.now()
  let last = start
  let drawn = false
  return {
    at(share, text) {
      const now = performance.now()
      if (now - last < (err.isTerminal ? REDRAW_MS : LINE_MS)) return
      last = now
      drawn = err.isTerminal
      void err.write(err.isTerminal ? `\r\x1b[K${line(share, text, now - start)}` : `${line(share, text, now - start)}\n`)
    },
    end() {
      if (drawn) void err.write('\r\x1b[K')
    },
  }
}

function line(share: number | null, text: string, passedMs: number): string {
  if (share === null) return `${text}, ${formatDuration(passedMs)}`
  const left = share > 0 ? (passedMs * (1 - share)) / share : Number.NaN
  return `${Math.floor(Math.min(share, 1) * 100)} % ${text}, ${formatDuration(left)} left`
}
