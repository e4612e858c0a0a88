import { BadInput } from '../core/errors.ts'
import type { LogInspection } from '../core/log-files.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { bytesText, withLog } from './log.ts'
import { document, lines, shortCount, table } from './text.ts'
import { operation } from './operation.ts'
import { inspection, inspectInput } from './shapes/log.ts'

const inspect = operation({
  name: 'log inspect',
  access: 'viewer',
  summary: 'what is in the log: segments, streams, losses',
  input: inspectInput,
  output: inspection,
  run: ({ segment }, { agent }) => agent.logInspect(segment),
})

const EPOCH_CHARACTERS = 8

export const logInspect: Command = {
  name: 'log inspect',
  role: 'view',
  summary: inspect.summary,
  arguments: [],
  options: { segment: { value: 'N', summary: 'that one alone' } },
  async run(context) {
    const segment = segmentOf(context)
    const found = await withLog(context, (log) => log.logInspect(segment))
    if (segment !== undefined && found.segments.length === 0)
      throw new BadInput([{ where: '--segment', text: `there is no segment ${segment}` }])
    if (context.json) await document(context, segment === undefined ? found : found.segments[0])
    else await lines(context.out, segment === undefined ? page(found) : segmentsPage(found))
    return DONE
  },
  operation: inspect,
}

function segmentOf({ options }: CommandContext): number | undefined {
  const { segment } = options
  if (segment === undefined) return undefined
  if (/^\d{1,15}$/.test(String(segment))) return Number(segment)
  throw new BadInput([{ where: '--segment', text: `"${String(segment)}" is not the number of a segment` }])
}

function page(found: LogInspection): string[] {
  const rebuilt = found.rebuilt
  const share = (bytes: number) => `${Math.round((bytes / Math.max(1, found.bytes)) * 100)} %`
  return [
    `epoch ${found.epoch}, ${bytesText(found.bytes)}, journal ${bytesText(found.journalBytes)} (${share(found.journalBytes)})`,
    ...(rebuilt ? [`the journal was made anew ${new Date(rebuilt.at / 1000).toISOString()}: ${rebuilt.faults.join('; ')}`] : []),
    '',
    ...segmentsPage(found),
    '',
    ...table(
      [
        { title: 'stream' },
        { title: 'epoch' },
        { title: 'numbers', align: 'right' },
        { title: 'blocks', align: 'right' },
        { title: 'bytes', align: 'right' },
        { title: 'share', align: 'right' },
      ],
      found.streams.map((it) => [
        `${it.device} ${it.class} ${it.form}`,
        it.epoch.slice(0, EPOCH_CHARACTERS),
        shortCount(it.next),
        shortCount(it.blocks),
        bytesText(it.bytes),
        share(it.bytes),
      ]),
    ),
    '',
    ...table(
      [
        { title: 'given up' },
        { title: 'action' },
        { title: 'reason' },
        { title: 'lines', align: 'right' },
        { title: 'count', align: 'right' },
      ],
      found.ledger.map((it) => [`${it.class} ${it.form}`, it.action, it.reason, shortCount(it.lines), shortCount(it.count)]),
    ),
  ]
}

function segmentsPage({ segments }: LogInspection): string[] {
  return table(
    [
      { title: 'segment' },
      { title: 'bytes', align: 'right' },
      { title: 'in use', align: 'right' },
      { title: 'blocks', align: 'right' },
      { title: 'readings', align: 'right' },
      { title: 'waiting', align: 'right' },
    ],
    segments.map((it) => [
      `${it.class}/${it.id}.${it.form}`,
      bytesText(it.bytes),
      bytesText(it.blockBytes),
      shortCount(it.blocks),
      shortCount(it.readings),
      shortCount(it.pending),
    ]),
  )
}
