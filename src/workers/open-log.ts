// The log as the rest of the agent sees it: contracts of core/log.ts over the writer's and the keeper's thread.
import { Worker } from 'node:worker_threads'
import type { ReadingBatch } from '../core/batch.ts'
import { transferables } from '../core/batch.ts'
import type { QueryRequest, QueryRow } from '../core/agent-api.ts'
import type { LogReader, LogWriter, Resumed, Taken } from '../core/log.ts'
import type { DamagedPlace, KeeperOptions } from '../log/keeper.ts'
import type { QueryPage } from '../log/query.ts'
import type { LogFigures } from '../log/figures.ts'
import type { WriterOptions } from '../log/writer.ts'
import type { Caller } from './port.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import { caller, serve, unpacked } from './port.ts'

export interface OpenLog {
  readonly writer: LogWriter
  readonly reader: LogReader
  figures(): Promise<LogFigures>
  /** What the log holds of a tag, in the order in which it came. */
  query(request: QueryRequest, signal: AbortSignal): AsyncIterable<QueryRow>
  /** Commits what waits and leaves the clean-stop mark. */
  close(): Promise<void>
}

/** The ledger's new lines are given their numbers at most so often: until then those that join on become one line. */
const PUBLISH_EVERY_MS = 1000
/** Handing a buffer over costs more than copying a small one. */
const COPIED_READINGS_MAX = 128
const WRITER_HEAP_MB = 256
const KEEPER_HEAP_MB = 256

/** Rejects when the log cannot be opened. `failed` is told when it cannot be written or one of its threads died: the process must end. */
export async function openLog(options: WriterOptions, failed: (error: Error) => void): Promise<OpenLog> {
  let closing = false
  const failing = (error: Error): void => {
    // Before it is open, the one who opens it is told.
    if (isOpen && !closing) failed(error)
    writer.fail(error)
    keeper?.fail(error)
  }
  let isOpen = false
  let keeper: Caller | undefined
  const writerThread = thread('writer', options, WRITER_HEAP_MB, (error) => failing(error))
  const writer = caller(writerThread)
  const waiting = new Map<number, () => void>()
  const sleepers = new Map<string, Set<() => void>>()
  /** Uplinks that have looked since the last commit and found nothing wait; others may have missed one. */
  let commits = 0
  const seen = new Map<string, number>()
  let unpublished = 0
  let publishedAt = 0
  let nextId = 0
  serve(writerThread, {
    durable(ids: readonly number[], lines: number) {
      unpublished = lines
      for (const id of ids) {
        waiting.get(id)?.()
        waiting.delete(id)
      }
      wake()
    },
    failed: (error: unknown) => failing(unpacked(error)),
  })
  // The keeper opens what the writer has made.
  await writer.call('figures', [])
  const keeperThread = thread(
    'keeper',
    { dir: options.dir, classes: options.classes.map((it) => it.name) } satisfies KeeperOptions,
    KEEPER_HEAP_MB,
    (error) => failing(error),
  )
  const reading = caller(keeperThread)
  keeper = reading
  await reading.call('heads', [])
  isOpen = true

  function wake(): void {
    commits++
    for (const set of sleepers.values()) for (const done of set) done()
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
    more(uplink, signal) {
      if (signal.aborted || (seen.get(uplink) ?? -1) < commits) return Promise.resolve()
      return new Promise<void>((resolve) => {
        const set = sleepers.get(uplink) ?? new Set()
        sleepers.set(uplink, set)
        const done = () => {
          signal.removeEventListener('abort', done)
          set.delete(done)
          resolve()
        }
        set.add(done)
        signal.addEventListener('abort', done, { once: true })
      })
    },
    offer: (uplink, ranges, endOffsets) => writer.call('offer', [uplink, ranges, endOffsets]),
    commit: (uplink, ranges, transaction, refused) => writer.call('commit', [uplink, ranges, transaction, refused]),
    async restart(uplink, position) {
      const resumed = await writer.call<Resumed>('restart', [uplink, position])
      await reading.call('restart', [uplink, resumed.delivered])
      return resumed
    },
    heads: () => reading.call('heads', []),
  }

  return {
    reader,
    writer: {
      append: (batch: ReadingBatch) =>
        new Promise<void>((resolve) => {
          const id = nextId++
          waiting.set(id, resolve)
          writer.tell('append', [id, batch], batch.count > COPIED_READINGS_MAX ? transferables(batch) : [])
        }),
      hurry: () => writer.tell('hurry', []),
      forget: (origin) => writer.tell('forget', [origin]),
    },
    figures: () => writer.call('figures', []),
    async *query(request, signal) {
      let rows = 0
      for (let after: number | undefined = 0; after !== undefined && !signal.aborted; ) {
        const page: QueryPage = await reading.call<QueryPage>('query', [
          { tag: request.tag, from: request.from, to: request.to, after },
        ])
        for (const row of page.rows) {
          if (rows++ >= request.limit) return
          yield row
        }
        after = page.next
      }
    },
    async close() {
      await reading.call('close', [])
      await writer.call('close', [])
      closing = true
      await Promise.all([keeperThread.terminate(), writerThread.terminate()])
    },
  }
}

function thread(name: string, data: unknown, heapMb: number, failed: (error: Error) => void): Worker {
  const worker = new Worker(new URL(`./${name}.ts`, import.meta.url), {
    workerData: data,
    name,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  worker.on('error', (error) => failed(error as Error))
  worker.on('exit', (code) => failed(new Error(`the log's ${name} thread ended with code ${code}`)))
  return worker
}
