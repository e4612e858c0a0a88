// Main's side of the rules' thread: what it asks of the log is handed on, and it is started again should it have died.
import { Worker } from 'node:worker_threads'
import type { ReadingBatch } from '../core/batch.ts'
import type { RuleLog, RuleMark, RulePositions, RuleSettings, RulesReport } from '../core/rule.ts'
import type { Logger } from '../core/source.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import type { Caller } from './port.ts'
import { caller, serve } from './port.ts'
import type { RulesSaid, RulesWorkerData } from './rules.ts'

export interface RulesHost {
  report(): Promise<RulesReport>
  /** What they have read is said and saved; after some time it is cut off: the next start goes on from what was saved. */
  stop(): Promise<void>
}

const HEAP_MB = 256
const RESTART_MS = 5_000
const REPORT_MS_MAX = 1_000
const STOP_MS_MAX = 2_000
/** One read's readings take no longer, be the expressions slow. */
const SILENT_MS_MAX = 30_000

export function rulesHost(data: RulesWorkerData, log: RuleLog, logger: Logger): RulesHost {
  const nothing = (lastError: string | null): RulesReport => ({
    rules: data.rules.map(unused),
    lagReadings: null,
    missed: 0,
    lastError,
  })
  let isStopped = false
  let running: { readonly worker: Worker; readonly calls: Caller; readonly stop: AbortController } | undefined
  let last: RulesReport = nothing(null)
  let ended = Promise.resolve()
  let again: NodeJS.Timeout | undefined
  /** Where their last read began: how far behind they are is known though they do not answer. */
  let readFrom: RulePositions | undefined
  /** Since when they work on what they read; undefined: they wait for the log, or are being started. */
  let busySince: number | undefined

  function start(): void {
    readFrom = undefined
    busySince = undefined
    const worker = new Worker(new URL('./rules.ts', import.meta.url), {
      workerData: data,
      name: 'rules',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    const calls = caller(worker)
    const stop = new AbortController()
    serve(worker, {
      begin: log.begin,
      async read(positions: RulePositions, readingsMax: number) {
        readFrom = positions
        busySince = undefined
        const taken = await log.read(positions, readingsMax)
        busySince = performance.now()
        return taken
      },
      more() {
        busySince = undefined
        return log.more(stop.signal)
      },
      append: (batch: ReadingBatch, className: string, mark: RuleMark) => log.append(batch, className, mark),
      save: log.save,
    })
    running = { worker, calls, stop }
    let cause: Error | undefined
    worker.on('error', (error) => (cause = error as Error))
    ended = new Promise((resolve) => {
      worker.on('exit', () => {
        stop.abort()
        calls.fail(new Error('the rules are being started anew'))
        running = undefined
        busySince = undefined
        resolve()
        if (!isStopped) fail(cause ?? new Error('the thread of the rules ended'))
      })
    })
  }

  function fail(cause: Error): void {
    last = { ...last, lastError: cause.message }
    logger.error({ stack: cause.stack }, `the rules failed: ${cause.message}`)
    again = setTimeout(start, RESTART_MS)
  }

  start()
  return {
    async report() {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, REPORT_MS_MAX, undefined).unref())
      const asked = running?.calls.call<RulesSaid>('report', []).catch(() => undefined)
      const behind = readFrom && log.behind(readFrom).catch(() => undefined)
      const [said, lag] = await Promise.all([Promise.race([asked, late]), Promise.race([behind, late])])
      if (said && said.rules.length > 0) last = { ...said, lagReadings: null }
      const isSilent = running && !said && busySince !== undefined && performance.now() - busySince > SILENT_MS_MAX
      const lastError = isSilent ? 'they do not answer: an expression takes very long' : last.lastError
      return { ...last, lastError, lagReadings: lag ?? null }
    },
    async stop() {
      isStopped = true
      clearTimeout(again)
      const it = running
      if (!it) return
      it.calls.tell('stop', [])
      it.stop.abort()
      const cut = setTimeout(() => void it.worker.terminate(), STOP_MS_MAX)
      await ended
      clearTimeout(cut)
    },
  }
}

const unused = ({ name }: RuleSettings) => ({
  name,
  events: 0,
  lastEvent: null,
  late: 0,
  overflowed: 0,
  errors: 0,
  lastError: null,
})
