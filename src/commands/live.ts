import { LIVE_TAGS_MAX } from '../core/bounds.ts'
import type { LiveRequest, LiveValue } from '../core/operator.ts'
import type { Value } from '../core/reading.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { operation } from './operation.ts'
import { liveInput, liveValue } from './shapes/operator.ts'
import { ago, document, lines, printable, table } from './text.ts'
import { formatTime, nowMicros } from './times.ts'

const LIMIT = 200
const WATCH_MS = 1_000
const BYTES_SHOWN_MAX = 16

const values = operation({
  name: 'live',
  access: 'viewer',
  summary: 'the last value of each tag, as it came in; again and again where that is asked for',
  input: liveInput,
  output: liveValue,
  many: true,
  run: (input, { agent, signal }) => agent.live(input, signal),
})

export const live: Command = {
  name: 'live',
  role: 'view',
  summary: 'the last value of each tag, as it came in',
  arguments: ['[TAG]'],
  options: { watch: { summary: 'go on: a line for each value that changed' } },
  operation: values,
  async run(context) {
    const [tag] = context.args
    const request = { limit: tag === undefined ? LIMIT : LIVE_TAGS_MAX, everyMs: 0, ...(tag !== undefined && { tag }) }
    if (context.options.watch) return watch(context, request)
    const seen: LiveValue[] = []
    for await (const it of context.agent.live(request, context.signal)) seen.push(it)
    if (context.json) await document(context, seen.map(plain))
    else await lines(context.out, page(seen, nowMicros(), context.out.width))
    return seen.length > 0 ? DONE : FAILED
  },
}

async function watch(context: CommandContext, request: LiveRequest): Promise<number> {
  for await (const it of context.agent.live({ ...request, everyMs: WATCH_MS }, context.signal)) {
    const text = `${formatTime(it.time)}  ${printable(it.tag)}  ${valueText(it)}`
    await lines(context.out, [context.json ? JSON.stringify(plain(it)) : text])
  }
  return DONE
}

function page(seen: readonly LiveValue[], now: number, width: number): string[] {
  if (seen.length === 0) return ['no tag of this name has a value yet']
  const columns = [
    { title: 'TAG', widthMax: Math.max(20, width - 50) },
    { title: 'VALUE', widthMax: 30 },
    { title: 'SOURCE', widthMax: 12 },
    { title: 'READ', widthMax: 14 },
  ]
  return table(
    columns,
    seen.map((it) => [it.tag, valueText(it), it.source, ago(it.received, now)]),
  )
}

function valueText({ value, unit, quality }: LiveValue): string {
  const text = value === null ? '' : plainText(value)
  return `${text}${unit !== undefined && text !== '' ? ` ${unit}` : ''}${quality === 'good' ? '' : ` (${quality})`}`.trim()
}

function plainText(value: Value): string {
  if (!(value instanceof Uint8Array)) return printable(String(value))
  const hex = Buffer.from(value.subarray(0, BYTES_SHOWN_MAX)).toString('hex')
  return value.length > BYTES_SHOWN_MAX ? `${hex}…` : hex
}

/** As JSON has it: integers beyond 2^53 as text, bytes in base64. */
function plain(it: LiveValue) {
  const { value } = it
  if (typeof value === 'bigint') return { ...it, value: String(value) }
  return value instanceof Uint8Array ? { ...it, value: Buffer.from(value).toString('base64') } : it
}
