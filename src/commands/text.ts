// Text for a terminal: tables, wrapped lines, ages, colours where they are wanted.
import { formatDuration } from '../core/units.ts'
import type { CommandContext, Output } from './command.ts'

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** Longer cells are cut with an ellipsis. */
  readonly widthMax?: number
}

const GAP = '  '

/** Lines of a table, headings first. Columns are as wide as their widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cut = rows.map((row) => columns.map((column, at) => shorten(printable(row[at] ?? ''), column.widthMax ?? 40)))
  const lines = [columns.map((it) => it.title), ...cut]
  const widths = columns.map((_, at) => Math.max(...lines.map((it) => widthOf(it[at] ?? ''))))
  return lines.map((line) =>
    columns
      .map((column, at) => pad(line[at] ?? '', widths[at] ?? 0, column.align))
      .join(GAP)
      .trimEnd(),
  )
}

function pad(text: string, width: number, align?: 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'right' ? space + text : text + space
}

function widthOf(text: string): number {
  return [...text].length
}

function shorten(text: string, width: number): string {
  return widthOf(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`
}

/** Words of a text in lines of at most `width` characters, each begun with `indent`. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ').filter(Boolean)) {
    if (line !== '' && widthOf(`${indent}${line} ${word}`) > width) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, indent + line]
}

/** What to do about it: begun with an arrow, wrapped beneath the words. */
export function remedyLines(text: string | undefined, width: number, indent = '    '): string[] {
  if (text === undefined) return []
  return wrap(text, width, `${indent}  `).map((it, at) => (at === 0 ? `${indent}→ ${it.slice(indent.length + 2)}` : it))
}

/** Without control characters: texts of devices and servers must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
}

/** `3 s ago`; `never` for null. Both in microseconds since 1970 UTC. */
export function ago(time: number | null, now: number): string {
  if (time === null) return 'never'
  const ms = (now - time) / 1000
  if (ms < 0) return `in ${formatDuration(-ms)}`
  return ms < 1000 ? 'just now' : `${formatDuration(ms < 10_000 ? Math.round(ms / 1000) * 1000 : ms)} ago`
}

/** A count that fits a column: exact below ten million, then `12.34 M`. */
export function shortCount(count: number): string {
  if (Math.abs(count) < 1e7) return count.toLocaleString('en-US', { maximumFractionDigits: 0 })
  const [unit, size] = Math.abs(count) < 1e9 ? ['M', 1e6] : ['G', 1e9]
  return `${(count / Number(size)).toFixed(2)} ${unit}`
}

/** A rate that fits a column: `0`, `0.4`, `12`, `51,300`. */
export function rate(perSecond: number): string {
  return perSecond.toLocaleString('en-US', { maximumFractionDigits: perSecond < 10 ? 1 : 0 })
}

export type Paint = (style: keyof typeof STYLES, text: string) => string
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

/** Colours for a terminal that wants them; nothing else. */
export function painter(out: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  const wanted = out.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  return (style, text) => (wanted ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text)
}

export async function lines(out: Output, texts: readonly string[]): Promise<void> {
  await out.write(`${texts.join('\n')}\n`)
}

/** The one JSON document of a command. */
export async function document(context: Pick<CommandContext, 'out'>, value: unknown): Promise<void> {
  await context.out.write(`${JSON.stringify(value, null, 2)}\n`)
}
