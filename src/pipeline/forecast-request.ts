// What the forecast is made from: the log as it is, and today's rates.
import type { AggregateBytes, Band, ClassRetention, ClassWhatIf, ForecastRequest } from '../core/retention.ts'
import type { ClassStatus } from '../core/status.ts'

export interface ForecastParts {
  readonly bytesMax: number
  /** Of bytesMax, what blocks may take. */
  readonly blockBytesMax: number
  readonly classes: readonly ClassRetention[]
  readonly figures: readonly ClassStatus[]
  /** Sealed ones. */
  readonly bands: readonly Band[]
  /** By class: readings accepted a second. */
  readonly rates: ReadonlyMap<string, number>
  /** By class: what its aggregates would take. */
  readonly tried?: Readonly<Record<string, readonly AggregateBytes[]>>
  readonly bytesWrittenPerDay: number
  readonly flashEnduranceBytes: number | null
}

/** Where nothing of a class is stored yet: what a reading of a slow process takes once it is sealed. */
const BYTES_PER_READING = 2
const MANY = 1_000
/** … or what was sealed over so long: of a slow class small blocks are what it takes. µs. */
const LONG = 3_600_000_000
/** What the log itself gives up; all else was refused as it came in. */
const GIVEN_UP = /^(full|history|damaged|unaccounted|rolled-back|offline-.*|filled-.*)$/

export function forecastRequest(parts: ForecastParts, offlineMs: number): ForecastRequest {
  const { bands, figures, rates } = parts
  const fresh = figures.flatMap((it, n) => freshBand(it, bands, n + bands.length))
  return {
    bytesMax: parts.bytesMax,
    blockBytesMax: parts.blockBytesMax,
    bands: [...bands, ...fresh],
    classes: parts.classes.map((it) => {
      const own = bands.filter((band) => band.class === it.name && band.form === 'raw')
      const stored = figures.find((status) => status.name === it.name)
      return {
        ...it,
        readingsPerSecond: rates.get(it.name) ?? 0,
        bytesPerReading: bytesPerReading(own, stored),
        series: Math.max(1, ...own.map((band) => band.series)),
        refusedShare: refusedShare(stored),
        aggregateBytes: parts.tried?.[it.name] ?? [],
      }
    }),
    offlineMs,
    bytesWrittenPerDay: parts.bytesWrittenPerDay,
    flashEnduranceBytes: parts.flashEnduranceBytes,
  }
}

/** As if these classes were set so, in this order; classes that it does not name come after them, and what is no class of the box is left out. */
export function withWhatIf(parts: ForecastParts, whatIf: readonly ClassWhatIf[] = []): ForecastParts {
  const named = whatIf.flatMap((it) => {
    const now = parts.classes.find(({ name }) => name === it.name)
    if (!now) return []
    // What a class may have or not have, it has by the question alone.
    const { forwardWindowMs: _, ...rest } = now
    return [{ ...rest, ...it }]
  })
  const rest = parts.classes.filter((it) => !whatIf.some(({ name }) => name === it.name))
  return { ...parts, classes: [...named, ...rest] }
}

/** Sealed blocks tell what a reading takes; fresh ones take more. */
function bytesPerReading(sealed: readonly Band[], stored: ClassStatus | undefined): number {
  const rows = sealed.reduce((sum, it) => sum + it.rows, 0)
  const from = sealed.reduce((least, it) => Math.min(least, it.receivedFrom), Infinity)
  const to = sealed.reduce((most, it) => Math.max(most, it.receivedTo), -Infinity)
  if (rows >= MANY || to - from >= LONG) return sealed.reduce((sum, it) => sum + it.bytes, 0) / rows
  return stored && stored.stored >= MANY ? stored.bytes / stored.stored : BYTES_PER_READING
}

function refusedShare(status: ClassStatus | undefined): number {
  if (!status || status.accepted === 0) return 0
  const refused = Object.entries(status.lost).reduce((sum, [reason, count]) => (GIVEN_UP.test(reason) ? sum : sum + count), 0)
  return Math.min(1, refused / status.accepted)
}

/** What is not sealed yet: the youngest, but the forecast counts on from its age. */
function freshBand({ name, stored, bytes }: ClassStatus, bands: readonly Band[], id: number): Band[] {
  const own = bands.filter((it) => it.class === name)
  const rows = stored - own.reduce((sum, it) => sum + (it.form === 'raw' && !it.delivered ? it.rows : 0), 0)
  if (rows <= 0) return []
  const rest = Math.max(0, bytes - own.reduce((sum, it) => sum + it.bytes, 0))
  const series = Math.max(1, ...own.map((it) => it.series))
  const times = { receivedFrom: 0, receivedTo: 0, age: bands.reduce((max, band) => Math.max(max, band.age), 0) + 1 }
  return [
    {
      id,
      class: name,
      form: 'raw',
      windowMs: 0,
      delivered: false,
      pinned: false,
      bytes: rest,
      readings: rows,
      rows,
      series,
      ...times,
    },
  ]
}
