// What a source has handed over and is not durable yet: how much more may come, and who is told when it is.
//
//   item ─► exception filter ─► batches to main ─► … fsync … ─► durable ─► the item's acknowledgement
//
// Acknowledgements go in the order of the items. One of which all was withheld is acknowledged once all before it are durable.
import type { ReadingBatch } from '../core/batch.ts'
import {
  ACKNOWLEDGEMENTS_HELD_MAX,
  BATCHES_IN_FLIGHT_MAX,
  SMALL_BATCH_PACE_MS,
  SMALL_BATCHES_IN_FLIGHT_MAX,
  SMALL_READINGS_IN_FLIGHT_MAX,
} from '../core/bounds.ts'
import type { ReportRule } from '../core/report-rule.ts'
import type { SourceItem } from '../core/source.ts'
import { exceptionFilter } from '../pipeline/exception/filter.ts'

export interface Delivering {
  handOver(item: SourceItem): void
  /** Resolves when the next item may be handed over. */
  room(): Promise<void>
  /** The oldest batch is durable. */
  durable(): void
  /** Hands over what was held back for long enough. */
  due(): void
  /** Hands over all that was held back: no more will come. */
  release(): void
  /** Readings; undefined: nothing is ever withheld. */
  withheld(): number | undefined
}

interface InFlight {
  readonly count: number
  /** Its own, and those of items after it of which all was withheld. */
  readonly acknowledge: (() => void)[]
}

export function delivering(send: (batch: ReadingBatch) => void, rules: readonly ReportRule[] | undefined): Delivering {
  const filter = rules && exceptionFilter(rules)
  /** Oldest first. */
  const inFlight: InFlight[] = []
  let acknowledgements = 0
  let wake = () => {}

  function give(batches: readonly ReadingBatch[]): void {
    for (const batch of batches) {
      inFlight.push({ count: batch.count, acknowledge: [] })
      send(batch)
    }
  }

  function mayGoOn(): 'now' | 'paced' | 'later' {
    if (acknowledgements >= ACKNOWLEDGEMENTS_HELD_MAX) return 'later'
    if (inFlight.length < BATCHES_IN_FLIGHT_MAX) return 'now'
    const readings = inFlight.reduce((sum, it) => sum + it.count, 0)
    return inFlight.length < SMALL_BATCHES_IN_FLIGHT_MAX && readings < SMALL_READINGS_IN_FLIGHT_MAX ? 'paced' : 'later'
  }

  /** True when a batch became durable, false when the time was up first. */
  function durableOr(ms: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => resolve(false), ms)
      wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  return {
    handOver({ batch, durable }) {
      const batches = filter ? filter.take(batch, performance.now()) : [batch]
      give(batches)
      const last = inFlight.at(-1)
      if (!last) return durable()
      last.acknowledge.push(durable)
      acknowledgements++
    },
    async room() {
      for (;;) {
        const when = mayGoOn()
        if (when === 'now') return
        if (!(await durableOr(when === 'paced' ? SMALL_BATCH_PACE_MS : undefined))) return
      }
    },
    durable() {
      const done = inFlight.shift()
      acknowledgements -= done?.acknowledge.length ?? 0
      for (const acknowledge of done?.acknowledge ?? []) acknowledge()
      wake()
    },
    due() {
      if (filter) give(filter.due(performance.now()))
    },
    release() {
      if (filter) give(filter.due())
    },
    withheld: () => filter?.withheld,
  }
}
