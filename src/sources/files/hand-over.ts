// What was handed over and is not durable yet.
import type { BatchBuilder } from '../../core/batch.ts'
import type { SourceItem } from '../../core/source.ts'

export interface HandOver {
  /** The batch that the builder holds; `durable` is told after those before it. */
  item(builder: BatchBuilder, durable: () => void): SourceItem
  /** Resolves when nothing is under way. */
  durable(): Promise<void>
  /** … or when so much time has gone by. */
  durableFor(ms: number): Promise<void>
  readonly isIdle: boolean
}

export function handOver(): HandOver {
  let underWay = 0
  let waiting: (() => void)[] = []
  const durable = () => (underWay === 0 ? Promise.resolve() : new Promise<void>((resolve) => void waiting.push(resolve)))
  return {
    item(builder, done) {
      underWay++
      return {
        batch: builder.take(builder.now()),
        durable() {
          underWay--
          done()
          if (underWay > 0) return
          for (const it of waiting) it()
          waiting = []
        },
      }
    },
    durable,
    async durableFor(ms) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
      await Promise.race([durable(), late])
      clearTimeout(timer)
    },
    get isIdle() {
      return underWay === 0
    },
  }
}
