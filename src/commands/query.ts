import type { QueryRow } from '../core/agent-api.ts'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import type { Progress } from './progress.ts'
import { progressOn } from './progress.ts'
import type { RowFormat } from './rows.ts'
import { csvRows, jsonRows, ndjsonRows } from './rows.ts'
import { nowMicros, parseTime } from './times.ts'

const LIMIT = 1_000_000
const LIMIT_MAX = 100_000_000
/** Rows are written together up to so many characters. */
const CHUNK_CHARS = 65_536
const FORMATS: Readonly<Record<string, (windows: boolean) => RowFormat>> = { csv: csvRows, ndjson: ndjsonRows, json: jsonRows }

export const query: Command = {
  name: 'query',
  role: 'view',
  summary: 'what the log holds of a tag',
  arguments: ['TAG'],
  options: {
    from: { value: 'TIME', summary: 'now, -10m, 2026-11-24T08:00:00Z, or ms or µs since 1970; needed' },
    to: { value: 'TIME', summary: 'the first instant that is left out; now, where it is missing' },
    every: { value: 'DURATION', summary: 'count, min, max, mean, first, last of each window' },
    limit: { value: 'ROWS', summary: `at most so many, ${LIMIT.toLocaleString('en-US')} where it is missing` },
    format: { value: 'FORMAT', summary: 'csv (times in ISO 8601), ndjson or json (in µs)' },
  },
  async run(context) {
    const request = requestOf(context)
    const name = context.json ? 'json' : (text(context, 'format') ?? 'csv')
    const formatOf = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
    if (!formatOf) throw wrong('--format', `"${name}" is not csv, ndjson or json`)
    // Under a table on the same terminal a progress line would stand in the way.
    const progress = context.out.isTerminal ? undefined : progressOn(context.err)
    const rows = await writeRows(context, request, formatOf(request.every !== undefined), progress)
    progress?.end()
    if (rows === request.limit) await context.err.write(`stopped after ${rows} rows; --limit says how many\n`)
    return DONE
  },
}

type Request = ReturnType<typeof requestOf>

function requestOf(context: CommandContext) {
  const now = nowMicros()
  const from = text(context, 'from')
  if (from === undefined) throw wrong('--from', 'is needed: from when on (--from -10m)')
  const range = { from: parseTime(from, '--from', now), to: parseTime(text(context, 'to') ?? 'now', '--to', now) }
  if (range.from >= range.to) throw wrong('--from', 'must be before --to')
  const every = everyOf(text(context, 'every'))
  return {
    tag: context.args[0] as string,
    ...range,
    ...(every !== undefined && { every }),
    limit: limitOf(text(context, 'limit')),
  }
}

function text(context: CommandContext, option: string): string | undefined {
  const value = context.options[option]
  return typeof value === 'string' ? value : undefined
}

function everyOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const micros = Math.round((parseDurationMs(given) ?? 0) * 1000)
  if (micros < 1) throw wrong('--every', `"${given}" is not ${DURATION_ALLOWED}`)
  return micros
}

function limitOf(given: string | undefined): number {
  if (given === undefined) return LIMIT
  const limit = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (limit < 1 || limit > LIMIT_MAX) throw wrong('--limit', `"${given}" is not a number from 1 to ${LIMIT_MAX}`)
  return limit
}

function wrong(where: string, what: string): BadInput {
  return new BadInput([{ where, text: what }])
}

async function writeRows(
  context: CommandContext,
  request: Request,
  format: RowFormat,
  progress: Progress | undefined,
): Promise<number> {
  let rows = 0
  let pending = format.head
  for await (const row of context.agent.query(request, context.signal)) {
    pending += format.row(row, rows++)
    if (pending.length < CHUNK_CHARS) continue
    await context.out.write(pending)
    pending = ''
    progress?.at(shareOf(row, request), `${rows} rows`)
  }
  await context.out.write(pending + format.foot(rows))
  return rows
}

function shareOf(row: QueryRow, { from, to }: Request): number {
  return (row.time - from) / (to - from)
}
