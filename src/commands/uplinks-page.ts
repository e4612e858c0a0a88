// What each uplink would send now and why not, as a page of at most 80 columns, plain ASCII where it draws.
import type { BudgetView, ClassView, LinkView, UplinkView, WindowView } from '../core/links.ts'
import { formatBytes, formatDuration } from '../core/units.ts'
import { timeZone, wallText } from '../core/zone.ts'
import type { Paint } from './text.ts'
import { table, wrap } from './text.ts'

const BAR_WIDTH = 20
const INDENT = '    '

/** `now` in microseconds since 1970 UTC. */
export function uplinkPage(view: UplinkView, now: number, paint: Paint, width: number): string[] {
  const { name, classes, links, windows } = view
  return [
    `${paint('bold', name)}  ${wayText(view)}`,
    ...(view.wait ? wrap(`waiting. ${view.wait.text}${inText(view.wait.until, now)}`, width, '  ') : []),
    ...classTable(classes, now, width),
    ...(links.length > 0 ? ['', ...linkLines(links, now, width)] : []),
    ...(windows.length > 0 ? ['', ...windowTable(windows, now)] : []),
  ]
}

function wayText({ link, links, state }: UplinkView): string {
  if (link !== null) return `goes by ${link}`
  return links.length > 0 ? 'no connection' : `${state === 'up' ? 'goes' : 'would go'} by whatever way the system has`
}

function classTable(classes: readonly ClassView[], now: number, width: number): string[] {
  const nameWidth = Math.max(5, ...classes.map((it) => it.name.length))
  return classes.flatMap((it) => {
    if (it.sent) return [`  ${it.name.padEnd(nameWidth)}  sent`]
    const text = `not sent: ${it.text ?? it.code ?? ''}${inText(it.until, now)}`
    const [first = '', ...rest] = wrap(text, width, ' '.repeat(nameWidth + 4))
    return [`  ${it.name.padEnd(nameWidth)}  ${first.trimStart()}`, ...rest]
  })
}

function inText(until: number | undefined | null, now: number): string {
  return typeof until === 'number' && until > now ? `, in ${formatDuration((until - now) / 1000)}` : ''
}

function linkLines(links: readonly LinkView[], now: number, width: number): string[] {
  const rows = links.map((it) => [
    it.interface,
    it.up ? 'up' : 'down',
    it.address ?? '-',
    it.bytesPerSecondMax === null ? '-' : `${formatBytes(it.bytesPerSecondMax)}/s`,
    it.classes.join(' '),
  ])
  const columns = [
    { title: 'LINK' },
    { title: 'STATE' },
    { title: 'ADDRESS' },
    { title: 'RATE' },
    { title: 'CARRIES', widthMax: 30 },
  ]
  const [title = '', ...body] = table(columns, rows)
  return [title, ...body.flatMap((line, at) => [line, ...budgetLines(links[at]?.budget ?? null, now, width)])]
}

function budgetLines(budget: BudgetView | null, now: number, width: number): string[] {
  if (!budget) return []
  const { bytes, per, zone, spentBytes, until, isUnknown } = budget
  const share = Math.min(1, spentBytes / bytes)
  const bar = `[${'#'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '.')}]`
  const text = `${bar} ${formatBytes(spentBytes)} of ${formatBytes(bytes)} a ${per} spent (${(share * 100).toFixed(1)} %)`
  const anew = `anew ${wallText(timeZone(zone), until)}${inText(until, now)}`
  const unknown = isUnknown ? wrap('what was spent before is not known: the period counts as spent', width, INDENT) : []
  return [...wrap(text, width, INDENT), ...wrap(anew, width, INDENT), ...unknown]
}

function windowTable(windows: readonly WindowView[], now: number): string[] {
  const rows = windows.map((it) => [
    it.at,
    it.zone,
    it.open ? 'open' : 'closed',
    it.next === null ? (it.open ? 'stays open' : 'never opens') : `${it.open ? 'closes' : 'opens'}${inText(it.next, now)}`,
    it.classes === 'all' ? 'all' : it.classes.join(' '),
  ])
  return table(
    [{ title: 'WINDOW' }, { title: 'ZONE' }, { title: 'NOW' }, { title: 'NEXT' }, { title: 'CLASSES', widthMax: 24 }],
    rows,
  )
}
