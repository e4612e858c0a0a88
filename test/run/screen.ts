// The live screen of `make run`: a pure function from what is known to lines that fit the terminal.
import type { ClassStatus, Issue, SourceReport, Status, UplinkReport } from '../../src/core/status.ts'

export interface View {
  readonly seconds: number
  /** Undefined while the agent does not answer. */
  readonly status: Status | undefined
  readonly agent: 'running' | 'starting' | 'killed'
  readonly kafka: 'running' | 'starting' | 'killed'
  readonly isCableCut: boolean
  /** `claimCode` until the box is claimed. */
  readonly page?: { readonly url: string; readonly claimCode: string | undefined } | undefined
  /** What happened, newest last. */
  readonly events: readonly string[]
  /** Microseconds since 1970 UTC. */
  readonly now: number
}

type Style = 'plain' | 'bold' | 'dim' | 'good' | 'warn' | 'bad'
type Part = string | readonly [text: string, style: Style]

const CODES: Record<Style, string> = { plain: '', bold: '1', dim: '2', good: '32', warn: '33', bad: '31;1' }
const NAME_WIDTH = 14
const COUNT_WIDTH = 13
const COUNT_WIDTH_NARROW = 11
const EVENTS_MIN = 3

/** A line from its parts, and a row of a table, both cut to the terminal. */
interface Paper {
  line(...parts: Part[]): string
  row(style: Style, name: string, ...cells: Part[]): string
}

/** At most `rows` lines of at most `columns` characters each; the keys are always the last. */
export function screen(view: View, columns: number, rows: number): string[] {
  const paper = paperOf(columns)
  const head = [
    paper.line([title(view), 'bold']),
    paper.line(...parts(view)),
    ...(view.page ? [paper.line(...pageParts(view.page))] : []),
  ]
  const keys = keyLines(columns).map((text) => paper.line([text, 'dim']))
  const room = Math.max(0, rows - head.length - keys.length)
  const body = view.status ? statusLines(view.status, view.now, paper) : ['', paper.line(waitingText(view))]
  const kept = fitted(body, Math.max(0, room - Math.min(view.events.length, EVENTS_MIN)))
  const eventCount = Math.max(0, room - kept.length - 1)
  const events = eventCount > 0 ? view.events.slice(-eventCount).map((text) => paper.line(text)) : []
  const middle = [...kept, ...(kept.length + events.length < room ? [''] : []), ...events].slice(0, room)
  while (middle.length < room) middle.push('')
  return [...head, ...middle, ...keys].slice(0, rows)
}

function paperOf(columns: number): Paper {
  const width = columns >= NAME_WIDTH + 4 * COUNT_WIDTH ? COUNT_WIDTH : COUNT_WIDTH_NARROW
  const cell = (part: Part): Part => (typeof part === 'string' ? part.padStart(width) : [part[0].padStart(width), part[1]])
  return {
    line: (...all) => line(columns, all),
    row: (style, name, ...cells) => {
      const all: Part[] = [name.slice(0, NAME_WIDTH - 1).padEnd(NAME_WIDTH), ...cells.map(cell)]
      return line(columns, style === 'plain' ? all : all.map((it) => [typeof it === 'string' ? it : it[0], style] as const))
    },
  }
}

/** Where there is little room the empty lines go first, then what is last. */
function fitted(lines: readonly string[], room: number): readonly string[] {
  if (lines.length <= room) return lines
  return lines.filter((it) => it !== '').slice(0, room)
}

function title(view: View): string {
  const status = view.status
  const who = status ? ` · ${status.device} at ${status.site} · epoch ${status.epoch.slice(0, 8)}` : ''
  return `Holdfast${who} · ${clockOf(view.seconds)}`
}

function parts(view: View): Part[] {
  return [
    'agent ',
    [view.agent, styleOf(view.agent)],
    '   uplink cable ',
    view.isCableCut ? ['cut', 'bad'] : ['plugged in', 'good'],
    '   Kafka ',
    [view.kafka, styleOf(view.kafka)],
  ]
}

function pageParts({ url, claimCode }: NonNullable<View['page']>): Part[] {
  return ['page  ', [url, 'bold'], ...(claimCode === undefined ? [] : (['   claim code ', [claimCode, 'bold']] as Part[]))]
}

function styleOf(state: string): Style {
  if (state === 'running' || state === 'up') return 'good'
  if (state === 'killed' || state === 'down' || state === 'blocked' || state === 'fenced') return 'bad'
  return 'warn'
}

function waitingText(view: View): string {
  return view.agent === 'killed' ? 'The agent was killed and starts again in a moment.' : 'Waiting for the agent …'
}

function statusLines(status: Status, now: number, paper: Paper): string[] {
  return [
    '',
    paper.row('dim', 'readings in', 'state', 'per second', 'in all', 'last'),
    ...status.sources.flatMap((source) => sourceLines(source, now, paper)),
    '',
    paper.line(['log'.padEnd(NAME_WIDTH), 'dim'], ...logParts(status)),
    '',
    paper.row('dim', 'readings out', 'state', 'per second', 'lag', 'behind'),
    ...status.uplinks.flatMap((uplink) => uplinkLines(uplink, paper)),
    '',
    paper.row('dim', 'class', 'accepted =', 'delivered', '+ stored', '+ given up'),
    ...status.classes.filter((it) => it.accepted > 0).map((it) => classLine(it, paper)),
    ...issueLines(status.issues, paper),
  ]
}

function sourceLines(source: SourceReport, now: number, paper: Paper): string[] {
  const state: Part = [source.state, styleOf(source.state)]
  const row = paper.row(
    'plain',
    source.name,
    state,
    count(source.readingsPerSecond),
    count(source.readings),
    agoOf(source.lastReading, now),
  )
  return withError(row, source.state, source.lastError, paper)
}

function withError(row: string, state: string, error: string | undefined, paper: Paper): string[] {
  return state === 'up' || error === undefined ? [row] : [row, paper.line(['  ', 'plain'], [error, 'warn'])]
}

function logParts(status: Status): Part[] {
  const { bytes, bytesMax, commitMs } = status.log
  const share = bytesMax > 0 ? bytes / bytesMax : 0
  const fsync = ` fsync ${commitMs.p50.toFixed(1)}, p99 ${commitMs.p99.toFixed(1)} ms`
  return [[bar(share, 16), share > 0.8 ? 'warn' : 'good'], ` ${bytesText(bytes)} of ${bytesText(bytesMax)} `, fsync]
}

/** What is no longer there as it came: reduced to aggregates, or lost. */
function givenUp(it: ClassStatus): number {
  return it.aggregated + Object.values(it.lost).reduce((sum, n) => sum + n, 0)
}

function classLine(it: ClassStatus, paper: Paper): string {
  return paper.row('plain', it.name, count(it.accepted), count(it.delivered), count(it.stored), count(givenUp(it)))
}

function uplinkLines(uplink: UplinkReport, paper: Paper): string[] {
  const state: Part = [uplink.state, styleOf(uplink.state)]
  const behind = secondsText(uplink.lagSeconds)
  const row = paper.row('plain', uplink.name, state, count(uplink.readingsPerSecond), count(uplink.lagReadings), behind)
  return withError(row, uplink.state, uplink.lastError, paper)
}

/** Problems one by one; warnings stand there all the time, so they share a line. */
function issueLines(issues: readonly Issue[], paper: Paper): string[] {
  const problems = issues.filter((it) => it.severity === 'problem').map((it) => paper.line(['! ', 'bad'], it.text))
  const warnings = issues.filter((it) => it.severity === 'warning')
  const codes = [...new Set(warnings.map((it) => it.code))].join(', ')
  return [...problems, ...(warnings.length > 0 ? [paper.line([`${warnings.length} warnings: ${codes}`, 'dim'])] : [])]
}

/** One line where it fits, two where it does not. */
function keyLines(columns: number): string[] {
  const keys = ['u cable', 'k kill -9 Kafka', 'a kill -9 agent', 'v verify', 'q quit']
  const one = keys.join('   ')
  return one.length <= columns ? [one] : [keys.slice(0, 2).join('  '), keys.slice(2).join('  ')]
}

/** Without a terminal: the same in one line. */
export function oneLine(view: View): string {
  const status = view.status
  const at = `${String(Math.round(view.seconds)).padStart(4)} s`
  if (!status) return `${at}  agent ${view.agent}, Kafka ${view.kafka}`
  const sources = status.sources.map((it) => `${it.name} ${it.state === 'up' ? `${count(it.readingsPerSecond)}/s` : it.state}`)
  const uplinks = status.uplinks.map(
    (it) =>
      `${it.name} ${it.state}, out ${count(it.readingsPerSecond)}/s, lag ${count(it.lagReadings)} readings ${secondsText(it.lagSeconds)}`,
  )
  const fill = `log ${bytesText(status.log.bytes)} of ${bytesText(status.log.bytesMax)}`
  const problems = status.issues.filter((it) => it.severity === 'problem').map((it) => it.code)
  return [
    `${at}  in: ${sources.join(', ')}`,
    fill,
    ...uplinks,
    ...(problems.length > 0 ? [`issues: ${problems.join(', ')}`] : []),
  ].join(' · ')
}

function line(columns: number, all: readonly Part[]): string {
  let room = columns
  let text = ''
  for (const part of all) {
    const [whole, style] = typeof part === 'string' ? [part, 'plain' as const] : part
    const shown = printable(whole).slice(0, room)
    room -= shown.length
    if (shown.length > 0) text += CODES[style] === '' ? shown : `\u001B[${CODES[style]}m${shown}\u001B[0m`
  }
  return text
}

/** What comes from a device or a library must not move the cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

function bar(share: number, width: number): string {
  const full = Math.min(width, Math.round(share * width))
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}

export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

function bytesText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`
}

function secondsText(seconds: number): string {
  if (seconds >= 3600) return `${(seconds / 3600).toFixed(1)} h`
  return seconds >= 120 ? `${(seconds / 60).toFixed(1)} min` : `${seconds.toFixed(1)} s`
}

function agoOf(time: number | null, now: number): string {
  return time === null ? '-' : `${secondsText(Math.max(0, now - time) / 1e6)} ago`
}

function clockOf(seconds: number): string {
  const whole = Math.floor(seconds)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}
