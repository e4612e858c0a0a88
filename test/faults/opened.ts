// A log under examination, through the doors that the agent uses: in its threads, or (ten times as fast) writer and keeper in this one.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadingBatch } from '../../src/core/batch.ts'
import type { LogReader } from '../../src/core/log.ts'
import type { LogFigures } from '../../src/log/figures.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { openTestLog, T0 } from '../log/helpers.ts'
import type { Frame } from './options.ts'
import { logOptions, threadOptions } from './options.ts'

export interface Opened {
  readonly reader: Pick<LogReader, 'next' | 'restart' | 'offer' | 'commit' | 'heads'>
  figures(): Promise<LogFigures>
  /** Resolves with the acknowledgement. */
  append(batch: ReadingBatch): Promise<void>
  /** Seals and makes room until nothing is left to do. */
  seal(): Promise<void>
  /** Waits until the ledger's lines have their places. */
  publish(): Promise<void>
  close(): Promise<void>
}

const APPEND_MS_MAX = 20_000

/** Throws when the log fails or an append is not acknowledged in time. */
export async function openInThreads(frame: Frame): Promise<Opened> {
  let broken: Error | undefined
  const log = await openLog(threadOptions(frame), (error) => (broken = error))
  const whole = async <T>(what: Promise<T>): Promise<T> => {
    const result = await what
    if (broken) throw broken
    return result
  }
  return {
    reader: log.reader,
    figures: () => whole(log.figures()),
    append: (batch) => whole(inTime(log.writer.append(batch), () => broken)),
    seal: () => whole(log.seal()),
    // The next `next` does it, at most once a second.
    publish: () => sleep(200),
    close: () => whole(log.close()),
  }
}

async function inTime(append: Promise<void>, broken: () => Error | undefined): Promise<void> {
  const late = new AbortController()
  try {
    await Promise.race([
      append,
      sleep(APPEND_MS_MAX, undefined, { signal: late.signal }).then(() => {
        throw broken() ?? new Error(`an append was not acknowledged within ${APPEND_MS_MAX} ms`)
      }),
    ])
  } finally {
    late.abort()
  }
}

export async function openHere(frame: Frame): Promise<Opened> {
  const options = { ...logOptions(frame), bootId: frame.bootId }
  await recoverLog({ ...options, now: T0 })
  const log = openTestLog(frame.dir, options)
  const whole = <T>(result: T): T => {
    if (log.failures.length > 0) throw log.failures[0]
    return result
  }
  return {
    reader: {
      async next(request) {
        const { damaged, ...taken } = log.keeper.next(request)
        for (const it of damaged) log.writer.damaged(it.stream, it.first)
        return whole(taken)
      },
      async restart(uplink, position) {
        const resumed = log.writer.restart(uplink, position)
        log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
        return whole(resumed)
      },
      offer: async (...args) => whole(log.writer.offer(...args)),
      commit: async (...args) => whole(log.writer.commit(...args)),
      heads: async () => log.keeper.heads(),
    },
    figures: async () => log.writer.figures(),
    async append(batch) {
      const id = log.append(batch)
      for (let i = 0; i < 100 && !log.acked.includes(id) && log.failures.length === 0; i++) log.clock.tick(1000)
      whole(undefined)
      if (!log.acked.includes(id)) throw new Error('an append was not acknowledged')
    },
    seal: async () => void whole(log.work(true)),
    publish: async () => {
      while (log.writer.publish() > 0) whole(undefined)
    },
    async close() {
      log.close()
      whole(undefined)
    },
  }
}
