// A box in this process: a real log, the real loop that forwards, the real uplink. Only its sources are ours: readings that tell their number.
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder, newOrigin } from '../../../src/core/batch.ts'
import type { LogReader } from '../../../src/core/log.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import type { LogFigures } from '../../../src/log/figures.ts'
import { recoverLog } from '../../../src/log/recover.ts'
import type { ForwardReport } from '../../../src/pipeline/forward-report.ts'
import type { ForwardParts } from '../../../src/pipeline/forward.ts'
import { newReport } from '../../../src/pipeline/forward-report.ts'
import { forward } from '../../../src/pipeline/forward.ts'
import { systemClock } from '../../../src/workers/clock.ts'
import { checkBooks, openTestLog, T0 } from '../../log/helpers.ts'
import type { Dice } from '../dice.ts'
import { logOptions, UPLINK } from '../options.ts'
import { addReading, timeOf } from '../readings.ts'

const BOOT = 'boot-1'
const TICK_MS = 20
/** Longer than any class waits for its commit. */
const COMMITTED_MS = 60_000
const APPEND_EVERY_MS = 60
const READINGS_AN_APPEND_MAX = 60
const BYTES_MAX = 64_000_000
const DRAINED_ASK_MS = 50
/** As in life, but for the first wait after a failure. */
const WAITS = { backoff: { minMs: 100, maxMs: 2_000 }, blockedMs: 2_000 }

export interface BoxOptions {
  readonly device: string
  /** Of the log; one that is there already goes on. */
  readonly dir: string
  readonly dice: Dice
  readonly open: (signal: AbortSignal) => Promise<Uplink>
  /** 'life': as in life; else the first waits after a failure are shorter. */
  readonly waits?: ForwardParts['waits'] | 'life'
  /** The first reading's number. */
  readonly from?: number
  /** Of a reading of class debug. */
  readonly bytes?: number
}

export interface Failure {
  readonly at: number
  readonly code: string
  readonly text: string
  readonly waitMs: number
}

export interface Box {
  readonly device: string
  readonly report: ForwardReport
  readonly failures: readonly Failure[]
  /** Of its log. */
  readonly epochs: ReadonlySet<string>
  /** Numbers [from, given) were given to the log. */
  readonly from: number
  readonly given: number
  /** Adds readings, and again and again until `still`. */
  append(): void
  fill(readings: number): void
  still(): void
  figures(): LogFigures
  /** Readings that are still to be delivered. */
  waiting(): number
  /** Rejects when not all is delivered in time. */
  drained(forMs: number): Promise<void>
  /** The agent stops in an orderly way, once. Throws when the books do not add up. */
  stop(): Promise<void>
}

export async function openBox({ device, dir, dice, open, waits, from = 0, bytes = 16 }: BoxOptions): Promise<Box> {
  mkdirSync(dir, { recursive: true })
  const options = {
    ...logOptions({ dir, bytesMax: BYTES_MAX, bootId: BOOT, hasLadder: false }),
    device,
    uplinks: [UPLINK],
    bootId: BOOT,
  }
  await recoverLog({ ...options, now: T0 })
  const sleepers = new Set<() => void>()
  const wake = () => {
    for (const done of sleepers) done()
    sleepers.clear()
  }
  const log = openTestLog(dir, options, wake)
  const builder = new BatchBuilder(newOrigin(0))
  const report = newReport()
  const failures: Failure[] = []
  const stop = new AbortController()
  let given = from
  let appending: NodeJS.Timeout | undefined
  const ticking = setInterval(() => log.clock.tick(TICK_MS), TICK_MS)

  const reader: LogReader = {
    async next(request) {
      log.writer.publish()
      const { damaged, ...taken } = log.keeper.next(request)
      if (damaged.length > 0) throw new Error('a damaged block')
      return taken
    },
    more: (_, signal) =>
      new Promise((done) => {
        sleepers.add(done)
        signal.addEventListener('abort', () => done(), { once: true })
      }),
    async restart(...args) {
      const [uplink] = args
      const resumed = log.writer.restart(...args)
      log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
      return resumed
    },
    offer: async (...args) => log.writer.offer(...args),
    commit: async (...args) => log.writer.commit(...args),
    told: async (uplink) => log.writer.told(uplink),
    heads: async () => log.keeper.heads(),
  }
  const forwarding = forward(
    {
      uplink: UPLINK,
      admission: { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) },
      open,
      log: reader,
      clock: systemClock(),
      lanes: { liveShare: 0.3, backlog: 'oldest-first' },
      random: dice.next,
      failed(error, waitMs) {
        const { code, message } = error as Error & { code?: string }
        failures.push({ at: performance.now(), code: code ?? 'bug', text: message, waitMs })
      },
      ...(waits === 'life' ? {} : { waits: { ...WAITS, ...waits } }),
    } as ForwardParts,
    report,
    stop.signal,
  )

  function fill(readings: number): void {
    for (let i = 0; i < readings; i++) addReading(builder, given + i, bytes)
    log.append(builder.take(timeOf(given)))
    given += readings
  }

  function figures(): LogFigures {
    if (log.failures.length > 0) throw log.failures[0]
    return log.writer.figures()
  }

  const sum = (of: (it: LogFigures['classes'][number]) => number) => figures().classes.reduce((total, it) => total + of(it), 0)
  const acceptedBefore = sum((it) => it.accepted)
  /** Those that no commit holds yet, and those that are stored. */
  const waiting = () => given - from - (sum((it) => it.accepted) - acceptedBefore) + sum((it) => it.stored)

  const append = () => {
    appending ??= setInterval(() => fill(1 + dice.below(READINGS_AN_APPEND_MAX)), APPEND_EVERY_MS)
  }
  const still = () => {
    clearInterval(appending)
    appending = undefined
  }
  return {
    device,
    report,
    failures,
    from,
    epochs: new Set([figures().epoch]),
    get given() {
      return given
    },
    append,
    fill,
    still,
    figures,
    waiting,
    async drained(forMs) {
      for (const end = performance.now() + forMs; waiting() > 0; await sleep(DRAINED_ASK_MS))
        if (performance.now() > end)
          throw new Error(`${waiting()} readings are not delivered after ${forMs} ms: ${lastOf(failures)}`)
    },
    async stop() {
      if (stop.signal.aborted) return
      still()
      stop.abort()
      await forwarding
      clearInterval(ticking)
      // What waits for its commit gets it now, or closing would commit it after the figures.
      log.clock.tick(COMMITTED_MS)
      const end = figures()
      log.close()
      checkBooks(dir, end)
    },
  }
}

function lastOf(failures: readonly Failure[]): string {
  const last = failures.at(-1)
  return last ? `${failures.length} failures, the last ${last.code}: ${last.text}` : 'without a failure'
}
