// A week of windows as stretches of a line.
import { isOpen, parseTimes } from '../../../core/times.ts'
import { timeZone } from '../../../core/zone.ts'

export interface Stretch {
  /** Of the day: 0 to 1. */
  readonly from: number
  readonly to: number
}

export interface Day {
  /** Its midnight, µs. */
  readonly at: number
  readonly stretches: readonly Stretch[]
}

const MINUTE_US = 60_000_000
const QUARTER_US = 15 * MINUTE_US
const DAYS = 7

/** From the day of `now` in the window's zone on; quarters of an hour are fine enough to look at. */
export function weekOf(at: string, zoneName: string, now: number): Day[] {
  const times = parseTimes(at)
  if (typeof times === 'string') return []
  const zone = timeZone(zoneName)
  const { year, month, date } = zone.wall(now)
  return Array.from({ length: DAYS }, (_, n) => {
    const [begin, end] = [zone.startOf(year, month, date + n), zone.startOf(year, month, date + n + 1)]
    return { at: begin, stretches: stretchesOf((it) => isOpen(times, zone, it), begin, end) }
  })
}

function stretchesOf(open: (at: number) => boolean, begin: number, end: number): Stretch[] {
  const found: { from: number; to: number }[] = []
  for (let it = begin; it < end; it += QUARTER_US) {
    if (!open(it)) continue
    const [from, to] = [(it - begin) / (end - begin), Math.min(1, (it + QUARTER_US - begin) / (end - begin))]
    const last = found.at(-1)
    if (last && Math.abs(last.to - from) < 1e-9) last.to = to
    else found.push({ from, to })
  }
  return found
}
