// Figures for Prometheus, as its text format has them: one page, made anew each time it is asked for.
import type { UplinkView } from '../core/links.ts'
import type { SourceState } from '../core/source.ts'
import type { NotifyReport } from '../core/notify.ts'
import type { Status, UplinkState } from '../core/status.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number | null]

interface Family {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly samples: readonly Sample[]
}

const SOURCE_STATES: readonly SourceState[] = ['starting', 'up', 'down', 'stopped']
const UPLINK_STATES: readonly UplinkState[] = ['connecting', 'up', 'waiting', 'blocked', 'fenced', 'stopped']

export const metrics: Command = {
  name: 'metrics',
  role: 'view',
  summary: 'figures as Prometheus reads them',
  arguments: [],
  options: {},
  async run({ agent, out }) {
    const [status, uplinks] = await Promise.all([agent.status(), agent.uplinks()])
    await out.write(metricsText(status, uplinks))
    return DONE
  },
}

/** Served as `text/plain; version=0.0.4; charset=utf-8`. */
export function metricsText(status: Status, uplinks: readonly UplinkView[]): string {
  const families = [
    ...boxFamilies(status),
    ...logFamilies(status),
    ...sourceFamilies(status),
    ...uplinkFamilies(status, uplinks),
    ...notifyFamilies(status),
  ]
  return `${families.flatMap(familyLines).join('\n')}\n`
}

function familyLines({ name, type, help, samples }: Family): string[] {
  const known = samples.filter((it): it is readonly [Labels, number] => it[1] !== null && Number.isFinite(it[1]))
  if (known.length === 0) return []
  const full = `holdfast_${name}`
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${type}`,
    ...known.map(([labels, value]) => `${full}${labelText(labels)} ${value}`),
  ]
}

function labelText(labels: Labels): string {
  const list = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return list.length > 0 ? `{${list.join(',')}}` : ''
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({ name, type: 'gauge', help, samples })
const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({ name, type: 'counter', help, samples })
const one = (value: number | null): readonly Sample[] => [[{}, value]]

function boxFamilies({ device, site, version, startedAt, clock, host, issues }: Status): Family[] {
  const count = (severity: string) => issues.filter((it) => it.severity === severity).length
  return [
    gauge('info', 'Which box this is.', [[{ device, site, version }, 1]]),
    gauge('start_time_seconds', 'When the agent started, since 1970.', one(startedAt / 1e6)),
    gauge('clock_synchronised', 'Somebody vouches for the clock.', one(clock.synchronised ? 1 : 0)),
    gauge(
      'clock_offset_seconds',
      "The system's clock less the agent's time.",
      one(clock.offsetMs === null ? null : clock.offsetMs / 1000),
    ),
    gauge(
      'issues',
      'Open issues.',
      ['info', 'warning', 'problem'].map((it) => [{ severity: it }, count(it)]),
    ),
    gauge('cpu_load_ratio', 'Of all cores.', one(host.cpu.loadPercent / 100)),
    gauge('memory_bytes', 'Of the machine.', one(host.memory.bytes)),
    gauge('memory_used_bytes', 'In use.', one(host.memory.usedBytes)),
    gauge('agent_memory_bytes', 'Resident, of the agent.', one(host.memory.agentBytes)),
    gauge('disk_bytes', "Of the data directory's disk.", one(host.disk.bytes)),
    gauge('disk_free_bytes', 'Free there.', one(host.disk.freeBytes)),
    gauge('temperature_celsius', 'Of the processor.', one(host.temperature)),
  ]
}

function logFamilies({ log, classes }: Status): Family[] {
  const states = ['delivered', 'stored', 'aggregated'] as const
  const lost = classes.flatMap((it) =>
    Object.entries(it.lost).map(([reason, count]): Sample => [{ class: it.name, reason }, count]),
  )
  return [
    gauge('log_bytes', 'All files of the log.', one(log.bytes)),
    gauge('log_max_bytes', 'Its bound.', one(log.bytesMax)),
    gauge(
      'log_oldest_timestamp_seconds',
      'Oldest reading that is not delivered.',
      one(log.oldest === null ? null : log.oldest / 1e6),
    ),
    counter('log_commits_total', 'Group commits since the start.', one(log.commits)),
    gauge('log_commit_seconds', 'A group commit, fsync included.', [
      [{ quantile: '0.5' }, log.commitMs.p50 / 1000],
      [{ quantile: '0.99' }, log.commitMs.p99 / 1000],
    ]),
    counter(
      'readings_accepted_total',
      'Over the life of the log.',
      classes.map((it) => [{ class: it.name }, it.accepted]),
    ),
    gauge(
      'readings',
      'Accepted readings by what became of them: with readings_lost they add up to those accepted.',
      classes.flatMap((it) => states.map((state): Sample => [{ class: it.name, state }, it[state]])),
    ),
    gauge('readings_lost', 'Given up, each named in the ledger.', lost),
    gauge(
      'class_bytes',
      'In the log.',
      classes.map((it) => [{ class: it.name }, it.bytes]),
    ),
    gauge(
      'class_at_risk_readings',
      'Would be lost if the box died now.',
      classes.map((it) => [{ class: it.name }, it.delivery.atRisk.readings]),
    ),
  ]
}

function sourceFamilies({ sources }: Status): Family[] {
  const labelsOf = (it: Status['sources'][number]) => ({ source: it.name, protocol: it.protocol })
  return [
    gauge(
      'source_state',
      'One for the state that it is in.',
      sources.flatMap((it) => SOURCE_STATES.map((state): Sample => [{ source: it.name, state }, it.state === state ? 1 : 0])),
    ),
    counter(
      'source_readings_total',
      'Since the start.',
      sources.map((it) => [labelsOf(it), it.readings]),
    ),
    gauge(
      'source_readings_per_second',
      'Lately.',
      sources.map((it) => [labelsOf(it), it.readingsPerSecond]),
    ),
    gauge(
      'source_last_reading_timestamp_seconds',
      'When the last one came.',
      sources.map((it) => [labelsOf(it), it.lastReading === null ? null : it.lastReading / 1e6]),
    ),
  ]
}

function notifyFamilies({ notify = [] }: Status): Family[] {
  const of = (value: (it: NotifyReport) => number | null): Sample[] => notify.map((it) => [{ notifier: it.name }, value(it)])
  return [
    gauge(
      'notifier_up',
      'Zero: it is starting, or its last message was not taken.',
      of((it) => (it.state === 'up' ? 1 : 0)),
    ),
    counter(
      'notifier_messages_total',
      'Taken by the far end, over the life of the log.',
      of((it) => it.sent),
    ),
    counter(
      'notifier_held_back_total',
      'Events that were not told one by one.',
      of((it) => it.heldBack),
    ),
    gauge(
      'notifier_failures',
      'Tries in a row that failed.',
      of((it) => it.failures),
    ),
  ]
}

function uplinkFamilies({ uplinks }: Status, views: readonly UplinkView[]): Family[] {
  const of = (value: (it: Status['uplinks'][number]) => number | null): Sample[] =>
    uplinks.map((it) => [{ uplink: it.name }, value(it)])
  const budgets = views.flatMap((view) =>
    view.links.flatMap((it) => (it.budget ? [{ labels: { uplink: view.name, interface: it.interface }, ...it.budget }] : [])),
  )
  return [
    gauge(
      'uplink_state',
      'One for the state that it is in.',
      uplinks.flatMap((it) => UPLINK_STATES.map((state): Sample => [{ uplink: it.name, state }, it.state === state ? 1 : 0])),
    ),
    counter(
      'uplink_readings_total',
      'Delivered since the start.',
      of((it) => it.readings),
    ),
    counter(
      'uplink_transactions_total',
      'Since the start.',
      of((it) => it.transactions),
    ),
    gauge(
      'uplink_readings_per_second',
      'Lately.',
      of((it) => it.readingsPerSecond),
    ),
    gauge(
      'uplink_lag_readings',
      'Not delivered yet.',
      of((it) => it.lagReadings),
    ),
    gauge(
      'uplink_lag_seconds',
      'Age of the oldest of them.',
      of((it) => it.lagSeconds),
    ),
    gauge(
      'uplink_eta_seconds',
      'Until it has caught up.',
      of((it) => it.etaSeconds),
    ),
    gauge(
      'uplink_parked_readings',
      'Refused there and kept.',
      of((it) => it.parked),
    ),
    gauge(
      'link_up',
      'A link of an uplink has an address.',
      views.flatMap((view) => view.links.map((it): Sample => [{ uplink: view.name, interface: it.interface }, it.up ? 1 : 0])),
    ),
    gauge(
      'link_budget_bytes',
      'Allowed in the period.',
      budgets.map((it) => [it.labels, it.bytes]),
    ),
    gauge(
      'link_budget_spent_bytes',
      'Spent of it.',
      budgets.map((it) => [it.labels, it.spentBytes]),
    ),
  ]
}
