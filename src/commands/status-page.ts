// The agent's status as a page of at most 80 columns, and as one line for a log.
import type { ClassReport, ClassStatus, Issue, SourceReport, Status, UplinkReport } from '../core/status.ts'
import { formatBytes, formatDuration } from '../core/units.ts'
import { notifyTable } from './status-notify.ts'
import { ruleTable } from './status-rules.ts'
import type { Paint } from './text.ts'
import { ago, printable, rate, remedyLines, shortCount, table, wrap } from './text.ts'

const LABEL_WIDTH = 6

export type Health = 'OK' | 'Attention' | 'Problem'

export function healthOf(status: Status): Health {
  const uplinkStuck = status.uplinks.some((it) => it.state === 'blocked' || it.state === 'fenced')
  if (status.issues.some((it) => it.severity === 'problem') || uplinkStuck || status.classes.some(isOff)) return 'Problem'
  const partDown =
    status.sources.some((it) => it.state === 'down') ||
    status.uplinks.some((it) => it.state === 'waiting' && it.wait?.code !== 'window')
  return partDown || status.issues.some((it) => it.severity === 'warning') ? 'Attention' : 'OK'
}

/** What others may reach on this box because the settings say so. */
function openLines({ open = [] }: Status): string[] {
  return open.length === 0 ? [] : [`open  ${open.map((it) => `TCP ${it.port} on ${it.interface} (${it.zone})`).join(', ')}`, '']
}

function lostOf(it: ClassStatus): number {
  return Object.values(it.lost).reduce((sum, count) => sum + count, 0)
}

/** accepted = delivered + stored + aggregated + lost does not hold. */
function isOff(it: ClassStatus): boolean {
  return it.accepted !== it.delivered + it.stored + it.aggregated + lostOf(it)
}

function sum<T>(list: readonly T[], of: (it: T) => number): number {
  return list.reduce((total, it) => total + of(it), 0)
}

/** `now` in microseconds since 1970 UTC. */
export function statusPage(status: Status, now: number, paint: Paint, width: number): string[] {
  return [
    ...head(status, now, paint, width),
    '',
    ...flow(status, now, width),
    '',
    ...openLines(status),
    ...classTable(status.classes, paint, width),
    '',
    ...sourceTable(status.sources, now, width),
    '',
    ...uplinkTable(status.uplinks, width),
    '',
    ...(status.rules ? [...ruleTable(status.rules, now), ''] : []),
    ...(status.notify ? [...notifyTable(status.notify, now), ''] : []),
    ...issueLines(status.issues, paint, width),
  ]
}

function head(status: Status, now: number, paint: Paint, width: number): string[] {
  const health = healthOf(status)
  const colour = health === 'OK' ? 'green' : health === 'Attention' ? 'yellow' : 'red'
  const { synchronised, offsetMs } = status.clock
  const clock = synchronised
    ? `clock synchronised${offsetMs === null ? '' : ` (${formatDuration(offsetMs)} off)`}`
    : 'clock NOT synchronised'
  const name = `HOLDFAST  ${status.device}${status.site && `  ${printable(status.site)}`}`
  const about = `version ${status.version}, up ${formatDuration((now - status.startedAt) / 1000)}, epoch ${status.epoch.slice(0, 8)}, ${clock}`
  return [`${name.padEnd(Math.min(width, 80) - health.length)}${paint(colour, health)}`, ...wrap(about, width)]
}

function flow(status: Status, now: number, width: number): string[] {
  const { log, sources, uplinks, host } = status
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`
  const share = log.bytesMax > 0 ? ((100 * log.bytes) / log.bytesMax).toFixed(1) : '–'
  const oldest = log.oldest === null ? 'all delivered' : `oldest not delivered ${ago(log.oldest, now)}`
  const disk = `fsync ${formatDuration(log.commitMs.p50)}, p99 ${formatDuration(log.commitMs.p99)}`
  const { cpu, memory } = host
  const warm = host.temperature === null ? '' : `, ${host.temperature.toFixed(0)} °C`
  const label = (word: string, text: string): string[] => {
    const [first = '', ...rest] = wrap(text, width, ' '.repeat(LABEL_WIDTH))
    return [word.padEnd(LABEL_WIDTH) + first.slice(LABEL_WIDTH), ...rest]
  }
  return [
    ...label('in', `${rate(sum(sources, (it) => it.readingsPerSecond))} readings/s from ${count(sources.length, 'source')}`),
    ...label('kept', `${formatBytes(log.bytes)} of ${formatBytes(log.bytesMax)} (${share} %), ${oldest}, ${disk}`),
    ...label(
      'out',
      `${rate(sum(uplinks, (it) => it.readingsPerSecond))} readings/s to ${count(uplinks.length, 'uplink')}, ` +
        `lag ${shortCount(sum(uplinks, (it) => it.lagReadings))} readings`,
    ),
    ...label(
      'box',
      `CPU ${cpu.loadPercent.toFixed(0)} % of ${count(cpu.cores, 'core')}, agent ${formatBytes(memory.agentBytes)}, ` +
        `memory ${formatBytes(memory.usedBytes)} of ${formatBytes(memory.bytes)}, disk ${formatBytes(host.disk.freeBytes)} free${warm}`,
    ),
  ]
}

function classTable(classes: readonly ClassReport[], paint: Paint, width: number): string[] {
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = classes.map((it) => [
    it.name,
    shortCount(it.accepted),
    shortCount(it.delivered),
    shortCount(it.stored),
    shortCount(it.aggregated),
    shortCount(lostOf(it)),
    formatBytes(it.bytes),
    it.step,
  ])
  const columns = [right('ACCEPTED'), right('DELIVERED'), right('STORED'), right('AGGR.'), right('LOST'), right('BYTES')]
  const off = classes.filter(isOff)
  const balance =
    off.length === 0
      ? ['accepted = delivered + stored + aggregated + lost: holds for every class']
      : off.map((it) => {
          const total = it.delivered + it.stored + it.aggregated + lostOf(it)
          return paint(
            'red',
            `DOES NOT ADD UP in ${it.name}: accepted ${it.accepted}, delivered + stored + aggregated + lost = ${total}`,
          )
        })
  const risk = classes.flatMap((it) => wrap(riskText(it), width))
  const lost = classes.flatMap((it) => wrap(lossText(it), width))
  return [
    ...table([{ title: 'CLASS', widthMax: 14 }, ...columns, { title: 'STEP', widthMax: 8 }], rows),
    ...lost,
    ...risk,
    ...balance,
  ]
}

function lossText(it: ClassStatus): string {
  const reasons = Object.entries(it.lost).filter(([, count]) => count > 0)
  return reasons.length === 0
    ? ''
    : `lost of ${it.name}: ${reasons.map(([reason, count]) => `${shortCount(count)} ${reason}`).join(', ')}`
}

/** What would be lost if the box died now, and whose turn it is. */
function riskText({ name, delivery }: ClassReport): string {
  const { atRisk, uplink, lastSwitch } = delivery
  const seconds = lastSwitch?.seconds ?? null
  const took = seconds === null ? '' : ` in ${formatDuration(seconds * 1000)}`
  const parts = [
    atRisk.readings > 0 &&
      `${shortCount(atRisk.readings)} readings not delivered, up to ${formatDuration(atRisk.seconds * 1000)} old`,
    uplink !== null && `goes to ${uplink}`,
    lastSwitch && `${lastSwitch.to} took over from ${lastSwitch.from}${took}`,
  ].filter((it) => typeof it === 'string')
  return parts.length === 0 ? '' : `${name}: ${parts.join('; ')}`
}

/** One row a source; what is wrong with it beneath. */
export function sourceTable(sources: readonly SourceReport[], now: number, width: number): string[] {
  if (sources.length === 0) return ['no sources']
  const withholds = sources.some((it) => it.withheld !== undefined)
  const rows = sources.map((it) => [
    it.name,
    it.protocol,
    it.state,
    shortCount(it.readings),
    rate(it.readingsPerSecond),
    ago(it.lastReading, now),
    ...(withholds ? [it.withheld === undefined ? '–' : shortCount(it.withheld)] : []),
  ])
  const [title = '', ...body] = table(
    [
      { title: 'SOURCE', widthMax: withholds ? 16 : 22 },
      { title: 'PROTOCOL', widthMax: 12 },
      { title: 'STATE' },
      { title: 'READINGS', align: 'right' },
      { title: 'PER S', align: 'right' },
      { title: 'LAST' },
      ...(withholds ? [{ title: 'WITHHELD', align: 'right' as const }] : []),
    ],
    rows,
  )
  return [title, ...body.flatMap((line, at) => [line, ...trouble(sources[at] as SourceReport, width)])]
}

interface Trouble {
  readonly code?: string
  readonly lastError?: string
  readonly remedy?: string
}

function trouble(it: Trouble, width: number): string[] {
  if (it.lastError === undefined && it.code === undefined) return []
  const text = [it.code, it.lastError].filter((part) => part !== undefined).join(': ')
  return [...wrap(text, width, '    '), ...remedyLines(it.remedy, width)]
}

/** One row an uplink; what blocks it beneath. */
export function uplinkTable(uplinks: readonly UplinkReport[], width: number): string[] {
  if (uplinks.length === 0) return ['no uplinks: everything stays on the box']
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = uplinks.map((it) => [
    it.name,
    it.state,
    shortCount(it.readings),
    rate(it.readingsPerSecond),
    shortCount(it.lagReadings),
    formatDuration(it.lagSeconds * 1000),
    it.etaSeconds === null ? '–' : formatDuration(it.etaSeconds * 1000),
  ])
  const columns = [right('SENT'), right('PER S'), right('LAG'), right('BEHIND'), right('DRAINED IN')]
  const [title = '', ...body] = table([{ title: 'UPLINK', widthMax: 12 }, { title: 'STATE' }, ...columns], rows)
  return [title, ...body.flatMap((line, at) => [line, ...uplinkTrouble(uplinks[at] as UplinkReport, width)])]
}

function uplinkTrouble(it: UplinkReport, width: number): string[] {
  const blocked = it.blocked.flatMap((one) => wrap(`${one.classes.join(', ')} blocked, ${one.code}: ${one.text}`, width, '    '))
  const parked = it.parked > 0 ? [`    ${shortCount(it.parked)} readings parked: refused for good, kept here`] : []
  const { live, backlog } = it.lane
  const lanes = `    live ${shortCount(live)}, backlog ${shortCount(backlog)}, ${shortCount(it.transactions)} transactions`
  const twice = it.guarantee ? ['    at least once: what was under way when a connection broke comes twice'] : []
  const wait = it.wait ? wrap(it.wait.text, width, '    ') : []
  return [lanes, ...twice, ...wait, ...blocked, ...parked, ...trouble(it, width)]
}

const MARKS = { problem: 'red', warning: 'yellow', info: 'dim' } as const

function issueLines(issues: readonly Issue[], paint: Paint, width: number): string[] {
  if (issues.length === 0) return ['no issues']
  const order = ['problem', 'warning', 'info']
  const sorted = issues.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
  return sorted.flatMap((it) => [
    `${paint(MARKS[it.severity], it.severity)} ${it.code}`,
    ...wrap(it.text, width, '    '),
    ...remedyLines(it.remedy, width),
  ])
}

/** For a log or a pipe: `OK  in 1,234/s  kept 12 MB (0.6 %)  out 1,230/s  lag 12  lost 0`. */
export function statusLine(status: Status): string {
  const { log, sources, uplinks, classes } = status
  const share = log.bytesMax > 0 ? ((100 * log.bytes) / log.bytesMax).toFixed(1) : '–'
  return [
    healthOf(status),
    `in ${rate(sum(sources, (it) => it.readingsPerSecond))}/s`,
    `kept ${formatBytes(log.bytes)} (${share} %)`,
    `out ${rate(sum(uplinks, (it) => it.readingsPerSecond))}/s`,
    `lag ${shortCount(sum(uplinks, (it) => it.lagReadings))}`,
    `delivered ${shortCount(sum(classes, (it) => it.delivered))}`,
    `lost ${shortCount(sum(classes, lostOf))}`,
  ].join('  ')
}
