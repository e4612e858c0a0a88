// The log as the rest of the agent sees it: contracts of core/log.ts over the writer's and the keeper's thread.
import type { ReadingBatch } from '../core/batch.ts'
import { transferables } from '../core/batch.ts'
import type { GivenOut, GivingLog, Received, ReceivingLog } from '../core/airgap.ts'
import { givenBy } from '../log/given.ts'
import type { BoxLog } from '../core/boxes.ts'
import type { Band, TriedWindows } from '../core/retention.ts'
import type { ClockState } from '../core/clock.ts'
import type { LogEvents } from '../core/events.ts'
import type { FollowBegun, FollowTaken } from '../core/follow.ts'
import type { LogReader, LogWriter, Resumed, Taken } from '../core/log.ts'
import type { NotifyLog } from '../core/notify.ts'
import type { Change } from '../log/change.ts'
import { keeperOptions } from '../log/keeper-options.ts'
import type { TryAggregates } from '../log/tried.ts'
import type { DamagedPlace } from '../log/lanes.ts'
import type { LogState } from '../log/pressure.ts'
import type { PageRequest, QueryPage } from '../core/query.ts'
import type { LogApi } from '../core/log-files.ts'
import { logApi } from '../log/check-run.ts'
import type { FollowedLog } from '../log/follow.ts'
import type { RuleLog, RuleStart, RuleTaken } from '../core/rule.ts'
import type { LogFigures } from '../log/figures.ts'
import type { Append } from './small-batches.ts'
import { packSmall } from './small-batches.ts'
import type { WriterData } from './writer.ts'
import type { LogThreads } from './log-threads.ts'
import { startLogThreads } from './log-threads.ts'
import type { Caller } from './port.ts'
import { caller, serve, unpacked } from './port.ts'

export interface OpenLog {
  readonly writer: LogWriter
  readonly reader: LogReader
  figures(): Promise<LogFigures>
  /** Seals whatever is fresh, and makes room: resolves when nothing is left to do. */
  seal(): Promise<void>
  /** What retention works from. */
  state(): Promise<LogState>
  bands(): Promise<readonly Band[]>
  /** By class: what aggregates of what it has now would take. */
  tryAggregates(classes: readonly TriedWindows[]): Promise<ReturnType<TryAggregates>>
  /** The clock stepped, or became trusted. */
  clockStepped(state: ClockState): void
  /** For rules: where they read and write. */
  readonly rules: RuleLog
  /** For local consumers. */
  readonly follow: FollowedLog
  /** Where notifiers keep how far they are. */
  readonly notify: NotifyLog
  /** Says which number of the list is wanted next. */
  takeEvents(offer: LogEvents): Promise<number>
  /** A page of what the log holds of some tags. */
  query(request: PageRequest): Promise<QueryPage>
  /** What leaves by hand, and its receipts. */
  readonly airgap: GivingLog & ReceivingLog
  /** What other boxes send. */
  readonly boxes: BoxLog
  /** For people who look after the log. */
  readonly files: LogApi
  /** Commits what waits and leaves the clean-stop mark. */
  close(): Promise<void>
}

/** The ledger's new lines are given their numbers at most so often: until then those that join on become one line. */
const PUBLISH_EVERY_MS = 1000
/** The keeper looks for work so often, and at once when appends wait for room. */
const WORK_EVERY_MS = 500
/** Handing a buffer over costs more than copying a small one. */
const COPIED_READINGS_MAX = 128
/** Beside the uplinks: no name of the settings is like it. */
const RULES = ' rules'

/**
 * Rejects when the log cannot be opened. `failed` is told when it cannot be written or one of its threads died: the process must end. `threads` are
 * this log's alone.
 */
export async function openLog(
  options: WriterData,
  failed: (error: Error) => void,
  threads: LogThreads = startLogThreads(),
): Promise<OpenLog> {
  let closing = false
  const failing = (error: Error): void => {
    // Before it is open, the one who opens it is told.
    if (isOpen && !closing) failed(error)
    writer.fail(error)
    reading.fail(error)
  }
  let isOpen = false
  const writer = caller(threads.writer.worker)
  const reading = caller(threads.keeper.worker)
  threads.writer.onEnd(failing)
  threads.keeper.onEnd(failing)
  const waiting = new Map<number, () => void>()
  const sleepers = new Map<string, Set<() => void>>()
  /** Uplinks that have looked since the last commit and found nothing wait; others may have missed one. */
  let commits = 0
  const seen = new Map<string, number>()
  let unpublished = 0
  let publishedAt = 0
  let nextId = 0
  /** All that rules have appended is durable. */
  let said: Promise<unknown> = Promise.resolve()
  serve(threads.writer.worker, {
    durable(ids: readonly number[], lines: number) {
      unpublished = lines
      for (const id of ids) {
        waiting.get(id)?.()
        waiting.delete(id)
      }
      wake()
    },
    held: () => work.hurry(),
    failed: (error: unknown) => failing(unpacked(error)),
  })
  const end = () => Promise.all([threads.keeper.worker.terminate(), threads.writer.worker.terminate()])
  try {
    threads.writer.begin(options)
    // The keeper opens what the writer has made.
    await writer.call('figures', [])
    threads.keeper.begin(keeperOptions(options))
    await reading.call('heads', [])
  } catch (error) {
    await end()
    throw error
  }
  isOpen = true
  const work = keepWorking(writer, reading, wake, (error) => failing(error as Error))

  const appends = inFewMessages(writer)

  function wake(): void {
    commits++
    for (const set of sleepers.values()) for (const done of set) done()
  }

  function more(reader: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || (seen.get(reader) ?? -1) < commits) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const set = sleepers.get(reader) ?? new Set()
      sleepers.set(reader, set)
      const done = () => {
        signal.removeEventListener('abort', done)
        set.delete(done)
        resolve()
      }
      set.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  async function publishNow(): Promise<void> {
    if (unpublished === 0 || performance.now() - publishedAt < PUBLISH_EVERY_MS) return
    unpublished = await writer.call<number>('publish', [])
    // After long silence there may be many: then the next reader goes on with them.
    if (unpublished === 0) publishedAt = performance.now()
  }

  const reader: LogReader = {
    async next(request) {
      // Readers ask for the live lane first: what is committed between the two is news for them.
      if (request.lane === 'live') seen.set(request.uplink, commits)
      await publishNow()
      const { damaged, ...taken } = await reading.call<Taken & { damaged: readonly DamagedPlace[] }>('next', [request])
      for (const { stream, first } of damaged) await writer.call('damaged', [stream, first])
      return taken
    },
    more,
    offer: (uplink, ranges, endOffsets) => writer.call('offer', [uplink, ranges, endOffsets]),
    commit: (uplink, ranges, transaction, refused) => writer.call('commit', [uplink, ranges, transaction, refused]),
    async restart(uplink, position, undecided = []) {
      const resumed = await writer.call<Resumed>('restart', [uplink, position, undecided])
      await reading.call('restart', [uplink, resumed.delivered, resumed.inDoubt])
      return resumed
    },
    told: (uplink) => writer.call('told', [uplink]),
    heads: () => reading.call('heads', []),
  }

  return {
    reader,
    writer: {
      append: (batch: ReadingBatch) =>
        new Promise<void>((resolve) => {
          const id = nextId++
          waiting.set(id, resolve)
          appends.add(id, batch)
        }),
      hurry: appends.hurry,
      forget(origin) {
        appends.flush()
        writer.tell('forget', [origin])
      },
    },
    rules: {
      async begin() {
        // What a thread before this one still has on its way is told by the marks then.
        await said
        return writer.call<RuleStart>('beginRules', [])
      },
      async read(positions, readingsMax) {
        seen.set(RULES, commits)
        type Read = RuleTaken & { damaged: readonly DamagedPlace[] }
        const { damaged, ...taken } = await reading.call<Read>('readForRules', [positions, readingsMax])
        for (const { stream, first } of damaged) await writer.call('damaged', [stream, first])
        return taken
      },
      more: (signal) => more(RULES, signal),
      append(batch, className, mark) {
        const done = new Promise<void>((resolve) => {
          const id = nextId++
          waiting.set(id, resolve)
          writer.tell('appendEvents', [id, batch, className, mark], transferables(batch))
        })
        said = said.then(() => done)
        return done
      },
      save: (positions, state) => writer.call('saveRules', [positions, state]),
      behind: (positions) => reading.call('behindOfRules', [positions]),
    },
    follow: {
      async begin(from) {
        await writer.call('followed', [])
        return reading.call<FollowBegun>('beginFollow', [from])
      },
      async read(request, follower) {
        seen.set(follower, commits)
        const taken = await reading.call<FollowTaken>('followOn', [request])
        for (const { stream, first } of taken.damaged) await writer.call('damaged', [stream, first])
        return taken
      },
      more,
    },
    notify: {
      saved: (name) => writer.call('savedOfNotifier', [name]),
      save: (name, saved) => writer.call('saveNotifier', [name, saved]),
    },
    figures: () => writer.call('figures', []),
    seal: () => work.all(),
    state: () => writer.call('state', []),
    bands: () => reading.call('bands', []),
    tryAggregates: (classes) => reading.call('tryAggregates', [classes]),
    clockStepped(state) {
      appends.flush()
      writer.tell('clockStepped', [state])
    },
    takeEvents: (offer) => writer.call('takeEvents', [offer]),
    async query(request) {
      const page = await reading.call<QueryPage>('query', [request])
      for (const { stream, first } of page.damaged) await writer.call('damaged', [stream, first])
      return page
    },
    airgap: {
      ...givenBy({
        out: (uplink) => writer.call<GivenOut>('givenOut', [uplink]),
        give: (uplink, ranges) => writer.call('give', [uplink, ranges]),
        whole: (uplink, ranges) => writer.call('whole', [uplink, ranges]),
        restart: (name, delivered) => reading.call('restart', [name, delivered, []]),
        forget: (name) => reading.call('forget', [name]),
        next: reader.next,
      }),
      heads: reader.heads,
      receive: (receipt) => writer.call<Received>('receive', [receipt]),
    },
    boxes: {
      position: (device) => writer.call('boxPosition', [device]),
      take: (sent) => writer.call('takeOfBox', [sent]),
    },
    files: logApi(
      {
        files: () => reading.call('checkFiles', []),
        journal: () => reading.call('checkJournal', []),
        segment: (id) => reading.call('checkSegment', [id]),
        inspect: (segment) => reading.call('inspect', [segment]),
        ledger: (request) => reading.call('ledger', [request]),
        days: () => reading.call('days', []),
        exportBytes: () => reading.call('exportBytes', []),
        exportPart: (after) => reading.call('exportPart', [after]),
      },
      (stream, first) => writer.call('damaged', [stream, first]),
    ),
    async close() {
      appends.flush()
      // Whoever waits for news looks elsewhere.
      wake()
      await work.stop()
      await reading.call('close', [])
      await writer.call('close', [])
      closing = true
      await end()
    },
  }
}

interface Appends {
  add(id: number, batch: ReadingBatch): void
  hurry(): void
  /** Before anything that must not overtake what was appended. */
  flush(): void
}

/** Small batches of one turn of the event loop go together: whoever is woken by the same commit appends again in the same turn. */
function inFewMessages(writer: Caller): Appends {
  let small: Append[] = []
  let hurried = false

  function flush(): void {
    const [together, hurry] = [small, hurried]
    small = []
    hurried = false
    if (together.length > 0) writer.tell('appendSmall', [packSmall(together), hurry])
  }

  return {
    add(id, batch) {
      if (batch.count <= COPIED_READINGS_MAX) {
        if (small.length === 0) queueMicrotask(flush)
        small.push({ id, batch })
        return
      }
      flush()
      writer.tell('append', [id, batch], transferables(batch))
    },
    hurry() {
      if (small.length > 0) hurried = true
      else writer.tell('hurry', [])
    },
    flush,
  }
}

interface Work {
  hurry(): void
  all(): Promise<void>
  /** Resolves when no step is under way any more. */
  stop(): Promise<void>
}

/** The keeper's steps one after another: it prepares, the writer makes it true. */
function keepWorking(writer: Caller, keeper: Caller, wake: () => void, failed: (error: unknown) => void): Work {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  async function step(all: boolean): Promise<boolean> {
    const change = await keeper.call<Change | undefined>('work', [await writer.call<LogState>('state', []), all])
    if (!change) return false
    const done = await writer.call<boolean>('apply', [change])
    await keeper.call('applied', [done])
    // What was not handed out meanwhile can be now.
    wake()
    return done
  }

  async function run(all: boolean): Promise<void> {
    while (!stopped && (await step(all)));
  }

  function start(all: boolean): Promise<void> {
    clearTimeout(timer)
    running = run(all)
      .catch((error: unknown) => {
        if (!stopped) failed(error)
      })
      .finally(() => {
        running = undefined
        if (!stopped) timer = setTimeout(() => void start(false), WORK_EVERY_MS)
      })
    return running
  }

  // Not at once: whoever starts has more to do, and what waits for room hurries.
  timer = setTimeout(() => void start(false), WORK_EVERY_MS)
  return {
    hurry() {
      if (!running && !stopped) void start(false)
    },
    async all() {
      while (running) await running
      await start(true)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
