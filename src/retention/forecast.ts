// What an outage would cost: the log grows at today's rates, step after step, under the same ladder and the same plan as the log itself.
import type { Forecast, ForecastClass, ForecastRequest, LadderStep } from '../core/retention.ts'
import type { ClassWorld, World } from './outage.ts'
import { advance, beginOutage, bytesByClass } from './outage.ts'

const DAYS_A_YEAR = 365.25

/** The log as it is at the end of `offlineMs` without any delivery, and when what becomes of it. Takes at most some hundred steps, whatever the span. */
export function forecast(request: ForecastRequest): Forecast {
  const world = beginOutage(request)
  const points = [{ atMs: 0, bytes: bytesByClass(world) }]
  while (world.atMs < request.offlineMs) {
    advance(world)
    points.push({ atMs: world.atMs, bytes: bytesByClass(world) })
  }
  return {
    offlineMs: request.offlineMs,
    blockBytesMax: request.blockBytesMax,
    classes: world.classes.map((it) => classAtEnd(world, it)),
    fullAtMs: world.fullAtMs,
    flashYears: flashYears(request),
    points,
  }
}

function classAtEnd(world: World, { cls, accepted, heldAtBegin, stepsAt, fullAtMs, waitsAtMs }: ClassWorld): ForecastClass {
  const bands = world.bands.filter((it) => it.class === cls.name)
  const readingsOf = (form: 'raw' | 'aggregate') =>
    Math.round(bands.reduce((sum, it) => (it.form === form && !it.delivered ? sum + it.readings : sum), 0))
  const raw = readingsOf('raw')
  const aggregated = readingsOf('aggregate')
  const atOf = (step: LadderStep) => stepsAt.get(step) ?? null
  return {
    name: cls.name,
    raw,
    aggregated,
    // What is left, so that the three are all that the class ever had in hand.
    lost: Math.max(0, Math.round(heldAtBegin + accepted) - raw - aggregated),
    bytes: Math.round(bands.reduce((sum, it) => sum + it.bytes, 0)),
    steps: cls.ladder.map((step) => ({ step, atMs: atOf(step) })),
    fullAtMs,
    waitsAtMs,
  }
}

/** Until the flash has endured all that it can, at today's writes; null where nobody knows what it endures, or nothing is written. */
function flashYears({ bytesWrittenPerDay, flashEnduranceBytes }: ForecastRequest): number | null {
  if (flashEnduranceBytes === null || bytesWrittenPerDay <= 0) return null
  return flashEnduranceBytes / bytesWrittenPerDay / DAYS_A_YEAR
}
