// What `status` shows, put together from what each part says of itself.
import type { Wait } from '../core/admission.ts'
import type { BoxReport } from '../core/boxes.ts'
import type { OpenPort } from '../core/host.ts'
import type { NotifyReport } from '../core/notify.ts'
import type { RulesReport } from '../core/rule.ts'
import type { Settings } from '../core/settings.ts'
import type { Source } from '../core/source.ts'
import type {
  ClassStatus,
  DeliveryStatus,
  DiskRoom,
  HostStatus,
  Issue,
  LogStatus,
  SourceReport,
  Status,
  UplinkReport,
} from '../core/status.ts'
import type { Eta } from './eta.ts'
import type { Feed } from './feed.ts'
import type { Turn } from './failover.ts'
import type { ForwardReport } from './forward-report.ts'
import { LINK_REMEDY } from './links/metering.ts'
import { notifyIssues } from './notify-issues.ts'
import { openIssues } from './open-issues.ts'
import { ruleIssues } from './rule-issues.ts'
import type { Tally } from './tally.ts'

export interface Parts {
  readonly settings: Settings
  readonly version: string
  readonly startedAt: number
  /** Known before the first reading: what the settings allow but is worth a warning. */
  readonly standingIssues: readonly Issue[]
  readonly sources: readonly {
    readonly name: string
    readonly protocol: string
    readonly source: Source
    readonly tally: Tally
  }[]
  readonly uplinks: readonly {
    readonly name: string
    readonly report: ForwardReport
    readonly tally: Tally
    readonly eta: Eta
    /** Somebody else has our identity, lately. */
    readonly hasRival: () => boolean
    /** Where it holds nothing back. */
    readonly feed?: Feed
  }[]
  /** Undefined: there are none. */
  readonly rules?: RulesReport | undefined
  /** Undefined: nobody is told. */
  readonly notify?: readonly NotifyReport[] | undefined
  /** Whose turn it is with a class; undefined: it does not go by turns. */
  readonly turn: (className: string) => Turn | undefined
  /** Other boxes that have this one as their uplink; absent: none may. */
  readonly boxes?: readonly BoxReport[] | undefined
  /** What the settings opened in the image's firewall; absent where it has none of ours. */
  readonly open?: readonly OpenPort[] | undefined
}

/** What the log says of itself. */
export interface LogPart extends LogStatus {
  readonly epoch: string
  readonly classes: readonly ClassStatus[]
  readonly parked: number
  /** 0 to 1, of what the log may use of its bound. */
  readonly fill: number
  /** Classes at their bound that give nothing up. */
  readonly waiting: readonly string[]
  readonly disk: DiskRoom
  readonly stuck: boolean
}

const FILL_WARNING = 0.8

export function statusOf(parts: Parts, log: LogPart, host: HostStatus, clock: Status['clock'], now: number): Status {
  const { epoch, classes, parked, fill: _fill, waiting: _waiting, disk: _disk, stuck: _stuck, ...figures } = log
  const sources = parts.sources.map(
    (it): SourceReport => ({
      ...it.source.status(),
      name: it.name,
      protocol: it.protocol,
      readings: it.tally.total,
      readingsPerSecond: it.tally.perSecond(),
      lastReading: it.tally.last,
    }),
  )
  const uplinks = parts.uplinks.map((it) => uplinkReport(it, classes, parts.settings, figures, parked, now))
  const issues = [
    ...parts.standingIssues,
    ...sources.flatMap(sourceIssues),
    ...uplinks.flatMap((it, n) => uplinkIssues(it, parts.uplinks[n]?.hasRival() ?? false)),
    ...parts.uplinks.flatMap(feedIssues),
    ...logIssues(log),
    ...ruleIssues(parts.rules),
    ...notifyIssues(parts.notify, now),
    ...openIssues(parts.settings.boxes, parts.open),
  ]
  return {
    device: parts.settings.device.id,
    site: parts.settings.device.site,
    version: parts.version,
    epoch,
    startedAt: parts.startedAt,
    clock,
    host,
    log: figures,
    classes: classes.map((it) => ({ ...it, delivery: deliveryStatus(it, parts, now) })),
    sources,
    uplinks,
    ...(parts.boxes && { boxes: parts.boxes }),
    ...(parts.open && parts.open.length > 0 && { open: parts.open }),
    ...(parts.rules && { rules: parts.rules }),
    ...(parts.notify && { notify: parts.notify }),
    issues,
  }
}

function uplinkReport(
  { name, report, tally, eta, feed }: Parts['uplinks'][number],
  classes: readonly ClassStatus[],
  { delivery, uplinks }: Settings,
  { oldest }: LogStatus,
  parked: number,
  now: number,
): UplinkReport {
  const mine = classes.filter((it) => serves(name, delivery[it.name] ?? 'all-uplinks'))
  const stored = Math.max(0, mine.reduce((sum, it) => sum + it.stored, 0) - parked)
  const { readings: lagReadings, seconds: lagSeconds } = feed?.lag ?? {
    readings: stored,
    seconds: stored > 0 && oldest !== null ? Math.max(0, (now - oldest) / 1e6) : 0,
  }
  const perSecond = tally.perSecond()
  const guarantee = uplinks.find((it) => it.name === name)?.guarantee
  const blocked = report.blocked.map(({ classes: names, code, text }) => ({ classes: names, code, text }))
  return {
    name,
    state: report.state,
    readings: report.readings,
    lagReadings,
    lagSeconds,
    readingsPerSecond: perSecond,
    lane: { ...report.lane },
    etaSeconds: lagReadings === 0 ? 0 : report.state === 'up' ? eta.seconds() : null,
    blocked,
    parked,
    transactions: report.transactions,
    ...(guarantee && { guarantee }),
    ...(report.wait === undefined ? {} : { wait: report.wait }),
    ...(report.lastError === undefined ? {} : { lastError: report.lastError }),
    ...(report.remedy === undefined ? {} : { remedy: report.remedy }),
  }
}

function deliveryStatus({ name, stored, oldest }: ClassStatus, { settings, turn }: Parts, now: number): DeliveryStatus {
  const { holder, lastSwitch } = turn(name) ?? {}
  return {
    rule: settings.delivery[name] ?? 'all-uplinks',
    uplink: holder ?? null,
    atRisk: { readings: stored, seconds: oldest === null ? 0 : Math.max(0, (now - oldest) / 1e6) },
    lastSwitch: lastSwitch
      ? { from: lastSwitch.from, to: lastSwitch.to, seconds: lastSwitch.ms === null ? null : lastSwitch.ms / 1000 }
      : null,
  }
}

/** Whether a class's readings go to an uplink at all. */
export function serves(uplink: string, rule: Settings['delivery'][string]): boolean {
  if (rule === 'none') return false
  return typeof rule === 'string' || rule.includes(uplink)
}

function sourceIssues(it: SourceReport): Issue[] {
  if (it.state !== 'down') return []
  return [
    {
      code: 'source-down',
      severity: 'warning',
      text: `Source ${it.name} is down: ${it.lastError ?? it.code ?? 'no reason known'}`,
      remedy: it.remedy ?? `holdfast sources test ${it.name}`,
      of: it.name,
    },
  ]
}

function uplinkIssues(it: UplinkReport, hasRival: boolean): Issue[] {
  const remedy = it.remedy ?? `holdfast uplinks test ${it.name}`
  const blocked = it.blocked.map(
    (by): Issue => ({
      code: 'uplink-blocked',
      severity: 'problem',
      text: `Uplink ${it.name}: ${by.classes.join(', ')} must wait: ${by.text}`,
      remedy,
      of: it.name,
    }),
  )
  if (hasRival || it.state === 'fenced')
    return [
      ...blocked,
      {
        code: 'uplink-fenced',
        severity: 'problem',
        text: `Uplink ${it.name}: another box uses our identity`,
        remedy: 'Find the box with the same device id; one of the two needs another.',
        of: it.name,
      },
    ]
  if (it.wait) return [...blocked, ...waitIssues(it.name, it.wait)]
  if (it.state !== 'waiting') return blocked
  return [
    ...blocked,
    {
      code: 'uplink-waiting',
      severity: 'warning',
      text: `Uplink ${it.name} is waiting: ${it.lastError ?? 'not reached'}`,
      remedy,
      of: it.name,
    },
  ]
}

function feedIssues({ name, feed }: Parts['uplinks'][number]): Issue[] {
  if (!feed || feed.refused === 0) return []
  return [
    {
      code: 'uplink-refused',
      severity: 'warning',
      text: `Uplink ${name}: ${feed.refused} readings of ${[...feed.refusedOf].join(', ')} were refused there for good, last ${feed.code}`,
      remedy: `holdfast uplinks test ${name}`,
      of: name,
    },
  ]
}

/** A window that is closed is as it should be. */
function waitIssues(uplink: string, { code, text }: Wait): Issue[] {
  if (code === 'budget')
    return [{ code: 'budget-spent', severity: 'warning', text: `Uplink ${uplink}: ${text}`, remedy: LINK_REMEDY, of: uplink }]
  if (code === 'link')
    return [{ code: 'link-down', severity: 'warning', text: `Uplink ${uplink}: ${text}`, remedy: LINK_REMEDY, of: uplink }]
  return []
}

function diskIssue(disk: 'short' | 'full'): Issue {
  const remedy =
    'Delete what other programs have left there, or lower log.bytesMax; the log goes on by itself once there is room.'
  const full = 'The disk that the log lies on is full: nothing more is acknowledged'
  const short = 'The disk that the log lies on has no room but what was kept free for this: the oldest readings go first'
  return disk === 'full'
    ? { code: 'disk-full', severity: 'problem', text: full, remedy }
    : { code: 'disk-short', severity: 'problem', text: short, remedy }
}

function logIssues({ fill, parked, classes, waiting, disk, stuck }: LogPart): Issue[] {
  const issues: Issue[] = []
  if (fill > FILL_WARNING)
    issues.push({
      code: 'log-full',
      severity: 'problem',
      text: `The log is ${Math.round(fill * 100)} % full`,
      remedy: 'Restore the uplink, or raise log.bytesMax; the oldest of the lowest class goes first.',
    })
  if (disk !== 'roomy') issues.push(diskIssue(disk))
  if (stuck)
    issues.push({
      code: 'log-read',
      severity: 'problem',
      text: 'Somebody reads journal.db and does not end: nothing more is acknowledged',
      remedy:
        'End the program that has the file open; the log goes on by itself. Ask with `holdfast query`, which holds nothing up.',
    })
  for (const name of waiting)
    issues.push({
      code: 'class-waits',
      severity: 'problem',
      text: `Class ${name} has all the space that it may have and gives nothing up: its sources wait`,
      remedy: 'Restore the uplink that takes it, or raise log.bytesMax; it goes on by itself once some of it is delivered.',
      of: name,
    })
  if (parked > 0)
    issues.push({
      code: 'parked',
      severity: 'warning',
      text: `${parked} readings were refused by the destination for good and are kept here`,
      remedy: 'They stay in the log and can be queried; sending them once more is not built yet.',
    })
  for (const it of classes)
    if ((it.lost['unaccounted'] ?? 0) !== 0)
      issues.push({
        code: 'log-damaged',
        severity: 'problem',
        text: `Class ${it.name}: ${it.lost['unaccounted']} readings are missing from the log`,
        remedy: 'The disk may be failing; send us the diagnostics.',
        of: it.name,
      })
  return issues
}
