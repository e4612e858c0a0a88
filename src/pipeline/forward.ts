// log ─next─► uplink ─► log.commit
//
// One transaction at a time, both lanes in it: all that live has, then backlog up to what the link carried lately in a fifth of a second.
// Any error of a send is doubt: the uplink is thrown away, opened anew, and says what it has (restart). It retries nothing; keep-running does.
//
//   open ─► position ─► log.restart ─► ┌ take ─► (intent) ─► send ─► commit ┐
//    ▲                                 └────────────────────────────────────┘
//    └──────────── back off ◄── doubt, unreachable, blocked ────────┘
import type { Admission, Admitted, Route, Wait } from '../core/admission.ts'
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
import type { Connection, Meter, Spending } from './links/metering.ts'
import { createMeter, isEnd, isSameRoute } from './links/metering.ts'

export interface ForwardParts {
  readonly uplink: string
  /** What may go now. */
  readonly admission: Admission
  open(signal: AbortSignal, route: Route | undefined): Promise<Uplink>
  /** Bytes both ways on this uplink's sockets, ever; absent where nothing counts them. */
  carried?(): Promise<number>
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
    wait: undefined,
    over: undefined,
  }
}

/** Forwards the log to one uplink until the signal aborts. */
export async function forward(parts: ForwardParts, report: ForwardReport, signal: AbortSignal): Promise<void> {
  const waits = { ...WAITS, ...parts.waits }
  const meter = createMeter(parts)
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
  await keepRunning((well) => session(parts, meter, report, well, signal), loop, signal)
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

/** One life of an uplink's connection: ends by throwing, when the signal aborts, or calmly when another way is to be taken or none. */
async function session(
  parts: ForwardParts,
  meter: Meter,
  report: ForwardReport,
  well: () => void,
  signal: AbortSignal,
): Promise<void> {
  const admitted = await admission(parts, report, signal)
  if (!admitted) return
  const connection = meter.connection(admitted.route, signal)
  try {
    const opening = await connection.begin('opening')
    if (!opening) return
    report.state = 'connecting'
    report.over = admitted.route?.link
    await connected(parts, { connection, route: admitted.route, opening }, report, well)
  } catch (error) {
    throw connection.reason() ?? error
  } finally {
    report.over = undefined
    await connection.close()
  }
}

interface Way {
  readonly connection: Connection
  readonly route: Route | undefined
  readonly opening: Spending
}

async function connected(parts: ForwardParts, way: Way, report: ForwardReport, well: () => void): Promise<void> {
  const { signal } = way.connection
  let uplink: Uplink
  let position: Position | 'none'
  try {
    uplink = await parts.open(signal, way.route)
  } catch (error) {
    await way.opening.end()
    throw error
  }
  try {
    try {
      signal.throwIfAborted()
      position = await uplink.position(signal)
    } finally {
      await way.opening.end()
    }
    await run(parts, way, uplink, await parts.log.restart(parts.uplink, position), report, well)
  } finally {
    await uplink.close()
  }
}

/** Waits until something may go; undefined when the signal aborts before. */
async function admission(
  { admission: asked, clock, waits }: ForwardParts,
  report: ForwardReport,
  signal: AbortSignal,
): Promise<Admitted | undefined> {
  while (!signal.aborted) {
    const admitted = asked.now()
    report.wait = admitted.wait
    if (!isEnd(admitted.wait)) return admitted
    report.state = 'waiting'
    report.lastError = undefined
    report.remedy = undefined
    await sleep(pauseMs(admitted.wait, clock, waits?.idleMs ?? WAITS.idleMs), signal)
  }
  return undefined
}

/** Until it may go on, but links come up and clocks are set meanwhile. */
function pauseMs(wait: Wait | undefined, clock: Clock, msMax: number): number {
  const untilMs = ((wait?.until ?? Infinity) - clock.now()) / 1000
  return Math.max(1, Math.min(msMax, untilMs))
}

async function run(
  parts: ForwardParts,
  { connection, route }: Way,
  uplink: Uplink,
  resumed: Resumed,
  report: ForwardReport,
  well: () => void,
): Promise<void> {
  const { log, clock } = parts
  const { signal } = connection
  const delivered = new Map(resumed.delivered)
  let transaction = resumed.transaction
  const intent = intentKeeper(parts, uplink, signal)
  const checkpoints = checkpointClock(clock)
  let ahead: Promise<Lanes> | undefined
  /** What is under way now: all that a doubt can be about. */
  let sending: readonly StreamRange[] = []
  try {
    while (!signal.aborted) {
      const now = parts.admission.now()
      report.wait = now.wait
      if (isEnd(now.wait) || !isSameRoute(now.route, route)) return
      if (now.wait) {
        await sleep(pauseMs(now.wait, clock, parts.waits?.idleMs ?? WAITS.idleMs), signal)
        continue
      }
      const taken = await (ahead ?? take(parts, connection, report))
      ahead = undefined
      // What was read ahead has been shut out meanwhile: a new start hands it out again in its time.
      if (isShutOut(taken, parts.admission.now())) return
      const ranges = [...taken.live.ranges, ...taken.backlog.ranges]
      const empty = ranges.length === 0
      const reason = checkpoints.due(empty)
      if (empty && !reason) {
        report.state = blockedNow(report, clock) ? 'blocked' : 'up'
        await waitForMore(parts, signal)
        continue
      }
      const spending = await connection.begin(rowsOf(taken))
      if (!spending) return
      for (const { stream, from, to } of ranges) delivered.set(stream, withInterval(delivered.get(stream) ?? [], from, to))
      const position: Position = { transaction: ++transaction, delivered }
      let lanes: Lanes
      let started: number
      try {
        lanes = without(taken, await intent.cover(ranges))
        sending = ranges
        started = clock.monotonic()
        const checkpoint = reason ? { reason, streams: await log.heads() } : undefined
        const sent = send(uplink, lanes, resumed, position, checkpoint, signal)
        // The next one is read while this one is under way.
        ahead = take(parts, connection, report)
        ahead.catch(() => {})
        const refused = await sent
        await log.commit(parts.uplink, ranges, transaction, refused)
        sending = []
      } finally {
        await spending.end()
      }
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

async function take(
  { uplink, log, clock, admission }: ForwardParts,
  connection: Connection,
  report: ForwardReport,
): Promise<Lanes> {
  report.blocked = report.blocked.filter((it) => it.until > clock.monotonic())
  const { except: never, bytesMax } = admission.now()
  const except = [...never, ...report.blocked.flatMap((it) => it.classes)]
  const rowsMax = bytesMax === Infinity ? READINGS_MAX : Math.min(READINGS_MAX, connection.rowsMax(bytesMax))
  const live = await log.next({ uplink, lane: 'live', except, bytesMax: TAKE_BYTES_MAX, readingsMax: rowsMax })
  const target = Math.min(rowsMax, Math.max(READINGS_MIN, report.linkRate * BACKLOG_SHARE_SECONDS))
  const room = Math.floor(target - rowsOf({ live, backlog: NOTHING }))
  if (room <= 0) return { live, backlog: NOTHING }
  return { live, backlog: await log.next({ uplink, lane: 'backlog', except, bytesMax: TAKE_BYTES_MAX, readingsMax: room }) }
}

/** Records: readings, aggregates, lines of the ledger. */
function rowsOf({ live, backlog }: Lanes): number {
  return [...live.slices, ...backlog.slices].reduce((sum, it) => sum + (it.form === 'gap' ? it.rows.length : it.to - it.from), 0)
}

function isShutOut({ live, backlog }: Lanes, { except }: Admitted): boolean {
  return [...live.slices, ...backlog.slices].some((it) => except.includes(it.stream.class))
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
