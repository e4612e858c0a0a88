import { BadInput } from '../core/errors.ts'
import type { VerifiedStream, VerifyReport } from '../core/verify.ts'
import { formatDuration } from '../core/units.ts'
import { readChecked } from './check.ts'
import type { Command, CommandContext, VerifiedUplink, VerifyRequest } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { progressOn } from './progress.ts'
import type { Paint } from './text.ts'
import { document, lines, painter, shortCount, table, wrap } from './text.ts'

export const verify: Command = {
  name: 'verify',
  role: 'local',
  summary: 'prove that every sequence is in Kafka once, or named',
  arguments: [],
  options: {
    brokers: { value: 'HOST:PORT,…', summary: 'a cluster that takes anybody' },
    settings: { value: 'FILE', summary: 'or: the cluster, with TLS and password, of an uplink in this file' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
    uplink: { value: 'NAME', summary: 'which uplink of the settings, where there are several' },
    device: { value: 'ID', summary: 'of one box alone' },
  },
  async run(context) {
    const progress = progressOn(context.err)
    const request = await requestOf(context)
    const report = await context.parts
      .verify(
        { ...request, progress: ({ records, of }) => progress.at(of ? records / of : null, `${shortCount(records)} records`) },
        context.signal,
      )
      .finally(() => progress.end())
    if (context.json) await document(context, report)
    else await lines(context.out, page(report, painter(context.out, context.env), context.out.width))
    return report.ok ? DONE : FAILED
  },
}

/** The cluster that is meant. */
export async function requestOf(context: CommandContext): Promise<Omit<VerifyRequest, 'progress'>> {
  const { brokers, settings, device } = context.options
  const one = typeof device === 'string' ? { device } : {}
  if (typeof brokers === 'string') return { brokers: brokersOf(brokers), ...one }
  if (typeof settings === 'string') return { brokers: [], uplink: await uplinkOf(context, settings), ...one }
  throw new BadInput([{ where: '--brokers', text: 'is needed, or --settings: where to read from (--brokers localhost:9092)' }])
}

export function brokersOf(text: string): string[] {
  const list = text.split(',').map((it) => it.trim())
  const wrong = list.find((it) => !/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/.test(it))
  if (wrong === undefined) return list
  throw new BadInput([{ where: '--brokers', text: `"${wrong}" is not HOST:PORT` }])
}

export async function uplinkOf(context: CommandContext, file: string): Promise<VerifiedUplink> {
  const { uplinks, classes, device } = (await readChecked(context, file)).settings
  const { uplink: name } = context.options
  const found = name === undefined && uplinks.length === 1 ? uplinks[0] : uplinks.find((it) => it.name === name)
  if (found) return { kind: found.kind, settings: found.settings, classes: classes.map((it) => it.name), site: device.site }
  const names = uplinks.map((it) => it.name).join(', ') || 'none'
  throw new BadInput([{ where: '--uplink', text: `must name an uplink of ${file}; there are: ${names}` }])
}

const COLUMNS = [
  { key: 'proven', title: 'PROVEN', always: true },
  { key: 'named', title: 'NAMED', always: false },
  { key: 'waiting', title: 'WAITING', always: false },
  { key: 'expired', title: 'EXPIRED', always: false },
  { key: 'maybeDuplicate', title: 'MARKED', always: false },
  { key: 'missing', title: 'MISSING', always: true },
  { key: 'doubled', title: 'DOUBLED', always: true },
] as const

/** Columns that are zero throughout are left out, but for those that the verdict is about. */
function page(report: VerifyReport, paint: Paint, width: number): string[] {
  const shown = COLUMNS.filter((it) => it.always || report.totals[it.key] > 0)
  const devices = [...new Set(report.streams.map((it) => it.stream.device))].toSorted()
  return [
    ...devices.flatMap((device) => [
      `device ${device}`,
      ...streamTable(
        report.streams.filter((it) => it.stream.device === device),
        shown,
      ),
      '',
    ]),
    ...report.streams.flatMap((it) => faults(it, width)),
    ...report.absent.map((it) => `${it}: there is no such topic`),
    ...report.topics.map((it) => `${it.topic}: ${shortCount(it.records)} records in ${it.partitions} partitions`),
    ...(report.foreign > 0 ? [`${shortCount(report.foreign)} records are not from a Holdfast box: left aside`] : []),
    verdict(report, paint),
  ]
}

function streamTable(
  streams: readonly VerifiedStream[],
  shown: readonly { key: (typeof COLUMNS)[number]['key']; title: string }[],
): string[] {
  const columns = [{ title: 'CLASS', widthMax: 16 }, { title: 'FORM' }, { title: 'EPOCH' }]
  const rows = streams.map((it) => [
    it.stream.class,
    it.stream.form,
    it.stream.epoch.slice(0, 8),
    ...shown.map(({ key }) => shortCount(it[key])),
  ])
  return table([...columns, ...shown.map(({ title }) => ({ title, align: 'right' as const }))], rows)
}

function faults({ stream, holes, missing, contradictions }: VerifiedStream, width: number): string[] {
  const name = `${stream.device} ${stream.class} ${stream.form} ${stream.epoch.slice(0, 8)}`
  const runs = holes.map((it) => (it.to === it.from + 1 ? `${it.from}` : `${it.from} to ${it.to - 1}`))
  const missed = missing === 0 ? [] : wrap(`${name}: missing ${runs.join(', ')}${runs.length > 0 ? '' : missing}`, width)
  return [...missed, ...contradictions.flatMap((it) => wrap(`${name}: ${it}`, width))]
}

function verdict({ ok, totals, streams, seconds }: VerifyReport, paint: Paint): string {
  const took = `(${formatDuration(seconds * 1000)})`
  const contradictions = streams.reduce((sum, it) => sum + it.contradictions.length, 0)
  if (!ok) {
    const parts = [`${shortCount(totals.missing)} missing`, `${shortCount(totals.doubled)} doubled`]
    return `${paint('red', 'FAILED')}: ${parts.join(', ')}, ${contradictions} contradicted by a checkpoint ${took}`
  }
  if (totals.records === 0) return `${paint('yellow', 'NOTHING TO PROVE')}: the topics hold no records ${took}`
  const rest = totals.waiting > 0 ? `, ${shortCount(totals.waiting)} waiting` : ''
  return `${paint('green', 'OK')}: ${shortCount(totals.records)} records, each once or named, 0 missing, 0 doubled${rest} ${took}`
}
