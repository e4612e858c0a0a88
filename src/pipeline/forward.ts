// log ─next─► uplink ─► log.commit
//
// One transaction at a time, both lanes in it (forward-take.ts). Any error of a send is doubt: the uplink is thrown away, opened anew, and says
// what it has (restart); where it has forgotten that, its records are asked. It retries nothing; keep-running does. While one is under way the next
// one is read, and the uplink prepares it.
//
//   open ─► position ─► log.restart (─► read back ─► log.restart) ─► ┌ take ─► (intent) ─► send ─► commit ┐
//    ▲                                                               └────────────────────────────────────┘
//    └──────────── back off ◄── doubt, unreachable, blocked ──────────────────────┘
import type { Admission, Admitted, Route, Wait } from '../core/admission.ts'
import { isSameRoute } from '../core/admission.ts'
import { Unreachable } from '../core/errors.ts'
import { union, withInterval } from '../core/intervals.ts'
import type { LogReader, NextRequest, Resumed } from '../core/log.ts'
import type { Clock } from '../core/source.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamOf } from '../core/stream.ts'
import type { Position, Refusal } from '../core/position.ts'
import type { Checkpoint, Uplink } from '../core/uplink.ts'
import { aheadOf } from './forward-ahead.ts'
import { checkpointClock } from './forward-checkpoint.ts'
import { intentKeeper } from './forward-intent.ts'
import { keepArrived } from './forward-part.ts'
import type { BlockedClasses, ForwardReport } from './forward-report.ts'
import { block, blockedNow, fenced, hasRival, isWell, note, tries } from './forward-report.ts'
import type { LaneSettings, Pair } from './forward-take.ts'
import { batchOf, isShutOut, readingsMaxOf, readingsOf, rowsOf, taker, without } from './forward-take.ts'
import type { Backoff, Loop } from './keep-running.ts'
import { keepRunning, sleep } from './keep-running.ts'
import { failed, opened } from './link-rate.ts'
import type { Connection, Meter, Spending, Untold } from './links/metering.ts'
import { createMeter, isEnd } from './links/metering.ts'

export interface ForwardParts {
  readonly uplink: string
  /** What may go now. */
  readonly admission: Admission
  open(signal: AbortSignal, route: Route | undefined): Promise<Uplink>
  /** Bytes both ways on this uplink's sockets, ever; absent where nothing counts them. */
  carried?(): Promise<number>
  /** What others send on them is told to the budget too. */
  readonly untold?: Untold
  readonly log: LogReader
  readonly clock: Clock
  readonly random: () => number
  /** Absent: as the settings have it by default. */
  readonly lanes?: LaneSettings
  /** Classes of which one uplink is enough, and the uplinks that take turns with them. */
  readonly anyOf?: NextRequest['anyOf']
  /** Told of each failure, for the agent's own log. */
  failed(error: unknown, waitMs: number): void
  /** Shorter waits than in life. */
  readonly waits?: Partial<Waits>
}

interface Waits {
  readonly backoff: Backoff
  /** After which a class that was blocked is tried again. */
  readonly blockedMs: number
  /** The least wait while somebody else has our identity. */
  readonly fencedMs: number
  /** The longest wait for the log to bring more. */
  readonly idleMs: number
}

const TWIN_REMEDY =
  'Two boxes have one device id, or a copied disk runs twice: stop one of them, or give it an id of its own. This one goes on when the other has stood still.'

const LANES: LaneSettings = { liveShare: 0.3, backlog: 'oldest-first' }

/** While the far end is away or refuses us: one try in no less than five seconds, and back within a minute of its return. */
const WAITS: Waits = {
  backoff: { firstMs: 500, minMs: 10_000, maxMs: 30_000 },
  blockedMs: 30_000,
  fencedMs: 60_000,
  idleMs: 2_000,
}

/** Forwards the log to one uplink until the signal aborts. */
export async function forward(parts: ForwardParts, report: ForwardReport, signal: AbortSignal): Promise<void> {
  const waits = { ...WAITS, ...parts.waits }
  const meter = createMeter(parts)
  const loop: Loop = {
    backoff: waits.backoff,
    random: parts.random,
    sleep,
    failed(error, waitMs) {
      const { name, code, message, remedy, isDenied } = error as Error & { code?: string; remedy?: string; isDenied?: boolean }
      const calmMs = isDenied ? Math.max(waitMs, waits.backoff.minMs * (0.5 + parts.random())) : waitMs
      report.lastError = message
      report.remedy = remedy
      report.wellSince = undefined
      if (code !== 'fenced') report.fences = []
      const isSecond = code === 'fenced' && fenced(report, parts.clock)
      // At once only where something else can go on: a class that is left out from now on.
      const othersGoOn =
        name === 'Blocked' && block(report, error as unknown as BlockedClasses & Error, parts.clock, waits.blockedMs)
      const wait = othersGoOn ? 0 : isSecond ? waits.fencedMs * (1 + parts.random()) : calmMs
      report.state = isSecond ? 'fenced' : name === 'Blocked' ? 'blocked' : 'waiting'
      parts.failed(error, wait)
      return wait
    },
  }
  await keepRunning((well) => session(parts, meter, report, well, signal), loop, signal)
  report.state = 'stopped'
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
    tries(report, parts.clock)
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
  const began = parts.clock.monotonic()
  try {
    uplink = await parts.open(signal, way.route)
  } catch (error) {
    await way.opening.end()
    throw error
  }
  try {
    try {
      signal.throwIfAborted()
      await giveWay(parts, uplink, report, signal)
      position = await uplink.position(signal, await parts.log.told(parts.uplink))
    } finally {
      await way.opening.end()
    }
    report.link = opened(report.link, (parts.clock.monotonic() - began) / 1000)
    await run(parts, way, uplink, await resume(parts, uplink, position, signal), report, well)
  } finally {
    await uplink.close()
  }
}

/** Whoever has been shut out as if by a second box looks first, and claims the identity again only when the other one has stood still meanwhile. */
async function giveWay({ clock }: ForwardParts, uplink: Uplink, report: ForwardReport, signal: AbortSignal): Promise<void> {
  if (!hasRival(report, clock)) report.rival = undefined
  else if (uplink.peek) {
    const seen = await uplink.peek(signal)
    const standsStill = seen === report.rival && seen !== 'busy'
    report.rival = standsStill ? undefined : seen
    if (!standsStill) throw new Unreachable('fenced', 'another box forwards under this identity', { remedy: TWIN_REMEDY })
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

/** Where the destination has forgotten its position while something was under way, its records say what of that arrived. */
async function resume(
  { uplink: name, log }: ForwardParts,
  uplink: Uplink,
  position: Position | 'none',
  signal: AbortSignal,
): Promise<Resumed> {
  const resumed = await log.restart(name, position)
  if (position !== 'none' || resumed.unread.length === 0 || !uplink.readBack) return resumed
  const { found, undecided } = await uplink.readBack(resumed.unread, resumed.endOffsets, signal)
  const delivered = new Map(resumed.delivered)
  for (const [stream, had] of found) delivered.set(stream, union(delivered.get(stream) ?? [], had))
  return log.restart(name, { transaction: resumed.transaction, delivered }, undecided)
}

async function run(
  parts: ForwardParts,
  { connection, route }: Way,
  uplink: Uplink,
  resumed: Resumed,
  report: ForwardReport,
  well: () => void,
): Promise<void> {
  const { log, clock, lanes = LANES } = parts
  const { signal } = connection
  const delivered = new Map(resumed.delivered)
  report.delivered = delivered
  let transaction = resumed.transaction
  const intent = intentKeeper({ ...parts, isDown: lanes.backlog === 'newest-first' }, uplink, signal)
  const checkpoints = checkpointClock(clock)
  const lanesTaker = taker({ ...parts, lanes, anyOf: parts.anyOf, link: () => report.link, rowsMax: connection.rowsMax })
  const blocked = () => {
    report.blocked = report.blocked.filter((it) => it.until > clock.monotonic())
    return report.blocked.flatMap((it) => it.classes)
  }
  const ahead = aheadOf({ ...parts, taker: lanesTaker, resumed, blocked }, uplink, signal)
  /** What is under way now: all that a doubt can be about. */
  let sending: readonly StreamRange[] = []
  let readings = 0
  try {
    while (!signal.aborted) {
      const now = parts.admission.now()
      report.wait = now.wait
      if (isEnd(now.wait) || !isSameRoute(now.route, route)) return
      if (now.wait) {
        await sleep(pauseMs(now.wait, clock, parts.waits?.idleMs ?? WAITS.idleMs), signal)
        continue
      }
      const taken = await ahead.take()
      // What was read ahead has been shut out meanwhile: a new start hands it out again in its time.
      if (isShutOut(taken, parts.admission.now())) return
      const ranges = [...taken.live.ranges, ...taken.backlog.ranges]
      const empty = ranges.length === 0
      const reason = checkpoints.due(empty)
      if (empty && !reason) {
        isWell(report, clock)
        report.sending = []
        report.state = blockedNow(report, clock) ? 'blocked' : 'up'
        await waitForMore(parts, signal)
        continue
      }
      const spending = await connection.begin(rowsOf(taken))
      if (!spending) return
      tries(report, clock)
      for (const { stream, from, to } of ranges) delivered.set(stream, withInterval(delivered.get(stream) ?? [], from, to))
      const position: Position = { transaction: ++transaction, delivered }
      let pair: Pair
      let started: number
      try {
        sending = ranges
        report.sending = [...new Set(ranges.map((it) => streamOf(it.stream).class))]
        pair = without(taken, await intent.cover(ranges))
        readings = readingsOf(pair.live) + readingsOf(pair.backlog)
        started = clock.monotonic()
        const checkpoint = reason ? { reason, streams: await log.heads() } : undefined
        const sent = send(uplink, pair, resumed, { ranges, position, checkpoint }, signal)
        ahead.read()
        const refused = await sent.catch(async (error: unknown) => {
          sending = await keepArrived(error, { uplink: parts.uplink, log, transaction, ranges, pair }, report)
          throw error
        })
        await log.commit(parts.uplink, ranges, transaction, refused)
        sending = []
      } finally {
        await spending.end()
      }
      note(report, pair, (clock.monotonic() - started) / 1000, readingsMaxOf(lanes))
      checkpoints.sent(reason !== undefined, empty)
      well()
      isWell(report, clock)
      report.state = blockedNow(report, clock) ? 'blocked' : 'up'
      report.lastError = undefined
      report.remedy = undefined
    }
  } finally {
    if (sending.length > 0) report.link = failed(report.link, readings)
    report.sending = []
    await ahead.end()
    await intent.narrow(sending)
  }
}

function send(
  uplink: Uplink,
  pair: Pair,
  resumed: Resumed,
  { ranges, position, checkpoint }: { ranges: readonly StreamRange[]; position: Position; checkpoint: Checkpoint | undefined },
  signal: AbortSignal,
): Promise<readonly Refusal[]> {
  // A stop that came meanwhile: an abort that is over already would be heard by nobody.
  signal.throwIfAborted()
  const batch = { ...batchOf(pair, resumed), ranges, ...(checkpoint && { checkpoint }) }
  return uplink.send(batch, position, signal)
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
