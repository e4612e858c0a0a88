import type { QueryRequest, QueryRow } from '../core/agent-api.ts'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import type { Format, Sink } from './formats/format.ts'
import { formatOf } from './formats/index.ts'
import { fileSink, outputSink } from './formats/sinks.ts'
import type { Progress } from './progress.ts'
import { progressOn } from './progress.ts'
import { nowMicros, parseTime } from './times.ts'
import { operation } from './operation.ts'
import { queryInput, queryRow } from './shapes/log.ts'

const rows = operation({
  name: 'query',
  access: 'viewer',
  summary: 'what the log holds of tags',
  input: queryInput,
  output: queryRow,
  many: true,
  run: (input, { agent, signal }) => agent.query(input, signal),
})

const LIMIT = 1_000_000
const LIMIT_MAX = 100_000_000
const POINTS_MAX = 100_000
const TAGS_MAX = 256
/** Rows between two looks at how far it is. */
const PROGRESS_ROWS = 4_096

export const query: Command = {
  name: 'query',
  role: 'view',
  summary: rows.summary,
  arguments: ['TAG…'],
  options: {
    from: { value: 'TIME', summary: 'now, -10m, 2026-11-24T08:00:00Z, or ms or µs since 1970; needed' },
    to: { value: 'TIME', summary: 'the first instant that is left out; now, where it is missing' },
    every: {
      value: 'DURATION',
      summary: 'a row for each window, in the order of time: count, min, max, mean, std, first, last; rows of one window merge',
    },
    points: { value: 'N', summary: 'the same, with the shortest usual window that makes at most N rows of a tag' },
    limit: { value: 'ROWS', summary: `at most so many, ${LIMIT.toLocaleString('en-US')} where it is missing` },
    format: { value: 'FORMAT', summary: 'csv (times in ISO 8601 and µs), ndjson, json (in µs) or parquet' },
    'to-file': { value: 'FILE', summary: 'there instead of standard output; parquet needs it' },
  },
  operation: rows,
  async run(context) {
    const request = requestOf(context)
    const name = context.json ? 'json' : (text(context, 'format') ?? 'csv')
    const format = await formatOf(name)
    if (!format) throw wrong('--format', `"${name}" is not csv, ndjson, json or parquet`)
    const path = text(context, 'to-file')
    if (format.isBinary && path === undefined) throw wrong('--to-file', `is needed with ${name}: the file that is written`)
    // Under a table on the same terminal a progress line would stand in the way.
    const progress = context.out.isTerminal && path === undefined ? undefined : progressOn(context.err)
    const sink = path === undefined ? outputSink(context.out, context.signal) : await fileSink(path)
    const rows = await writeAll(context, request, format, sink, progress)
    if (rows === request.limit) await context.err.write(`stopped after ${rows} rows; --limit says how many\n`)
    return DONE
  },
}

function requestOf(context: CommandContext): QueryRequest {
  const now = nowMicros()
  const from = text(context, 'from')
  if (from === undefined) throw wrong('--from', 'is needed: from when on (--from -10m)')
  const range = { from: parseTime(from, '--from', now), to: parseTime(text(context, 'to') ?? 'now', '--to', now) }
  if (range.from >= range.to) throw wrong('--from', 'must be before --to')
  if (context.args.length > TAGS_MAX) throw wrong('TAG', `more than ${TAGS_MAX}; a pattern names many (hall-1/*)`)
  const [first] = context.args
  return {
    tag: context.args.length === 1 ? (first as string) : context.args,
    ...range,
    ...windowsOf(context),
    limit: numberOf(context, 'limit', LIMIT_MAX) ?? LIMIT,
  }
}

function text(context: CommandContext, option: string): string | undefined {
  const value = context.options[option]
  return typeof value === 'string' ? value : undefined
}

function windowsOf(context: CommandContext): Pick<QueryRequest, 'every' | 'points'> {
  const given = text(context, 'every')
  const points = numberOf(context, 'points', POINTS_MAX)
  if (given !== undefined && points !== undefined) throw wrong('--points', 'says how long a window is, and so does --every')
  if (points !== undefined) return { points }
  if (given === undefined) return {}
  const every = Math.round((parseDurationMs(given) ?? 0) * 1000)
  if (every < 1) throw wrong('--every', `"${given}" is not ${DURATION_ALLOWED}`)
  return { every }
}

function numberOf(context: CommandContext, option: string, max: number): number | undefined {
  const given = text(context, option)
  if (given === undefined) return undefined
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (number < 1 || number > max) throw wrong(`--${option}`, `"${given}" is not a number from 1 to ${max}`)
  return number
}

function wrong(where: string, what: string): BadInput {
  return new BadInput([{ where, text: what }])
}

/** Resolves with how many rows there were. What did not come to its end leaves no file. */
async function writeAll(
  context: CommandContext,
  request: QueryRequest,
  format: Format,
  sink: Sink,
  progress: Progress | undefined,
): Promise<number> {
  try {
    const rows = await writeRows(context, request, format, sink, progress)
    await sink.end()
    return rows
  } catch (error) {
    await sink.discard()
    throw error
  } finally {
    progress?.end()
  }
}

async function writeRows(
  { agent, signal }: CommandContext,
  request: QueryRequest,
  format: Format,
  sink: Sink,
  progress: Progress | undefined,
): Promise<number> {
  const writer = await format.open(sink)
  let rows = 0
  for await (const row of agent.query(request, signal)) {
    const full = writer.add(row)
    if (full) await full
    if (++rows % PROGRESS_ROWS === 0) progress?.at(shareOf(row, request), `${rows} rows`)
  }
  signal.throwIfAborted()
  await writer.end()
  return rows
}

function shareOf(row: QueryRow, { from, to }: QueryRequest): number {
  return (row.time - from) / (to - from)
}
