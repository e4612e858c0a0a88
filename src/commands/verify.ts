import { BadInput } from '../core/errors.ts'
import type { VerifiedStream, VerifyReport } from '../core/verify.ts'
import { formatDuration } from '../core/units.ts'
import type { Command, CommandContext, VerifyRequest } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { brokersOf, placesOf } from './places.ts'
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
    uplink: { value: 'NAME,…', summary: 'which uplinks of the settings, where there are several: each, and all together' },
    and: { value: 'HOST:PORT,…', summary: 'with --brokers: another cluster of the same boxes; each, and both together' },
    topics: { value: 'ROLE=NAME,…', summary: 'telemetry, aggregates, gaps, events or blocks; {class} and {site} stand for any' },
    prefix: { value: 'TEXT', summary: 'what a mirror puts before the names of topics (site-1.)' },
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

async function requestOf(context: CommandContext): Promise<Omit<VerifyRequest, 'progress'>> {
  const { and, topics, prefix, device } = context.options
  const [first, ...more] = await placesOf(context)
  const clusters = typeof and === 'string' ? [...more, { brokers: brokersOf('--and', and) }] : more
  return {
    ...first,
    ...(clusters.length > 0 && { and: clusters }),
    ...(typeof device === 'string' && { device }),
    ...(typeof prefix === 'string' && { prefix }),
    ...(typeof topics === 'string' && { topics: topicsOf(topics) }),
  }
}

const ROLES = ['telemetry', 'aggregates', 'gaps', 'events', 'blocks']

function topicsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((it) => it.trim().split('=') as [string, string?])
  for (const [role, name] of pairs)
    if (!ROLES.includes(role) || !/^([a-zA-Z0-9._-]|\{class\}|\{site\})+$/.test(name ?? ''))
      throw new BadInput([
        { where: '--topics', text: `"${[role, name].join('=')}" is not ROLE=NAME with a role of ${ROLES.join(', ')}` },
      ])
  return Object.fromEntries(pairs) as Record<string, string>
}

const COLUMNS = [
  { key: 'proven', title: 'PROVEN', always: true },
  { key: 'named', title: 'NAMED', always: false },
  { key: 'elsewhere', title: 'ELSEWHERE', always: false },
  { key: 'waiting', title: 'WAITING', always: false },
  { key: 'stays', title: 'STAYS', always: false },
  { key: 'expired', title: 'EXPIRED', always: false },
  { key: 'maybeDuplicate', title: 'MARKED', always: false },
  { key: 'replayed', title: 'REPLAYED', always: false },
  { key: 'missing', title: 'MISSING', always: true },
  { key: 'doubled', title: 'DOUBLED', always: true },
] as const

function page(report: VerifyReport, paint: Paint, width: number): string[] {
  const { clusters = [] } = report
  const each = clusters.flatMap((it) => [`cluster ${it.brokers}`, ...onePage(it.report, paint, width), ''])
  return [...each, ...(each.length > 0 ? ['all clusters together'] : []), ...onePage(report, paint, width)]
}

/** Columns that are zero throughout are left out, but for those that the verdict is about. */
function onePage(report: VerifyReport, paint: Paint, width: number): string[] {
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
    ...report.contradictions.flatMap((it) => wrap(it, width)),
    ...report.absent.map((it) => `${it}: there is no such topic`),
    ...report.unread.map((it) => `${it}: a checkpoint names it, and it was not read (--topics)`),
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

function verdict(report: VerifyReport, paint: Paint): string {
  const { ok, totals, streams, seconds, clusters = [] } = report
  const took = `(${formatDuration(seconds * 1000)})`
  const contradictions = streams.reduce((sum, it) => sum + it.contradictions.length, report.contradictions.length)
  if (!ok) {
    const failed = clusters.filter((it) => !it.report.ok).length
    const alone = failed > 0 ? `, ${failed} of ${clusters.length} clusters by itself` : ''
    const parts = [`${shortCount(totals.missing)} missing`, `${shortCount(totals.doubled)} doubled`]
    return `${paint('red', 'FAILED')}: ${parts.join(', ')}, ${contradictions} contradicted by a checkpoint${alone} ${took}`
  }
  if (totals.records === 0) return `${paint('yellow', 'NOTHING TO PROVE')}: the topics hold no records ${took}`
  const rest = totals.waiting > 0 ? `, ${shortCount(totals.waiting)} waiting` : ''
  const stay = totals.stays > 0 ? `, ${shortCount(totals.stays)} stay on the box or go elsewhere, as the settings say` : ''
  return `${paint('green', 'OK')}: ${shortCount(totals.records)} records, each once or named, 0 missing, 0 doubled${rest}${stay} ${took}`
}
