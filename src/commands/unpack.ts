import { BadInput } from '../core/errors.ts'
import type { FilesReport, UnpackReport } from '../core/unpack.ts'
import { formatBytes, formatDuration } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { placeOf } from './places.ts'
import { progressOn } from './progress.ts'
import { document, lines, printable, shortCount } from './text.ts'

const TOPIC = /^[a-zA-Z0-9._-]+$/
const FROM = 'holdfast.blocks.v1'
const TO = 'holdfast.telemetry.v1'
const AGGREGATES = 'holdfast.aggregates.v1'

export const unpack: Command = {
  name: 'unpack',
  role: 'local',
  summary: 'make readings of the blocks in a topic, exactly once',
  arguments: [],
  options: {
    brokers: { value: 'HOST:PORT,…', summary: 'a cluster that takes anybody' },
    settings: { value: 'FILE', summary: 'or: the cluster, with TLS and password, of an uplink in this file' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
    uplink: { value: 'NAME', summary: 'which uplink of the settings, where there are several' },
    from: { value: 'TOPIC', summary: `the blocks (${FROM})` },
    to: { value: 'TOPIC', summary: `readings go here; may hold {class} and {site} (${TO})` },
    aggregates: { value: 'TOPIC', summary: `and aggregates here (${AGGREGATES})` },
    files: { value: 'DIR', summary: 'instead: write the files out that boxes sent in parts, each by its hash' },
    once: { summary: 'end when all is unpacked that is there now' },
  },
  async run(context) {
    if (typeof context.options.files === 'string') return filesOut(context, context.options.files)
    const topics = topicsOf(context)
    const { brokers, uplink } = await placeOf(context)
    const progress = progressOn(context.err)
    const report = await context.parts
      .unpack(
        {
          brokers,
          ...(uplink && { uplink }),
          topics,
          once: context.options.once === true,
          progress: ({ readings, behind }) => progress.at(null, `${shortCount(readings)} readings, ${shortCount(behind)} behind`),
          trouble: ({ message }, waitMs) => void context.err.write(`${printable(message)}: again in ${formatDuration(waitMs)}\n`),
        },
        context.signal,
      )
      .finally(() => progress.end())
    if (context.json) await document(context, report)
    else await lines(context.out, page(report))
    return DONE
  },
}

async function filesOut(context: CommandContext, dir: string): Promise<number> {
  const topic = nameOf('--from', context.options.from ?? FROM, TOPIC)
  const place = await placeOf(context)
  const progress = progressOn(context.err)
  const request = { ...place, topic, dir, progress: (share: number) => progress.at(share, `of ${topic} read`) }
  const report = await context.parts.unpackFiles(request, context.signal).finally(() => progress.end())
  if (context.json) await document(context, report)
  else await lines(context.out, filesPage(report, dir))
  return report.damaged.length + report.incomplete.length === 0 ? DONE : FAILED
}

function filesPage({ written, there, bytes, foreign, damaged, incomplete }: FilesReport, dir: string): string[] {
  return [
    `${shortCount(written)} files (${formatBytes(bytes)}) written to ${dir}, ${shortCount(there)} were there already`,
    ...(foreign > 0 ? [`${shortCount(foreign)} parts have no name or no place: left aside`] : []),
    ...damaged.map((it) => printable(`not written: ${it} is not what its hash says`)),
    ...incomplete.map((it) => printable(`not written: ${it.name} has ${it.have} of ${it.parts} parts`)),
  ]
}

function topicsOf({ options }: CommandContext) {
  const topics = {
    from: nameOf('--from', options.from ?? FROM, TOPIC),
    to: nameOf('--to', options.to ?? TO, /^([a-zA-Z0-9._-]|\{class\}|\{site\})+$/),
    aggregates: nameOf('--aggregates', options.aggregates ?? AGGREGATES, /^([a-zA-Z0-9._-]|\{class\}|\{site\})+$/),
  }
  if (topics.from !== topics.to && topics.from !== topics.aggregates) return topics
  throw new BadInput([{ where: '--to', text: 'must be another topic than --from: it would read what it writes' }])
}

function nameOf(where: string, name: string | true, pattern: RegExp): string {
  if (typeof name === 'string' && pattern.test(name)) return name
  throw new BadInput([{ where, text: `"${name}" is no name of a topic: letters, digits, dot, _ and -` }])
}

function page(report: UnpackReport): string[] {
  const { readings, aggregates, blocks, transactions, present, foreign, deleted, seconds } = report
  const took = `(${formatDuration(seconds * 1000)})`
  return [
    `${shortCount(readings)} readings and ${shortCount(aggregates)} aggregates out of ${shortCount(blocks)} blocks, in ${shortCount(transactions)} transactions ${took}`,
    ...(present > 0 ? [`${shortCount(present)} were there already although no position said so: not written again`] : []),
    ...(foreign > 0 ? [`${shortCount(foreign)} records are no blocks: left aside`] : []),
    ...(deleted > 0 ? [`warning: the topic had deleted ${shortCount(deleted)} offsets before they were unpacked`] : []),
  ]
}
