// When an uplink will have caught up: what it has not got, by how fast that really becomes less (new readings included) over the last three minutes.
import { countOf } from '../core/intervals.ts'
import type { LogReader } from '../core/log.ts'
import type { StreamIntervals } from '../core/stream.ts'
import { streamOf } from '../core/stream.ts'

const WINDOW_MS = 180_000
/** Over less than that the rhythm of commits and transactions is all that shows. */
const SPAN_MS_MIN = 5_000

export interface Eta {
  /** `open`: numbers that the uplink has not got; undefined: it does not get anything now. */
  add(open: number | undefined): void
  /** 0: it has caught up. Null: it does not come nearer, or nobody knows yet. */
  seconds(): number | null
}

/** `monotonic` in ms. */
export function createEta(monotonic: () => number): Eta {
  let samples: { readonly at: number; readonly open: number }[] = []
  return {
    add(open) {
      const at = monotonic()
      samples = open === undefined ? [] : [...samples.filter((it) => at - it.at <= WINDOW_MS), { at, open }]
    },
    seconds() {
      const last = samples.at(-1)
      if (!last) return null
      if (last.open === 0) return 0
      const first = samples[0] ?? last
      const [ms, less] = [last.at - first.at, first.open - last.open]
      return ms >= SPAN_MS_MIN && less > 0 ? (last.open * ms) / less / 1000 : null
    },
  }
}

/** Numbers of these classes that an uplink has not got, readings and aggregates. */
export function openNumbers(
  heads: Awaited<ReturnType<LogReader['heads']>>,
  delivered: StreamIntervals,
  classes: readonly string[],
): number {
  return Object.entries(heads).reduce((sum, [key, { next }]) => {
    const { class: name, form } = streamOf(key)
    if (form === 'gap' || !classes.includes(name)) return sum
    return sum + Math.max(0, next - countOf(delivered.get(key) ?? []))
  }, 0)
}
