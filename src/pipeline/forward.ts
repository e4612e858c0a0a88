// log ─next─► uplink ─► log.commit
//
// One transaction at a time, both lanes in it: all that live has, then backlog up to what the link carried lately in a fifth of a second.
// Any error of a send is doubt: the uplink is thrown away, opened anew, and says what it has (restart). It retries nothing; keep-running does.
//
//   open ─► position ─► log.restart ─► ┌ take ─► (intent) ─► send ─► commit ┐
//    ▲                                 └────────────────────────────────────┘
//    └──────────── back off ◄── doubt, unreachable, blocked ────────┘
import type { Admission, Route } from '../core/admission.ts'
import { INTENT_MS_MAX } from '../core/bounds.ts'
import { withInterval } from '../core/intervals.ts'
import type { EndOffsets, LogReader, Resumed, Slice, Taken } from '../core/log.ts'
import type { Clock } from '../core/source.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { UplinkState } from '../core/status.ts'
import type { Position, Refusal } from '../core/position.ts'
import type { Checkpoint, Uplink } from '../core/uplink.ts'
import type { Backoff, Loop } from './keep-running.ts'
import { keepRunning, sleep } from './keep-running.ts'

export interface ForwardParts {
  readonly uplink: string
  /** What may go now. */
  readonly admission: Admission
  open(signal: AbortSignal, route: Route | undefined): Promise<Uplink>
  readonly log: LogReader
  readonly clock: Clock
  readonly random: () => number
  /** Told of each failure, for the agent's own log. */
  failed(error: unknown, waitMs: number): void
  /** Shorter waits than in life. */
  readonly waits?: Partial<Waits>
}

interface Waits {
  readonly backoff: Backoff
  /** After which a class that was blocked is tried again. */
  readonly blockedMs: number
  readonly fencedMs: number
  /** The longest wait for the log to bring more. */
  readonly idleMs: number
}

/** What `status` shows of an uplink; changed in place. */
export interface ForwardReport {
  state: UplinkState
  readings: number
  readonly lane: { live: number; backlog: number }
  transactions: number
  /** Readings a second while sending, smoothed. */
  linkRate: number
  lastError: string | undefined
  remedy: string | undefined
  blocked: readonly BlockedClasses[]
}

export interface BlockedClasses {
  readonly classes: readonly string[]
  readonly code: string
  readonly text: string
  readonly until: number
}

const READINGS_MAX = 20_000
const READINGS_MIN = 1_000
const TAKE_BYTES_MAX = 4_000_000
const BACKLOG_SHARE_SECONDS = 0.2
/** Numbers that an intent covers beyond those of its first transaction, so that one intent serves many. */
const INTENT_AHEAD = 200_000
const CHECKPOINT_EVERY_MS = 600_000
const CHECKPOINT_IDLE_MS = 2_000
const CHECKPOINT_IDLE_EVERY_MS = 60_000
const WAITS: Waits = { backoff: { minMs: 500, maxMs: 30_000 }, blockedMs: 30_000, fencedMs: 60_000, idleMs: 2_000 }
/** So many fences in a row are a second holder of our identity: then we step back for long. */
const FENCES_MAX = 3

export function newReport(): ForwardReport {
  return {
    state: 'connecting',
    readings: 0,
    lane: { live: 0, backlog: 0 },
    transactions: 0,
    linkRate: 0,
    lastError: undefined,
    remedy: undefined,
    blocked: [],
  }
}

/** Forwards the log to one uplink until the signal aborts. */
export async function forward(parts: ForwardParts, report: ForwardReport, signal: AbortSignal): Promise<void> {
  const waits = { ...WAITS, ...parts.waits }
  let fences = 0
  const loop: Loop = {
    backoff: waits.backoff,
    random: parts.random,
    sleep,
    failed(error, waitMs) {
      const { name, code, message, remedy } = error as Error & { code?: string; remedy?: string }
      report.lastError = message
      report.remedy = remedy
      fences = code === 'fenced' ? fences + 1 : 0
      // At once only where something else can go on: a class that is left out from now on.
      const othersGoOn =
        name === 'Blocked' && block(report, error as unknown as BlockedClasses & Error, parts.clock, waits.blockedMs)
      const wait = othersGoOn ? 0 : fences >= FENCES_MAX ? waits.fencedMs : waitMs
      report.state = fences >= FENCES_MAX ? 'fenced' : name === 'Blocked' ? 'blocked' : 'waiting'
      parts.failed(error, wait)
      return wait
    },
  }
  await keepRunning((well) => session(parts, report, well, signal), loop, signal)
  report.state = 'stopped'
}

/** Leaves these classes out for a while; says whether any of them was not left out before. */
function block(report: ForwardReport, { classes, code, message }: BlockedClasses & Error, clock: Clock, forMs: number): boolean {
  const now = clock.monotonic()
  const before = new Set(report.blocked.flatMap((it) => (it.until > now ? it.classes : [])))
  const others = report.blocked.filter((it) => !it.classes.some((name) => classes.includes(name)))
  report.blocked = [...others, { classes, code, text: message, until: now + forMs }]
  return classes.some((name) => !before.has(name))
}

/** One life of an uplink's connection: ends by throwing, or when the signal aborts. */
async function session(parts: ForwardParts, report: ForwardReport, well: () => void, signal: AbortSignal): Promise<void> {
  if (report.state === 'stopped') report.state = 'connecting'
  const { route } = parts.admission.now()
  const uplink = await parts.open(signal, route)
  try {
    signal.throwIfAborted()
    const resumed = await parts.log.restart(parts.uplink, await uplink.position(signal))
    await run(parts, uplink, resumed, report, well, signal)
  } finally {
    await uplink.close()
  }
}

async function run(
  parts: ForwardParts,
  uplink: Uplink,
  resumed: Resumed,
  report: ForwardReport,
  well: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { log, clock } = parts
  const delivered = new Map(resumed.delivered)
  let transaction = resumed.transaction
  const intent = intentKeeper(parts, uplink, signal)
  const checkpoints = checkpointClock(clock)
  let ahead: Promise<Lanes> | undefined
  /** What is under way now: all that a doubt can be about. */
  let sending: readonly StreamRange[] = []
  try {
    while (!signal.aborted) {
      const taken = await (ahead ?? take(parts, report))
      ahead = undefined
      const ranges = [...taken.live.ranges, ...taken.backlog.ranges]
      const empty = ranges.length === 0
      const reason = checkpoints.due(empty)
      if (empty && !reason) {
        report.state = blockedNow(report, clock) ? 'blocked' : 'up'
        await waitForMore(parts, signal)
        continue
      }
      for (const { stream, from, to } of ranges) delivered.set(stream, withInterval(delivered.get(stream) ?? [], from, to))
      const position: Position = { transaction: ++transaction, delivered }
      const lanes = without(taken, await intent.cover(ranges))
      sending = ranges
      const started = clock.monotonic()
      const checkpoint = reason ? { reason, streams: await log.heads() } : undefined
      const sent = send(uplink, lanes, resumed, position, checkpoint, signal)
      // The next one is read while this one is under way.
      ahead = take(parts, report)
      ahead.catch(() => {})
      const refused = await sent
      await log.commit(parts.uplink, ranges, transaction, refused)
      sending = []
      note(report, lanes, (clock.monotonic() - started) / 1000)
      checkpoints.sent(reason !== undefined, empty)
      well()
      report.state = blockedNow(report, clock) ? 'blocked' : 'up'
      report.lastError = undefined
      report.remedy = undefined
    }
  } finally {
    // What is being read for a session that is over must not move the lanes of the next one.
    await ahead?.catch(() => {})
    await intent.narrow(sending)
  }
}

interface Lanes {
  readonly live: Taken
  readonly backlog: Taken
}

async function take({ uplink, log, clock, admission }: ForwardParts, report: ForwardReport): Promise<Lanes> {
  report.blocked = report.blocked.filter((it) => it.until > clock.monotonic())
  const { except: never } = admission.now()
  const except = [...never, ...report.blocked.flatMap((it) => it.classes)]
  const live = await log.next({ uplink, lane: 'live', except, bytesMax: TAKE_BYTES_MAX, readingsMax: READINGS_MAX })
  const target = Math.min(READINGS_MAX, Math.max(READINGS_MIN, report.linkRate * BACKLOG_SHARE_SECONDS))
  const room = Math.floor(target - readingsOf(live))
  if (room <= 0) return { live, backlog: NOTHING }
  return { live, backlog: await log.next({ uplink, lane: 'backlog', except, bytesMax: TAKE_BYTES_MAX, readingsMax: room }) }
}

const NOTHING: Taken = { slices: [], ranges: [], series: new Map() }
/** Readings and aggregates. */
const readingsOf = (taken: Taken) => taken.slices.reduce((sum, it) => sum + (it.form === 'gap' ? 0 : it.to - it.from), 0)
const blockedNow = (report: ForwardReport, clock: Clock) => report.blocked.some((it) => it.until > clock.monotonic())

function send(
  uplink: Uplink,
  { live, backlog }: Lanes,
  resumed: Resumed,
  position: Position,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<readonly Refusal[]> {
  // A stop that came meanwhile: an abort that is over already would be heard by nobody.
  signal.throwIfAborted()
  const batch = {
    slices: [...live.slices, ...backlog.slices],
    series: new Map([...live.series, ...backlog.series]),
    maybeDuplicate: resumed.inDoubt,
  }
  return uplink.send(checkpoint ? { ...batch, checkpoint } : batch, position, signal)
}

/** Waits for a commit of the log, but not so long that a checkpoint or a class that waits would be late. */
async function waitForMore({ log, uplink, waits }: ForwardParts, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  await Promise.race([log.more(uplink, stop.signal), sleep(waits?.idleMs ?? WAITS.idleMs, stop.signal)])
  signal.removeEventListener('abort', end)
  end()
}

/** Less what the log has given up meanwhile: it is named in the ledger. */
function without({ live, backlog }: Lanes, empty: readonly StreamRange[]): Lanes {
  if (empty.length === 0) return { live, backlog }
  const isGone = ({ stream, from, to }: Slice) =>
    empty.some((it) => it.stream === streamKey(stream) && it.from < to && from < it.to)
  const rest = (taken: Taken): Taken => ({ ...taken, slices: taken.slices.filter((it) => it.form === 'gap' || !isGone(it)) })
  return { live: rest(live), backlog: rest(backlog) }
}

interface IntentKeeper {
  /** Writes an intent before the first byte of what it covers is sent; one covers many transactions. Yields what of it is gone. */
  cover(ranges: readonly StreamRange[]): Promise<readonly StreamRange[]>
  /** The session is over: only these are in doubt. What else the intent covered is free again for retention. */
  narrow(ranges: readonly StreamRange[]): Promise<void>
}

function intentKeeper({ uplink: name, log, clock }: ForwardParts, uplink: Uplink, signal: AbortSignal): IntentKeeper {
  let covered: readonly StreamRange[] = []
  let until = -Infinity
  let endOffsets: EndOffsets = {}
  const covers = (it: StreamRange) => covered.some((by) => by.stream === it.stream && by.from <= it.from && it.to <= by.to)
  return {
    async cover(ranges) {
      if (clock.monotonic() < until && ranges.every(covers)) return []
      const next = ranges.map((it) => (it.stream.endsWith(':raw') ? { ...it, to: it.to + INTENT_AHEAD } : it))
      endOffsets = await uplink.endOffsets(signal)
      covered = next
      until = clock.monotonic() + INTENT_MS_MAX
      return log.offer(name, covered, endOffsets)
    },
    async narrow(ranges) {
      if (covered.length > 0) await log.offer(name, ranges, endOffsets)
    },
  }
}

/** When a checkpoint goes along: at the end of each drain, when all has been quiet for a while, and every ten minutes. */
function checkpointClock(clock: Clock) {
  let last = -Infinity
  let idleSince: number | undefined
  let backlogOpen = true
  let news = true
  return {
    due(empty: boolean): Checkpoint['reason'] | undefined {
      const now = clock.monotonic()
      idleSince = empty ? (idleSince ?? now) : undefined
      if (empty && backlogOpen) return 'drained'
      if (idleSince !== undefined && news && now - idleSince >= CHECKPOINT_IDLE_MS && now - last >= CHECKPOINT_IDLE_EVERY_MS)
        return 'drained'
      return news && now - last >= CHECKPOINT_EVERY_MS ? 'interval' : undefined
    },
    sent(checkpoint: boolean, empty: boolean): void {
      if (checkpoint) {
        last = clock.monotonic()
        news = false
        backlogOpen &&= !empty
      }
      if (!empty) news = true
    },
  }
}

function note(report: ForwardReport, { live, backlog }: Lanes, seconds: number): void {
  const fromLive = readingsOf(live)
  const fromBacklog = readingsOf(backlog)
  const readings = fromLive + fromBacklog
  report.readings += readings
  report.lane.live += fromLive
  report.lane.backlog += fromBacklog
  report.transactions++
  // A small transaction says little of what the link can carry.
  if (readings >= READINGS_MIN / 2) report.linkRate += (readings / Math.max(seconds, 0.001) - report.linkRate) * 0.2
}
