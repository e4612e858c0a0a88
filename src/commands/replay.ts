import { extname } from 'node:path'
import type { QueryRequest, QueryRow } from '../core/agent-api.ts'
import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import type { Format } from './formats/format.ts'
import { formatOf } from './formats/index.ts'
import { fileSink } from './formats/sinks.ts'
import { placesOf } from './places.ts'
import type { Progress } from './progress.ts'
import { progressOn } from './progress.ts'
import { document, lines, shortCount } from './text.ts'
import { formatTime, nowMicros, parseTime } from './times.ts'

const ROWS_MAX = 100_000_000
/** Rows between two looks at how far it is. */
const PROGRESS_ROWS = 4_096
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/

export const replay: Command = {
  name: 'replay',
  role: 'view',
  summary: 'send a range once more, marked as replayed',
  arguments: ['TAG…'],
  options: {
    from: { value: 'TIME', summary: 'now, -10m, 2026-11-24T08:00:00Z, or ms or µs since 1970; needed' },
    to: { value: 'TIME', summary: 'the first instant that is left out; now, where it is missing' },
    'to-topic': {
      value: 'TOPIC',
      summary: 'of the cluster of --brokers or --settings; the ids of the records are the first ones',
    },
    brokers: { value: 'HOST:PORT,…', summary: 'a cluster that takes anybody' },
    settings: { value: 'FILE', summary: 'or: the cluster, with TLS and password, of an uplink in this file' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
    uplink: { value: 'NAME', summary: 'which uplink of the settings, where there are several' },
    file: { value: 'FILE', summary: 'instead of a topic: .ndjson (with device and epoch), .csv or .parquet' },
  },
  async run(context) {
    const request = requestOf(context)
    const { file, 'to-topic': topic } = context.options
    if ((typeof file === 'string') === (typeof topic === 'string')) throw wrong('--to-topic', 'is needed, or --file: one of them')
    const progress = progressOn(context.err)
    const rows = rowsOf(context, request, progress)
    const write = typeof file === 'string' ? toFile(file, rows) : toTopic(context, String(topic), rows)
    const count = await write.finally(() => progress.end())
    const to = typeof file === 'string' ? { file } : { topic }
    if (context.json) await document(context, { rows: count, ...to })
    else await lines(context.out, [`${shortCount(count)} readings and aggregates in ${file ?? topic}`])
    return DONE
  },
}

function requestOf({ args, options }: CommandContext): QueryRequest {
  const now = nowMicros()
  if (typeof options['from'] !== 'string') throw wrong('--from', 'is needed: from when on (--from -1d)')
  const to = typeof options['to'] === 'string' ? options['to'] : 'now'
  const range = { from: parseTime(options['from'], '--from', now), to: parseTime(to, '--to', now) }
  if (range.from >= range.to) throw wrong('--from', 'must be before --to')
  return { tag: args, ...range, origin: true, limit: ROWS_MAX }
}

function wrong(where: string, text: string): BadInput {
  return new BadInput([{ where, text }])
}

/** Throws BadInput where there is none: it says what there is. */
async function* rowsOf(context: CommandContext, request: QueryRequest, progress: Progress): AsyncGenerator<QueryRow> {
  let rows = 0
  for await (const row of context.agent.query(request, context.signal)) {
    if (++rows % PROGRESS_ROWS === 0)
      progress.at((row.time - request.from) / (request.to - request.from), `${shortCount(rows)} rows`)
    yield row
  }
  context.signal.throwIfAborted()
  if (rows === 0) throw await nothing(context, request)
  if (rows === ROWS_MAX) throw wrong('--to', `the range holds more than ${ROWS_MAX} rows: replay it in parts`)
}

async function nothing({ args, agent, signal }: CommandContext, { tag, from, to }: QueryRequest): Promise<BadInput> {
  const all = { tag, from: 0, to: Number.MAX_SAFE_INTEGER, limit: 1 }
  for await (const first of agent.query(all, signal)) {
    const range = `${formatTime(from)} and ${formatTime(to)}`
    return wrong(
      '--from',
      `the log holds nothing of ${args.join(' ')} between ${range}; what it holds begins at ${formatTime(first.time)}`,
    )
  }
  return wrong(
    'TAG',
    `the log holds nothing of ${args.join(' ')}: no such tag, or all of it is delivered and not kept (keepDelivered)`,
  )
}

async function toTopic(context: CommandContext, topic: string, rows: AsyncIterable<QueryRow>): Promise<number> {
  if (!TOPIC.test(topic)) throw wrong('--to-topic', `"${topic}" is not the name of a topic: letters, digits, dot, _ and -`)
  const [place, second] = await placesOf(context)
  if (second) throw wrong('--uplink', 'one at a time')
  const { site } = await context.agent.status()
  return context.parts.replay({ ...place, topic, site, rows }, context.signal)
}

async function toFile(path: string, rows: AsyncIterable<QueryRow>): Promise<number> {
  const format = await formatOf(extname(path).slice(1))
  if (!format) throw wrong('--file', `${path}: the name must end in .ndjson, .csv, .json or .parquet`)
  return write(format, path, rows)
}

async function write(format: Format, path: string, rows: AsyncIterable<QueryRow>): Promise<number> {
  const sink = await fileSink(path)
  try {
    const writer = await format.open(sink)
    let count = 0
    for await (const row of rows) {
      const full = writer.add(row)
      if (full) await full
      count++
    }
    await writer.end()
    await sink.end()
    return count
  } catch (error) {
    await sink.discard()
    throw error
  }
}
