// From the words of a command line to an exit status: find the command, check its arguments, run it, say what went wrong.
import { parseArgs } from 'node:util'
import type { AgentApi } from '../core/agent-api.ts'
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'
import { nearest } from '../settings/nearest.ts'
import type { BoxPlace } from './box.ts'
import type { Command, CommandContext, Option, Output, Parts } from './command.ts'
import { boxOf } from './box.ts'
import { DONE, FAILED, NO_AGENT, WRONG_USAGE } from './command.ts'
import { COMMON_OPTIONS, helpLines, helpLinesOf, usageOf } from './help.ts'
import { SERVICES } from './services.ts'
import { lines, painter, printable, remedyLines } from './text.ts'

const DATA_DIR = '/data'

export interface CliEvent {
  readonly what: string
  readonly detail: Readonly<Record<string, string>>
}

export interface Surroundings {
  readonly out: Output
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly parts: Parts
  readonly version: string
  /** Into the list of what was done on the box of a data directory; absent: whoever calls does it. */
  audit?(dir: string, event: CliEvent): Promise<void>
  /** That of a data directory, or of another box. */
  agent(dir: string, box?: BoxPlace): AgentApi
}

/** Resolves with the exit status. What is no error of the outside world (a bug) rejects. */
export async function dispatch(words: readonly string[], around: Surroundings): Promise<number> {
  try {
    return await run(words, around)
  } catch (error) {
    if (around.signal.aborted) return FAILED
    const status = exitStatusOf(error)
    if (status === undefined) throw error
    await lines(around.err, errorLines(error, painter(around.err, around.env)))
    return status
  }
}

async function run(words: readonly string[], around: Surroundings): Promise<number> {
  const [first] = words
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') return help(words, around)
  if (first === '--version') {
    await lines(around.out, [around.version])
    return DONE
  }
  const { command, rest } = await find(words)
  return command.raw ? command.run(contextOf(rest, {}, around)) : runParsed(command, rest, around)
}

async function help(words: readonly string[], around: Surroundings): Promise<number> {
  const about = words.slice(1)
  const texts = about.length === 0 ? helpLines(await allCommands()) : helpLinesOf((await find(about)).command)
  await lines(words.length === 0 ? around.err : around.out, texts)
  return words.length === 0 ? WRONG_USAGE : DONE
}

const allCommands = async () => (await import('./index.ts')).COMMANDS

/** The command of the most words that the line begins with. */
async function find(words: readonly string[]): Promise<{ command: Command; rest: readonly string[] }> {
  const [first = ''] = words
  const service = SERVICES.find((it) => it.name === first)
  if (service) return { command: service, rest: words.slice(1) }
  const commands = await allCommands()
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(' ')
    const command = commands.find((it) => it.name === name)
    if (command) return { command, rest: words.slice(count) }
  }
  const like = nearest(first, [...new Set(commands.map((it) => it.name.split(' ')[0] as string))])
  throw usage(
    first,
    `no such command${like === undefined ? '' : `; did you mean "${like}"?`}`,
    'holdfast help lists all commands',
  )
}

function usage(where: string, text: string, remedy?: string): BadInput {
  return new BadInput([{ where, text, ...(remedy !== undefined && { remedy }) }])
}

async function runParsed(command: Command, rest: readonly string[], around: Surroundings): Promise<number> {
  const { values, positionals } = parse(command, rest)
  if (values.help) {
    await lines(around.out, helpLinesOf(command))
    return DONE
  }
  const missing = command.arguments[positionals.length]
  if (missing !== undefined && !missing.startsWith('['))
    throw usage(command.name, `${missing.replace('…', '')} is missing`, usageOf(command))
  const extra = command.arguments.at(-1)?.endsWith('…') ? undefined : positionals[command.arguments.length]
  if (extra !== undefined) throw usage(command.name, `"${extra}" is one argument too many`, usageOf(command))
  const context = contextOf(positionals, values, around)
  if (command.role === 'local' && values.box !== undefined)
    throw usage(command.name, 'runs on this machine only: --box is not for it')
  const isOurs = command.operation?.audited !== undefined && values.box === undefined
  return isOurs ? audited(command, context, around) : command.run(context)
}

/** What is an event on the page is one here: also what goes past the panel. */
async function audited(command: Command, context: CommandContext, around: Surroundings): Promise<number> {
  const tell = (outcome: string) =>
    around.audit?.(context.dir, { what: command.name, detail: { outcome, words: context.args.join(' ') } })
  try {
    const status = await command.run(context)
    await tell(status === DONE ? 'done' : 'failed')
    return status
  } catch (error) {
    await tell(error instanceof Unreachable ? `failed: ${error.code}` : 'failed')
    throw error
  }
}

type Values = CommandContext['options']

function parse(command: Command, rest: readonly string[]): { values: Values; positionals: string[] } {
  const known = Object.entries<Option>({ ...command.options, ...COMMON_OPTIONS })
  const options = Object.fromEntries(
    known.map(([key, it]) => [key, { type: it.value === undefined ? ('boolean' as const) : ('string' as const) }]),
  )
  try {
    const { values, positionals } = parseArgs({ args: joined(rest, known), options, allowPositionals: true })
    return { values: values as Values, positionals }
  } catch (error) {
    throw usage(command.name, whatIsWrong(error as Error, Object.keys(options)), usageOf(command))
  }
}

/** `--from -10m` as `--from=-10m`: else a value that begins with a dash would be taken for an option. */
function joined(rest: readonly string[], known: readonly (readonly [string, Option])[]): string[] {
  const result: string[] = []
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] as string
    const next = rest[at + 1]
    const takesValue = known.some(([key, it]) => word === `--${key}` && it.value !== undefined)
    if (takesValue && next !== undefined && /^-\d/.test(next)) {
      result.push(`${word}=${next}`)
      at++
    } else result.push(word)
  }
  return result
}

function whatIsWrong(error: Error, known: readonly string[]): string {
  const unknown = /Unknown option '-{1,2}([^']+)'/.exec(error.message)?.[1]
  if (unknown === undefined) return error.message.split('. To specify')[0] ?? error.message
  const like = nearest(unknown, known)
  return `unknown option --${unknown}${like === undefined ? '' : `; did you mean --${like}?`}`
}

function contextOf(args: readonly string[], values: Values, around: Surroundings): CommandContext {
  const { out, err, env, signal, parts, version } = around
  const dir = typeof values.data === 'string' ? values.data : DATA_DIR
  return {
    args,
    options: values,
    version,
    dir,
    json: values.json === true,
    out,
    err,
    env,
    signal,
    parts,
    agent: around.agent(dir, boxOf(values, env)),
  }
}

function exitStatusOf(error: unknown): number | undefined {
  if (error instanceof BadInput) return WRONG_USAGE
  if (error instanceof Unreachable) return error.code === 'agent-unreachable' ? NO_AGENT : FAILED
  return error instanceof Blocked ? FAILED : undefined
}

function errorLines(error: unknown, paint: (style: 'red', text: string) => string): string[] {
  if (error instanceof BadInput) {
    return error.problems.flatMap((it) => [
      `${paint('red', 'error')} ${it.where}: ${printable(it.text)}`,
      ...remedyLines(it.remedy, Number.POSITIVE_INFINITY),
    ])
  }
  const { message, remedy } = error as Unreachable | Blocked
  return [`${paint('red', 'error')} ${printable(message)}`, ...remedyLines(remedy, Number.POSITIVE_INFINITY)]
}
