// Main's side of the rules' thread: what it asks of the log is handed on, and it is started again should it have died.
import type { ReadingBatch } from '../core/batch.ts'
import type { RuleLog, RuleMark, RulePositions, RuleSettings, RulesReport } from '../core/rule.ts'
import type { Logger } from '../core/source.ts'
import { keptThread } from './kept-thread.ts'
import type { RulesSaid, RulesWorkerData } from './rules.ts'

export interface RulesHost {
  report(): Promise<RulesReport>
  /** What they have read is said and saved; after some time it is cut off: the next start goes on from what was saved. */
  stop(): Promise<void>
}

const HEAP_MB = 256
/** One read's readings take no longer, be the expressions slow. */
const SILENT_MS_MAX = 30_000
/** The log says so late how far behind they are: then nobody knows just now. */
const BEHIND_MS_MAX = 1_000

export function rulesHost(data: RulesWorkerData, log: RuleLog, logger: Logger): RulesHost {
  let last: RulesReport = { rules: data.rules.map(unused), lagReadings: null, missed: 0, lastError: null }
  /** Where their last read began: how far behind they are is known though they do not answer. */
  let readFrom: RulePositions | undefined
  /** Since when they work on what they read; undefined: they wait for the log, or are being started. */
  let busySince: number | undefined

  const thread = keptThread({
    file: new URL('./rules.ts', import.meta.url),
    name: 'rules',
    data,
    heapMb: HEAP_MB,
    handlers(over) {
      readFrom = undefined
      busySince = undefined
      return {
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
          return log.more(over)
        },
        append: (batch: ReadingBatch, className: string, mark: RuleMark) => log.append(batch, className, mark),
        save: log.save,
      }
    },
    restarting: () => new Error('the rules are being started anew'),
    failed(cause) {
      busySince = undefined
      last = { ...last, lastError: cause.message }
      logger.error({ stack: cause.stack }, `the rules failed: ${cause.message}`)
    },
  })

  return {
    async report() {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, BEHIND_MS_MAX, undefined).unref())
      const behind = readFrom && log.behind(readFrom).catch(() => undefined)
      const [said, lag] = await Promise.all([thread.ask<RulesSaid>('report'), Promise.race([behind, late])])
      if (said && said.rules.length > 0) last = { ...said, lagReadings: null }
      const isSilent = thread.calls() && !said && busySince !== undefined && performance.now() - busySince > SILENT_MS_MAX
      const lastError = isSilent ? 'they do not answer: an expression takes very long' : last.lastError
      return { ...last, lastError, lagReadings: lag ?? null }
    },
    stop: thread.stop,
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
