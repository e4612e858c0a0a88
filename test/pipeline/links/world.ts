// A box in simulated time: links that come and go, far ends that count what reaches them, a log and a destination in memory. What forwards,
// admits and keeps account is the real thing. One millisecond of the (fake) timers is `speed` milliseconds of the box's time.
import { vi } from 'vitest'
import { difference, withInterval } from '../../../src/core/intervals.ts'
import type { Intervals } from '../../../src/core/intervals.ts'
import type { SavedAccount } from '../../../src/core/links.ts'
import type { LogReader, NextRequest, Taken } from '../../../src/core/log.ts'
import type { Position } from '../../../src/core/position.ts'
import type { UplinkSettings } from '../../../src/core/settings.ts'
import type { StreamIntervals } from '../../../src/core/stream.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { newReport } from '../../../src/pipeline/forward-report.ts'
import { forward } from '../../../src/pipeline/forward.ts'
import { uplinkAdmission } from '../../../src/pipeline/links/admission.ts'
import { openLinks } from '../../../src/pipeline/links/links.ts'

const SPEED = 240
const TICK_MS = 50
const STREAM_PREFIX = 'box:e:'
const key = (className: string) => `${STREAM_PREFIX}${className}:raw`
const OPENING_BYTES = 11_000
const TRANSACTION_BYTES = 1_800
const ROW_BYTES = 130
/** What headers and acknowledgements add to the bytes of sockets. */
const ON_THE_WIRE = 1.06

export interface Trace {
  readonly classes: Readonly<Record<string, number>>
  readonly uplink: UplinkSettings
  /** ISO 8601. */
  readonly start: string
  readonly hours: number
  /** Whether an interface is up, and what it carries a second. Hours since the start. */
  isUp(link: string, hour: number): boolean
  readonly bytesPerSecond: Readonly<Record<string, number>>
  /** The process is killed and started again every so many hours. */
  readonly killEveryHours?: number
  /** Where seconds matter: 1. */
  readonly speed?: number
}

export interface Sent {
  readonly class: string
  readonly link: string
  /** Hours since the start: when it was read, when it was committed. */
  readonly read: number
  readonly at: number
}

export interface Outcome {
  readonly sent: readonly Sent[]
  readonly left: Readonly<Record<string, number>>
  /** What the far ends have counted, by link and day since the start. */
  readonly carried: Readonly<Record<string, readonly number[]>>
  readonly twice: number
  readonly opened: number
  readonly waits: ReadonlySet<string>
}

/** Readings a second by class, as many as the hours make. */
export async function simulate(trace: Trace): Promise<Outcome> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'], now: 0 })
  try {
    return await run(trace)
  } finally {
    vi.useRealTimers()
  }
}

async function run(trace: Trace): Promise<Outcome> {
  const start = Date.parse(trace.start) * 1000
  let fakeMs = 0
  const { speed = SPEED } = trace
  const hour = () => (fakeMs * speed) / 3_600_000
  const clock = { now: () => start + fakeMs * speed * 1000, monotonic: () => fakeMs * speed }
  const log = memoryLog(Object.keys(trace.classes), hour)
  const far = farEnds(trace, log, hour)
  const disk = new Map<string, SavedAccount>()
  const waits = new Set<string>()
  const boot = () => {
    const before = far.carriedBySockets()
    const links = openLinks([trace.uplink], {
      address: (name) => (trace.isUp(name, hour()) ? `10.0.0.${name.length}` : undefined),
      counter: far.counter,
      boot: 'one',
      now: clock.now,
      monotonic: clock.monotonic,
      saved: [...disk.values()],
      save: async (it) => void disk.set(`${it.interface} ${it.start}`, it),
    })
    const admission = uplinkAdmission({
      uplink: trace.uplink,
      classes: Object.keys(trace.classes),
      serves: () => true,
      links,
      now: clock.now,
    })
    const stop = new AbortController()
    const report = newReport()
    const ended = forward(
      {
        uplink: trace.uplink.name,
        admission,
        open: far.open,
        carried: async () => far.carriedBySockets() - before,
        log: log.reader,
        lanes: { liveShare: trace.uplink.liveShare, backlog: trace.uplink.backlog },
        clock,
        random: () => 0.5,
        failed() {},
        waits: { backoff: { minMs: 20, maxMs: 250 }, idleMs: 250 },
      },
      report,
      stop.signal,
    )
    return { links, report, kill: () => (stop.abort(), ended) }
  }
  let box = boot()
  let killedAt = 0
  while (hour() < trace.hours) {
    for (const [name, perHour] of Object.entries(trace.classes)) log.appendUntil(name, Math.floor(hour() * perHour))
    box.links.look()
    if (box.report.wait) waits.add(box.report.wait.code)
    fakeMs += TICK_MS
    await vi.advanceTimersByTimeAsync(TICK_MS)
    if (trace.killEveryHours && hour() - killedAt >= trace.killEveryHours) {
      killedAt = hour()
      const gone = box.kill()
      await vi.advanceTimersByTimeAsync(1)
      await gone
      box = boot()
    }
  }
  const gone = box.kill()
  await vi.advanceTimersByTimeAsync(1)
  await gone
  return { ...far.outcome(), left: log.left(), waits }
}

interface MemoryLog {
  readonly reader: LogReader
  appendUntil(className: string, count: number): void
  readAt(className: string, sequence: number): number
  left(): Record<string, number>
}

function memoryLog(classes: readonly string[], hour: () => number): MemoryLog {
  const times = new Map(classes.map((it) => [it, [] as number[]]))
  let delivered: StreamIntervals = new Map()
  let transaction = 0
  const cursors = new Map<string, { live: number; start: number; backlog: number; had: Intervals }>()
  let wake = () => {}
  const headOf = (name: string) => (times.get(name) as number[]).length

  function next({ lane, except, readingsMax }: NextRequest): Taken {
    const out = { slices: [] as Taken['slices'][number][], ranges: [] as Taken['ranges'][number][], series: new Map() }
    let room = readingsMax
    for (const name of classes.filter((it) => !except.includes(it))) {
      const cursor = cursors.get(name) as NonNullable<ReturnType<typeof cursors.get>>
      // What was delivered before the restart lies in the backlog as islands.
      const end = lane === 'live' ? headOf(name) : cursor.start
      const at = lane === 'live' ? cursor.live : cursor.backlog
      const first = at < end ? difference([{ from: at, to: end }], cursor.had)[0] : undefined
      if (!first || room <= 0) continue
      const { from } = first
      const to = Math.min(from + room, first.to)
      const stream = { device: 'box', epoch: 'e', class: name, form: 'raw' as const }
      out.slices.push({ form: 'raw', stream, from, to, block: new Uint8Array() })
      out.ranges.push({ stream: key(name), from, to })
      room -= to - from
      if (lane === 'live') cursor.live = to
      else cursor.backlog = to
    }
    return out
  }

  const reader: LogReader = {
    next: async (request) => next(request),
    more: (_, signal) =>
      new Promise((resolve) => {
        wake = resolve
        signal.addEventListener('abort', () => resolve())
      }),
    offer: async () => [],
    async commit(_, ranges, number) {
      transaction = number
      for (const it of ranges)
        delivered = new Map([...delivered, [it.stream, withInterval(delivered.get(it.stream) ?? [], it.from, it.to)]])
    },
    async restart(_, position) {
      if (position !== 'none') {
        delivered = position.delivered
        transaction = position.transaction
      }
      for (const name of classes) {
        const had = delivered.get(key(name)) ?? []
        cursors.set(name, { live: headOf(name), start: headOf(name), backlog: 0, had })
      }
      return { transaction, delivered, inDoubt: [], unread: [], endOffsets: {} }
    },
    told: async () => transaction,
    heads: async () => ({}),
  }
  return {
    reader,
    appendUntil(name, count) {
      const list = times.get(name) as number[]
      if (list.length >= count) return
      while (list.length < count) list.push(hour())
      wake()
    },
    readAt: (name, sequence) => (times.get(name) as number[])[sequence] as number,
    left: () =>
      Object.fromEntries(
        classes.map((name) => {
          const missing = difference(headOf(name) > 0 ? [{ from: 0, to: headOf(name) }] : [], delivered.get(key(name)) ?? [])
          return [name, missing.reduce((sum, it) => sum + it.to - it.from, 0)]
        }),
      ),
  }
}

function farEnds(trace: Trace, log: MemoryLog, hour: () => number) {
  const counters = new Map<string, number>()
  const carried: Record<string, number[]> = {}
  const sent: Sent[] = []
  const had = new Map<string, ReturnType<StreamIntervals['get']>>()
  let sockets = 0
  let twice = 0
  let opened = 0
  let position: Position | 'none' = 'none'

  /** Bytes pass at the link's speed while it is up; else the caller waits until it is told to stop. */
  async function pass(link: string, bytes: number, signal: AbortSignal): Promise<void> {
    const perTick = ((trace.bytesPerSecond[link] as number) * TICK_MS * (trace.speed ?? SPEED)) / 1000
    for (let gone = 0; gone < bytes; ) {
      if (signal.aborted) throw new Error('aborted')
      if (trace.isUp(link, hour())) {
        const now = Math.min(bytes - gone, perTick)
        gone += now
        count(link, now)
      }
      if (gone < bytes || perTick < bytes) await tick(signal)
    }
  }
  function count(link: string, bytes: number): void {
    sockets += bytes
    counters.set(link, (counters.get(link) ?? 0) + bytes * ON_THE_WIRE)
    const day = Math.floor(hour() / 24)
    const days = (carried[link] ??= [])
    while (days.length <= day) days.push(0)
    days[day] = (days[day] as number) + bytes * ON_THE_WIRE
  }

  return {
    counter: (name: string) => (trace.isUp(name, hour()) ? (counters.get(name) ?? 0) : undefined),
    carriedBySockets: () => sockets,
    outcome: () => ({ sent, carried, twice, opened }),
    async open(signal: AbortSignal, route: { readonly link: string } | undefined): Promise<Uplink> {
      const { link } = route as { readonly link: string }
      opened++
      await pass(link, OPENING_BYTES, signal)
      return {
        position: async () => position,
        endOffsets: async () => ({}),
        async send(batch, next, abort) {
          const rows = batch.slices.reduce((sum, it) => sum + it.to - it.from, 0)
          await pass(link, TRANSACTION_BYTES + rows * ROW_BYTES, abort)
          for (const { stream, from, to } of batch.slices)
            for (let at = from; at < to; at++) {
              const known = had.get(stream.class) ?? []
              if (difference([{ from: at, to: at + 1 }], known).length === 0) twice++
              sent.push({ class: stream.class, link, read: log.readAt(stream.class, at), at: hour() })
            }
          for (const { stream, from, to } of batch.slices)
            had.set(stream.class, withInterval(had.get(stream.class) ?? [], from, to))
          position = { transaction: next.transaction, delivered: new Map(next.delivered) }
          return []
        },
        close: async () => count(link, 300),
      }
    },
  }
}

function tick(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TICK_MS)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
