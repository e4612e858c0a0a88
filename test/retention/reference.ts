// An outage simulated the slow and simple way: equal ticks, each too short to matter, one loop. What forecast's long strides are held against.
import type { Band, ForecastRequest, LadderStep } from '../../src/core/retention.ts'
import { inForce } from '../../src/retention/ladder.ts'
import { plan } from '../../src/retention/plan.ts'

interface ReferenceClass {
  name: string
  raw: number
  aggregated: number
  lost: number
  bytes: number
  fullAtMs: number | null
  waitsAtMs: number | null
}

export interface Reference {
  readonly fullAtMs: number | null
  readonly classes: readonly ReferenceClass[]
}

export function reference(request: ForecastRequest, tickMs: number): Reference {
  const { classes, bytesMax, blockBytesMax } = request
  const segmentBytes = Math.min(64e6, bytesMax * 0.02)
  let bands: Band[] = [...request.bands]
  let age = 1e9
  let fullAtMs: number | null = null
  const lost = classes.map(() => 0)
  const fullAt = classes.map((): number | null => null)
  const waitsAt = classes.map((): number | null => null)
  const filled = classes.map((): ReadonlySet<LadderStep> => new Set())
  const undelivered = (name?: string) =>
    bands.filter((it) => !it.delivered && (name === undefined || it.class === name)).reduce((sum, it) => sum + it.bytes, 0)

  for (let atMs = 0; atMs < request.offlineMs; atMs += tickMs) {
    const share = undelivered() / bytesMax
    for (const [at, cls] of classes.entries()) {
      if (cls.whenFull === 'wait') {
        const theirs = classes.map(({ name, floorBytes, whenFull }) => {
          if (name === cls.name) return 0
          if (whenFull === 'wait') return Math.max(undelivered(name), floorBytes)
          return floorBytes > 0 ? floorBytes + segmentBytes : 0
        })
        const room = blockBytesMax - theirs.reduce((sum, it) => sum + it, 0)
        if (undelivered(cls.name) >= Math.max(room, cls.floorBytes)) {
          waitsAt[at] ??= atMs
          continue
        }
      }
      const now = inForce({ ...cls, offlineForMs: cls.offlineForMs + atMs, delivering: false }, share, filled[at] as never)
      filled[at] = now.filledNow
      const { keep } = now.inForce
      const readings = (cls.readingsPerSecond * tickMs) / 1_000
      if (keep === 'nothing') lost[at] = (lost[at] as number) + readings
      else if (readings > 0) {
        const fewest = keep === 'raw' ? readings : Math.min(readings, (cls.series * tickMs) / keep.windowMs)
        const raw = readings * cls.bytesPerReading
        // Aggregates that are hardly smaller are not made.
        const windowMs = keep === 'raw' || fewest * aggregateBytes(cls) > raw * 0.9 ? 0 : keep.windowMs
        const rows = windowMs === 0 ? readings : fewest
        const bytes = windowMs === 0 ? raw : rows * aggregateBytes(cls)
        bands = grown(bands, cls.name, windowMs, { readings, rows, bytes, series: cls.series }, atMs, tickMs)
      }
    }
    const excess = bands.reduce((sum, it) => sum + it.bytes, 0) - blockBytesMax
    if (excess <= 0) continue
    fullAtMs ??= atMs + tickMs
    for (const step of plan({ bands, classes, bytesToFree: excess }).steps) {
      const band = bands.find((it) => it.id === step.band) as Band
      const at = classes.findIndex((it) => it.name === band.class)
      if (!band.delivered && at >= 0) fullAt[at] ??= atMs + tickMs
      if (step.keep === 'nothing' && !band.delivered) lost[at] = (lost[at] as number) + band.readings
      bands = bands.filter((it) => it !== band)
      if (step.keep !== 'nothing')
        bands.push({ ...band, form: 'aggregate', windowMs: step.keep.windowMs, ...shrunk(band, step, classes[at] as never) })
    }
  }

  return {
    fullAtMs,
    classes: classes.map(({ name }, at) => {
      const own = bands.filter((it) => it.class === name)
      const readings = (form: string) =>
        own.filter((it) => it.form === form && !it.delivered).reduce((sum, it) => sum + it.readings, 0)
      const bytes = own.reduce((sum, it) => sum + it.bytes, 0)
      const ends = { fullAtMs: fullAt[at] ?? null, waitsAtMs: waitsAt[at] ?? null }
      return { name, raw: readings('raw'), aggregated: readings('aggregate'), lost: lost[at] as number, bytes, ...ends }
    }),
  }

  function grown(
    list: Band[],
    name: string,
    windowMs: number,
    more: Pick<Band, 'readings' | 'rows' | 'bytes' | 'series'>,
    atMs: number,
    spanMs: number,
  ): Band[] {
    const receivedTo = (atMs + spanMs) * 1_000
    const last = list
      .filter((it) => it.class === name && it.age > 1e9)
      .reduce<Band | undefined>((a, b) => (a && a.age > b.age ? a : b), undefined)
    if (last && last.windowMs === windowMs && last.bytes < segmentBytes) {
      const { readings, rows, bytes } = last
      const sums = { readings: readings + more.readings, rows: rows + more.rows, bytes: bytes + more.bytes }
      return list.map((it) => (it === last ? { ...last, ...sums, receivedTo } : it))
    }
    age++
    const form = windowMs === 0 ? 'raw' : 'aggregate'
    const fresh = { id: age, age, class: name, form, windowMs, delivered: false, pinned: false } as const
    return [...list, { ...fresh, ...more, receivedFrom: atMs * 1_000, receivedTo }]
  }

  function shrunk(
    band: Band,
    step: { readonly freesBytes: number },
    cls: ForecastRequest['classes'][number],
  ): Pick<Band, 'rows' | 'bytes'> {
    const bytes = band.bytes - step.freesBytes
    return { bytes, rows: bytes / aggregateBytes(cls) }
  }
}

/** As much as ten readings, within 2 B and 48 B. */
function aggregateBytes({ bytesPerReading }: ForecastRequest['classes'][number]): number {
  return Math.min(48, Math.max(2, 10 * bytesPerReading))
}
