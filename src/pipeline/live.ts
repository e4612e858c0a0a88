// The last value of each tag, as it came in: what stands beside a tag on the page. In memory alone; it knows nothing of the log.
import type { ReadingBatch } from '../core/batch.ts'
import { LIVE_TAGS_MAX } from '../core/bounds.ts'
import type { LiveRequest, LiveValue } from '../core/operator.ts'
import { slotValue } from '../core/query.ts'
import type { Quality, SeriesDescriptor } from '../core/reading.ts'
import { NO_VALUE, QUALITIES } from '../core/reading.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import { sleep } from './keep-running.ts'

/** Of a text or bytes, so much is kept. */
const VALUE_BYTES_MAX = 512

export interface Live {
  /** Before the batch is handed over. */
  take(source: string, batch: ReadingBatch): void
  /** Its tags are no more. */
  forget(source: string): void
  watch(request: LiveRequest, signal: AbortSignal): AsyncIterable<LiveValue>
}

interface Tag {
  value: LiveValue
  /** Of all changes. */
  change: number
}

interface SourceTags {
  origin: number
  series: SeriesDescriptor[]
  readonly tags: Map<string, Tag>
}

export function createLive(): Live {
  const sources = new Map<string, SourceTags>()
  let changes = 0
  /** By name; made anew when a tag has come or gone: many may watch, and each second all of this is looked at. */
  let sorted: readonly Tag[] | undefined
  const byName = () =>
    (sorted ??= [...sources.values()]
      .flatMap((it) => [...it.tags.values()])
      .toSorted((a, b) => compare(a.value.tag, b.value.tag)))
  /** Of each series of a batch: the place of its last reading, and one more; 0: none. */
  let places = new Uint32Array(1_024)

  function tagsOf(source: string, batch: ReadingBatch): SourceTags {
    let known = sources.get(source)
    if (!known) sources.set(source, (known = { origin: batch.origin, series: [], tags: new Map() }))
    if (known.origin !== batch.origin) Object.assign(known, { origin: batch.origin, series: [] })
    batch.newSeries.forEach((it, n) => void (known.series[batch.seriesFrom + n] = it))
    return known
  }

  return {
    take(source, batch) {
      const known = tagsOf(source, batch)
      if (places.length < known.series.length) places = new Uint32Array(known.series.length * 2)
      const { series, count } = batch
      for (let i = 0; i < count; i++) places[series[i] as number] = i + 1
      // Backwards, so that each series comes once, with its last reading.
      for (let i = count - 1; i >= 0; i--) {
        const of = series[i] as number
        if (places[of] === 0) continue
        places[of] = 0
        const described = known.series[of]
        if (described && put(known.tags, valueAt(source, described, batch, i), ++changes)) sorted = undefined
      }
    },
    forget(source) {
      if (sources.delete(source)) sorted = undefined
    },
    async *watch({ tag, limit, everyMs }, signal) {
      const fits = matcherOf(tag)
      let of: readonly Tag[] | undefined
      let first: readonly Tag[] = []
      for (let seen = -1; ; ) {
        const before = seen
        seen = changes
        // The first ones by name, also when more tags came meanwhile.
        if (of !== byName()) {
          of = byName()
          first = of.filter(({ value }) => fits(value.tag)).slice(0, limit)
        }
        for (const it of first) if (it.change > before) yield it.value
        if (everyMs === 0) return
        await sleep(everyMs, signal)
        if (signal.aborted) return
      }
    },
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** True: it is a new tag, and there is room for it. */
function put(tags: Map<string, Tag>, value: LiveValue, change: number): boolean {
  const known = tags.get(value.tag)
  if (known) Object.assign(known, { value, change })
  if (known || tags.size >= LIVE_TAGS_MAX) return false
  tags.set(value.tag, { value, change })
  return true
}

function valueAt(source: string, { tag, kind, unit, class: name }: SeriesDescriptor, batch: ReadingBatch, i: number): LiveValue {
  const quality = batch.quality[i] as number
  return {
    source,
    tag,
    time: batch.time[i] as number,
    received: batch.received,
    kind,
    value: quality & NO_VALUE ? null : short(slotValue(kind, batch.value, batch.bytes, i)),
    quality: QUALITIES[quality & 3] as Quality,
    status: batch.status[i] as number,
    class: name,
    ...(unit !== undefined && { unit }),
  }
}

function short<T>(value: T): T | string | Uint8Array {
  if (typeof value === 'string' && value.length > VALUE_BYTES_MAX) return `${value.slice(0, VALUE_BYTES_MAX)}…`
  return value instanceof Uint8Array ? value.slice(0, VALUE_BYTES_MAX) : value
}

function matcherOf(tag: LiveRequest['tag']): (tag: string) => boolean {
  if (tag === undefined) return () => true
  const all = [tag].flat().map(tagMatcher)
  return (it) => all.some((fits) => fits(it))
}
