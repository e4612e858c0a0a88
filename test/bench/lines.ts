// What every benchmark prints: lines for people or, with --json, a list for programs.
import { cpus, loadavg, release } from 'node:os'

export interface Line {
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly value: number
  /** What `ratio` is to; empty: to nothing. */
  readonly beside: string
  readonly ratio: number | null
}

export const whole = (n: number): string => Math.round(n).toLocaleString('en')

export function noter(name: string): (text: string) => void {
  return (text) => void process.stderr.write(`${name}: ${text}\n`)
}

/** Machine and versions, and how busy it is with other things. */
export function machine(): string {
  const load = loadavg().map((it) => it.toFixed(1))
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Linux ${release()}, Node ${process.version}, load average ${load.join(' ')}`
}

/** `against` is a number to hold `value` against, and what it is. */
export function line(id: string, what: string, unit: string, value: number, against?: readonly [number, string]): Line {
  return { id, what, unit, value, beside: against?.[1] ?? '', ratio: against ? value / against[0] : null }
}

export function print(lines: readonly Line[], asJson: boolean): void {
  if (asJson) process.stdout.write(`${JSON.stringify(lines, null, 1)}\n`)
  else for (const it of lines) process.stdout.write(`${text(it)}\n`)
}

function text({ id, what, unit, value, beside, ratio }: Line): string {
  const shown = Math.abs(value) < 100 ? value.toFixed(2) : whole(value)
  return `${id.padEnd(4)}${what.padEnd(64)} ${shown.padStart(14)} ${unit}${ratio === null ? '' : `   ${ratio.toFixed(2)} × ${beside}`}`
}

/** The value below which `share` of them are. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
