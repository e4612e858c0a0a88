// What our services write of themselves, out of the system's journal: the youngest line first, secrets removed. None of it is of the log of readings.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { AgentApi } from '../core/agent-api.ts'
import type { LinesRequest, ServiceLine } from '../core/operator.ts'
import { LINE_LEVELS, LOG_SERVICES } from '../core/operator.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { cleaner } from './diagnostics/clean.ts'
import { operation } from './operation.ts'
import { shapeOf } from './shapes/shape.ts'
import { document, lines as print, printable } from './text.ts'
import { formatTime, nowMicros } from './times.ts'

/** So many are looked through for those that are asked for. */
const LINES_LOOKED_AT = 5_000
const LIMIT_ALLOWED = `must be a whole number from 1 to ${LINES_LOOKED_AT}`
const LEVEL_WIDTH = 'warning'.length
const OUTPUT_BYTES_MAX = 32_000_000
const TEXT_CHARS_MAX = 4_000
const BORDER = '\n\u001e\n'
const NOT_LOOKED_FOR = 'the agent was not there to take the texts of the store of secrets out of these lines'
/** syslog's numbers. */
const [ERROR, WARNING, INFO] = [3, 4, 6]

const line = shapeOf<ServiceLine>()(
  z.object({ at: z.number(), level: z.enum(LINE_LEVELS), text: z.string(), detail: z.string() }),
)

const input = z.strictObject({
  service: z.enum(LOG_SERVICES, { error: `must be one of ${LOG_SERVICES.join(', ')}` }).default('agent'),
  /** And what is worse. */
  level: z.enum(LINE_LEVELS, { error: `must be one of ${LINE_LEVELS.join(', ')}` }).default('debug'),
  text: z.string().max(200).default(''),
  limit: z
    .int({ error: LIMIT_ALLOWED })
    .min(1, { error: LIMIT_ALLOWED })
    .max(LINES_LOOKED_AT, { error: LIMIT_ALLOWED })
    .default(200),
})

export const logsOperation = operation({
  name: 'logs',
  access: 'technician',
  summary: 'what a service of the box wrote of itself: the youngest line first, secrets removed',
  input,
  output: line,
  many: true,
  run: (asked, { agent, signal }) => linesOf(asked, agent, signal),
})

export const logs: Command = {
  name: 'logs',
  role: 'local',
  summary: logsOperation.summary,
  arguments: ['[SERVICE]'],
  options: {
    level: { value: 'LEVEL', summary: `and what is worse: ${LINE_LEVELS.join(', ')}; all where it is missing` },
    text: { value: 'WORDS', summary: 'lines with these words only, in whatever case' },
    limit: { value: 'N', summary: 'at most so many lines, 200 where it is missing' },
  },
  operation: logsOperation,
  async run(context) {
    const found: ServiceLine[] = []
    for await (const it of linesOf(askedBy(context), context.agent, context.signal)) found.push(it)
    if (context.json) await document(context, found)
    else await print(context.out, found.length > 0 ? found.map(lineText) : ['no such lines'])
    return DONE
  },
}

function askedBy({ args, options }: CommandContext): LinesRequest {
  const [service] = args
  const { level, text, limit } = options
  const read = input.safeParse({
    ...(service !== undefined && { service }),
    ...(level !== undefined && { level }),
    ...(text !== undefined && { text }),
    ...(limit !== undefined && { limit: Number(limit) }),
  })
  if (read.success) return read.data
  const whereOf = (path: string) => (path === 'service' ? 'SERVICE' : `--${path}`)
  throw new BadInput(read.error.issues.map((it) => ({ where: whereOf(String(it.path[0])), text: it.message })))
}

function lineText({ at, level, text, detail }: ServiceLine): string {
  return printable(`${formatTime(at).slice(0, 19)}Z  ${level.padEnd(LEVEL_WIDTH)}  ${text}${detail && `  ${detail}`}`)
}

async function* linesOf(
  { service, level, text, limit }: LinesRequest,
  agent: AgentApi,
  signal: AbortSignal,
): AsyncIterable<ServiceLine> {
  const [least, words] = [LINE_LEVELS.indexOf(level), text.toLowerCase()]
  const { clean, whyNot } = cleaner(agent, [])
  const entries = (await journal(service, signal)).split('\n').filter((it) => it !== '')
  const lines = entries.flatMap((it) => lineOf(it) ?? []).filter((it) => LINE_LEVELS.indexOf(it.level) <= least)
  // Clean before they are looked through: whoever searches must not find out a secret letter by letter.
  const told = await cleanAll(
    lines.flatMap((it) => [it.text, it.detail]),
    clean,
  )
  const why = whyNot()
  if (why !== undefined) yield { at: nowMicros(), level: 'warning', text: `${NOT_LOOKED_FOR}: ${why}`, detail: '' }
  let left = limit
  for (const [n, it] of lines.entries()) {
    const [said = '', detail = ''] = told.slice(2 * n, 2 * n + 2)
    if (!`${said} ${detail}`.toLowerCase().includes(words)) continue
    yield { ...it, text: said.slice(0, TEXT_CHARS_MAX), detail: detail.slice(0, TEXT_CHARS_MAX) }
    if (--left === 0) return
  }
}

/** At once, for the agent is asked; one by one where something that was taken out reached over a border. */
async function cleanAll(texts: readonly string[], clean: (text: string) => Promise<string>): Promise<readonly string[]> {
  const cleaned = (await clean(texts.join(BORDER))).split(BORDER)
  return cleaned.length === texts.length ? cleaned : Promise.all(texts.map(clean))
}

async function journal(service: (typeof LOG_SERVICES)[number], signal: AbortSignal): Promise<string> {
  const unit = service === 'kernel' ? ['-k'] : ['-u', `holdfast-${service}`]
  const args = [
    '--no-pager',
    '--quiet',
    '--all',
    '-o',
    'json',
    '--output-fields=MESSAGE,PRIORITY',
    '-r',
    '-n',
    String(LINES_LOOKED_AT),
  ]
  const found = await promisify(execFile)('journalctl', [...args, ...unit], { maxBuffer: OUTPUT_BYTES_MAX, signal }).catch(
    (cause: unknown) => {
      const remedy = 'look where this system keeps the log of its services'
      throw new Unreachable('no-log', 'the log of the services cannot be read by journalctl', { cause, remedy })
    },
  )
  return found.stdout
}

/** An entry of the journal; ours have JSON for their text, with their own level. */
function lineOf(entry: string): ServiceLine | undefined {
  const { __REALTIME_TIMESTAMP: at, MESSAGE: message, PRIORITY: priority } = parsed(entry)
  if (typeof at !== 'string') return undefined
  const text = textOf(message)
  const { msg, level, time: _time, name: _name, ...more } = text.startsWith('{') ? parsed(text) : {}
  const own = LINE_LEVELS.find((it) => it === (level === 'warn' ? 'warning' : level === 'fatal' ? 'error' : level))
  return {
    at: Number(at),
    level: own ?? levelOf(Number(priority ?? INFO)),
    text: typeof msg === 'string' ? msg : text,
    detail: Object.keys(more).length > 0 && typeof msg === 'string' ? JSON.stringify(more) : '',
  }
}

/** What is no UTF-8 stands there as numbers of bytes. */
function textOf(message: unknown): string {
  return Array.isArray(message) ? Buffer.from(message as number[]).toString('utf8') : String(message ?? '')
}

function levelOf(priority: number): ServiceLine['level'] {
  if (priority <= ERROR) return 'error'
  return priority === WARNING ? 'warning' : priority <= INFO ? 'info' : 'debug'
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
