// What one uplink may send now, and why not: its windows, its links and their budgets, for each class.
//
// A connection takes one way at a time: the first link of the list that is up, within its budget and carries anything that may go now.
// Settings see to it that a link carries all that the links after it do, so the first one carries each class.
import type { Admission, Route, Wait } from '../../core/admission.ts'
import { SYSTEM_CLASS } from '../../core/admission.ts'
import type { ClassView, LinkView, UplinkView, WindowView } from '../../core/links.ts'
import type { Micros } from '../../core/reading.ts'
import type { LinkSettings, UplinkSettings } from '../../core/settings.ts'
import type { Times } from '../../core/times.ts'
import { isOpen, nextMinute, parseTimes } from '../../core/times.ts'
import { formatBytes } from '../../core/units.ts'
import type { Zone } from '../../core/zone.ts'
import { MINUTE_US, timeZone, wallText } from '../../core/zone.ts'
import type { Link, Links } from './links.ts'
import { isSpent, WORTHWHILE_BYTES } from './links.ts'

export interface UplinkAdmission extends Admission {
  /** By which link a person may test the uplink: windows are for readings. */
  testRoute(): Route | 'any' | Wait
  /** Whether the settings keep a class from it for good: no link carries it, or no window names it. */
  neverGoes(className: string): boolean
  /** Classes in the order of the settings, and what the box fetches itself, as far as this uplink's links would carry it. */
  view(): Pick<UplinkView, 'classes' | 'links' | 'windows' | 'wait'>
}

interface AdmissionParts {
  readonly uplink: UplinkSettings
  /** All of the settings, most valuable first. */
  readonly classes: readonly string[]
  /** Whether readings of a class go to this uplink at all. */
  serves(className: string): boolean
  readonly links: Links
  now(): Micros
}

interface Window {
  readonly times: Times
  readonly zone: Zone
  readonly classes: readonly string[] | 'all'
}

interface Way {
  readonly link: Link
  readonly settings: LinkSettings
}

type Verdict = Omit<ClassView, 'name'>
const SENT: Verdict = { sent: true }

export function uplinkAdmission(parts: AdmissionParts): UplinkAdmission {
  const { uplink, classes, links } = parts
  const served = classes.filter((it) => parts.serves(it))
  const windows = uplink.windows?.map(windowOf)
  const ways = uplink.links?.map((settings): Way => ({ settings, link: links.of(settings.interface) }))
  const openNow = byMinute((at) =>
    served.filter((it) => !windows || windows.some((by) => names(by.classes, it) && isOpen(by.times, by.zone, at))),
  )

  /** The way that a connection takes now; 'any' where the settings name none. */
  function wayNow(open: readonly string[]): Way | 'any' | undefined {
    if (!ways) return 'any'
    return ways.find(
      ({ link, settings }) => link.address() !== undefined && !isSpent(link) && open.some((it) => names(settings.classes, it)),
    )
  }

  function verdict(name: string, at: Micros, open: readonly string[], way: Way | 'any' | undefined): Verdict {
    if (!served.includes(name)) return { sent: false, code: 'delivery', text: 'delivery gives it to others' }
    if (!open.includes(name)) return closed(windows ?? [], name, at)
    if (way === 'any' || (way && names(way.settings.classes, name))) return SENT
    return noWay(ways ?? [], name)
  }

  function neverGoes(name: string): boolean {
    const isNamed = (lists: readonly { readonly classes: readonly string[] | 'all' }[] | undefined) =>
      !lists || lists.some((it) => names(it.classes, name))
    return !isNamed(uplink.windows) || !isNamed(uplink.links)
  }

  function verdicts(): { readonly all: readonly ClassView[]; readonly way: Way | 'any' | undefined } {
    const at = parts.now()
    const open = openNow(at)
    const way = wayNow(open)
    return { all: classes.map((name) => ({ name, ...verdict(name, at, open, way) })), way }
  }

  return {
    now() {
      const open = openNow(parts.now())
      const way = wayNow(open)
      const admitted = way === 'any' ? open : way ? open.filter((it) => names(way.settings.classes, it)) : []
      const except = classes.filter((it) => !admitted.includes(it))
      if (admitted.length === 0 && (ways || served.length > 0))
        return { except, bytesMax: 0, route: undefined, wait: waitOf(verdicts().all) }
      if (way === 'any' || !way) return { except, bytesMax: Infinity, route: undefined }
      return { except, ...room(way.link, parts.now()), route: routeOf(way.link) }
    },
    holds: ({ link, localAddress }) => links.of(link).address() === localAddress,
    reserve: async (route, bytes) => (route ? links.reserve(route, bytes) : undefined),
    testRoute() {
      if (!ways) return 'any'
      const way = ways.find(({ link }) => link.address() !== undefined && !isSpent(link))
      return way ? routeOf(way.link) : waitOf([{ name: 'link', ...noWay(ways, undefined) }])
    },
    neverGoes,
    view() {
      const { all } = verdicts()
      return {
        classes: ways ? [...all, systemView(ways)] : all,
        links: ways?.map((it) => linkView(it, classes)) ?? [],
        windows: windows?.map((it) => windowView(it, parts.now())) ?? [],
        wait: all.some((it) => it.sent) || (served.length === 0 && !ways) ? null : waitOf(all),
      }
    },
  }
}

const names = (list: readonly string[] | 'all', name: string) => list === 'all' || list.includes(name)

function windowOf({ at, zone, classes }: NonNullable<UplinkSettings['windows']>[number]): Window {
  const times = parseTimes(at)
  if (typeof times === 'string') throw new Error(`window ${at}: ${times}`)
  return { times, zone: timeZone(zone), classes }
}

/** Windows open and close at whole minutes. */
function byMinute<T>(of: (at: Micros) => T): (at: Micros) => T {
  let last: { readonly minute: number; readonly value: T } | undefined
  return (at) => {
    const minute = Math.floor(at / MINUTE_US)
    if (last?.minute !== minute) last = { minute, value: of(at) }
    return last.value
  }
}

function routeOf(link: Link): Route {
  return { link: link.name, localAddress: link.address() as string }
}

/** Half of what a budget has left: what is sent may turn out larger than it was thought to be. */
function room({ account, bucket }: Link, now: Micros): { bytesMax: number; wait?: Wait } {
  const ofBudget = account ? account.state().left / 2 : Infinity
  if (!bucket) return { bytesMax: ofBudget }
  const tokens = bucket.tokens()
  if (tokens > 0) return { bytesMax: Math.min(ofBudget, Math.max(tokens, WORTHWHILE_BYTES / 2)) }
  const text = `${formatBytes(bucket.bytesPerSecond)} a second are used up`
  return { bytesMax: 0, wait: { code: 'rate', text, until: now + Math.ceil(bucket.waitMs() * 1000) } }
}

function closed(windows: readonly Window[], name: string, at: Micros): Verdict {
  const mine = windows.filter((it) => names(it.classes, name))
  const openings = mine.flatMap((it) => {
    const next = nextMinute(it.times, it.zone, at, true)
    return next === undefined ? [] : [{ next, zone: it.zone }]
  })
  const first = openings.toSorted((a, b) => a.next - b.next)[0]
  if (!first) return { sent: false, code: 'window', text: mine.length > 0 ? 'its window never opens' : 'no window names it' }
  return { sent: false, code: 'window', text: `its window opens ${wallText(first.zone, first.next)}`, until: first.next }
}

/** Without a name: whatever the class. */
function noWay(ways: readonly Way[], name: string | undefined): Verdict {
  const mine = ways.filter((it) => name === undefined || names(it.settings.classes, name))
  if (mine.length === 0) return { sent: false, code: 'link', text: 'no link carries it' }
  const spent = mine.find(({ link }) => link.address() !== undefined && isSpent(link))
  if (spent) return spentOut(spent.link)
  const text = `${mine.map((it) => it.link.name).join(', ')} ${mine.length > 1 ? 'are' : 'is'} down`
  return { sent: false, code: 'link', text }
}

function spentOut({ name, account }: Link): Verdict {
  const { bytes, per, zone } = (account as NonNullable<typeof account>).budget
  const { end, isUnknown } = (account as NonNullable<typeof account>).state()
  const why = isUnknown ? 'is not known to have anything left' : 'is spent'
  const until = wallText(timeZone(zone), end)
  return {
    sent: false,
    code: 'budget',
    text: `the budget of ${name}, ${formatBytes(bytes)} a ${per}, ${why} until ${until}`,
    until: end,
  }
}

/** Of what all classes wait for, the first that may come. */
function waitOf(all: readonly ClassView[]): Wait {
  const waits = all.filter((it) => !it.sent && it.code !== 'delivery')
  const first = waits.toSorted((a, b) => (a.until ?? Infinity) - (b.until ?? Infinity))[0]
  // It has nothing to send, and is no reason to open a connection by whatever way.
  if (!first) return { code: 'window', text: 'delivery gives all classes to others', until: undefined }
  return { code: first.code as Wait['code'], text: `${first.name}: ${first.text ?? ''}`, until: first.until }
}

/** What the box fetches goes by no link that costs, unless its settings name it. */
function systemView(ways: readonly Way[]): ClassView {
  const carries = ({ settings }: Way) =>
    settings.classes === 'all' ? settings.budget === undefined : settings.classes.includes(SYSTEM_CLASS)
  const mine = ways.filter(carries)
  const way = mine.find(({ link }) => link.address() !== undefined && !isSpent(link))
  if (way) return { name: SYSTEM_CLASS, sent: true, address: way.link.address() as string }
  return { name: SYSTEM_CLASS, ...noWay(mine, undefined) }
}

function linkView({ link, settings }: Way, classes: readonly string[]): LinkView {
  const { account } = link
  return {
    interface: link.name,
    up: link.address() !== undefined,
    address: link.address() ?? null,
    classes: settings.classes === 'all' ? classes : settings.classes,
    bytesPerSecondMax: settings.bytesPerSecondMax ?? null,
    budget: account ? { ...account.budget, ...budgetView(account.state()) } : null,
  }
}

function budgetView({ spent, counted, left, start, end, isUnknown }: ReturnType<NonNullable<Link['account']>['state']>) {
  const [spentBytes, leftBytes] = [Math.round(spent), Math.round(left)]
  return { spentBytes, countedBytes: counted, leftBytes, from: start, until: end, isUnknown }
}

function windowView({ times, zone, classes }: Window, at: Micros): WindowView {
  const open = isOpen(times, zone, at)
  return { at: times.text, zone: zone.name, classes, open, next: nextMinute(times, zone, at, !open) ?? null }
}
