// What `status` shows of an uplink, and how it changes while the uplink forwards.
import type { Wait } from '../core/admission.ts'
import type { Clock } from '../core/source.ts'
import type { StreamIntervals } from '../core/stream.ts'
import type { UplinkState } from '../core/status.ts'
import { readingsOf } from './forward-take.ts'
import type { Pair } from './forward-take.ts'
import type { LinkRate } from './link-rate.ts'
import { carried, UNKNOWN_LINK } from './link-rate.ts'

/** What `status` shows of an uplink; changed in place. */
export interface ForwardReport {
  state: UplinkState
  readings: number
  readonly lane: { live: number; backlog: number }
  transactions: number
  link: LinkRate
  /** Since when nothing has come of what it tries; undefined: all is well (monotonic ms). */
  tryingSince: number | undefined
  /** Since when all has been well; undefined: it is not (monotonic ms). */
  wellSince: number | undefined
  /** When somebody else has taken our identity, with no other failure between (monotonic ms). */
  fences: readonly number[]
  /** Of who goes on with our identity: the last transaction that we saw. */
  rival: number | 'none' | 'busy' | undefined
  /** What the uplink has, holes included. */
  delivered: StreamIntervals
  /** Classes that are under way. */
  sending: readonly string[]
  lastError: string | undefined
  remedy: string | undefined
  blocked: readonly BlockedClasses[]
  /** By class: since when it has been blocked, with tries between (monotonic ms). */
  readonly blockedSince: Map<string, number>
  /** Nothing may go now. */
  wait: Wait | undefined
  /** The link of the connection that is open. */
  over: string | undefined
}

export interface BlockedClasses {
  readonly classes: readonly string[]
  readonly code: string
  readonly text: string
  readonly until: number
}

export function newReport(): ForwardReport {
  return {
    state: 'connecting',
    readings: 0,
    lane: { live: 0, backlog: 0 },
    transactions: 0,
    link: UNKNOWN_LINK,
    tryingSince: undefined,
    wellSince: undefined,
    fences: [],
    rival: undefined,
    delivered: new Map(),
    sending: [],
    lastError: undefined,
    remedy: undefined,
    blocked: [],
    blockedSince: new Map(),
    wait: undefined,
    over: undefined,
  }
}

/** So many fences within that time are a second holder of our identity: then we step back for long. One may be a late word of our own past. */
const FENCES_MAX = 3
const FENCES_WITHIN_MS = 600_000

export function isWell(report: ForwardReport, clock: Clock): void {
  report.tryingSince = undefined
  report.wellSince ??= clock.monotonic()
}

/** Begins to try; not well any more once that has taken long or fails. */
export function tries(report: ForwardReport, clock: Clock): void {
  report.tryingSince ??= clock.monotonic()
}

/** Notes a fence; says whether somebody else has our identity. */
export function fenced(report: ForwardReport, clock: Clock): boolean {
  report.fences = [...report.fences, clock.monotonic()]
  return hasRival(report, clock)
}

export function hasRival(report: ForwardReport, clock: Clock): boolean {
  return report.fences.filter((it) => clock.monotonic() - it < FENCES_WITHIN_MS).length >= FENCES_MAX
}

/** Leaves these classes out for a while; says whether any of them was not left out before. */
export function block(
  report: ForwardReport,
  { classes, code, message }: BlockedClasses & Error,
  clock: Clock,
  forMs: number,
): boolean {
  const now = clock.monotonic()
  const before = new Set(report.blocked.flatMap((it) => (it.until > now ? it.classes : [])))
  const others = report.blocked.filter((it) => !it.classes.some((name) => classes.includes(name)))
  report.blocked = [...others, { classes, code, text: message, until: now + forMs }]
  for (const name of classes) if (!report.blockedSince.has(name)) report.blockedSince.set(name, now)
  return classes.some((name) => !before.has(name))
}

export const blockedNow = (report: ForwardReport, clock: Clock) => report.blocked.some((it) => it.until > clock.monotonic())

/** So many readings are at the destination. */
export function count(report: ForwardReport, live: number, backlog: number): void {
  report.readings += live + backlog
  report.lane.live += live
  report.lane.backlog += backlog
}

/** A transaction was committed. */
export function note(report: ForwardReport, { live, backlog }: Pair, seconds: number, readingsMax?: number): void {
  const fromLive = readingsOf(live)
  const fromBacklog = readingsOf(backlog)
  count(report, fromLive, fromBacklog)
  report.transactions++
  for (const name of report.sending) report.blockedSince.delete(name)
  report.link = carried(report.link, fromLive + fromBacklog, seconds, readingsMax)
}
