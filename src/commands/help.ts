import type { Command } from './command.ts'
import { wrap } from './text.ts'

const WIDTH = 80
/** A longer one has a line of its own. */
const HEAD_WIDTH_MAX = 17

export const COMMON_OPTIONS = {
  data: { value: 'DIR', summary: 'the data directory, /data where it is missing' },
  box: { value: 'URL', summary: 'another box, by its page: https://HOST; its token in HOLDFAST_TOKEN' },
  fingerprint: { value: 'SHA256', summary: 'of the certificate that it shows' },
  ca: { value: 'FILE', summary: 'instead: the authority that vouches for it, PEM' },
  json: { summary: 'one JSON document on standard output' },
  help: { summary: 'how a command is used' },
} as const

export function usageOf({ name, arguments: args, options, raw }: Command): string {
  const own = Object.entries(options).map(([key, it]) => `[--${key}${it.value === undefined ? '' : ` ${it.value}`}]`)
  return ['holdfast', name, ...args, ...own, ...(raw ? ['…'] : [])].join(' ')
}

/** All commands, and those that are only planned. */
export function helpLines(commands: readonly Command[], notBuilt: readonly string[]): string[] {
  const width = Math.max(...commands.map((it) => head(it).length).filter((it) => it <= HEAD_WIDTH_MAX))
  return [
    'usage: holdfast COMMAND … [--data DIR] [--json]',
    '',
    ...commands.flatMap((it) => headed(head(it), width, it.summary)),
    '',
    ...optionLines(COMMON_OPTIONS),
    '',
    'not built yet:',
    ...wrap(notBuilt.map((it) => it.replaceAll(' ', '\u00a0')).join(', '), WIDTH, '  ').map((it) => it.replaceAll('\u00a0', ' ')),
    '',
    'exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 no agent',
  ]
}

function head({ name, arguments: args }: Command): string {
  return [name, ...args].join(' ')
}

function headed(text: string, width: number, summary: string): string[] {
  const lines = wrap(summary, WIDTH, ' '.repeat(width + 4))
  if (text.length > width) return [`  ${text}`, ...lines]
  return lines.map((it, at) => (at === 0 ? `  ${text.padEnd(width)}  ${it.trimStart()}` : it))
}

/** One command. */
export function helpLinesOf(command: Command): string[] {
  const usage = wrap(usageOf(command).replace(/\[--(\S+) /g, '[--$1\u00a0'), WIDTH - 4, '').map((it) =>
    it.replaceAll('\u00a0', ' '),
  )
  const options = command.raw ? [] : optionLines({ ...command.options, ...COMMON_OPTIONS })
  return [`${command.name}: ${command.summary}`, '', ...usage.map((it, at) => `${at === 0 ? '' : '    '}${it}`), '', ...options]
}

function optionLines(options: Command['options']): string[] {
  const names = Object.entries(options).map(([key, it]) => ({
    text: `--${key}${it.value === undefined ? '' : ` ${it.value}`}`,
    ...it,
  }))
  const width = Math.max(...names.map((it) => it.text.length))
  return names.flatMap(({ text, summary }) => {
    const [first = '', ...rest] = wrap(summary, WIDTH, ' '.repeat(width + 4))
    return [`  ${text.padEnd(width)}  ${first.trimStart()}`, ...rest]
  })
}
