// Report by exception, for one series: which of its readings are reported. Pure: no clock, and time is the readings' own.
//
// Deadband: a reading is withheld while it is within the deadband of the last report.
// Swinging door: the newest reading is held. It ends a line that began at the last report, and every reading withheld between the
//   two is within the deviation of that line: each narrows the slopes that are allowed (`low` to `high`). A reading whose slope is
//   outside is the start of a new line: the one held is reported, as the end of the old one.
// At most: the newest reading that ought to be reported is held until the time is over.
//
// What is older than the newest known is reported as it is: whoever fills a hole wants it filled.

export interface Sample {
  readonly time: number
  /** Undefined: none. Bools are 0 and 1; strings and bytes are bytes. */
  readonly value: number | bigint | Uint8Array | undefined
  /** As in a batch, NO_VALUE included. */
  readonly quality: number
  readonly status: number
}

/** A rule as it applies to one series, microseconds. */
export interface SeriesRule {
  readonly deadband: number | undefined
  readonly swingingDoor: number | undefined
  readonly atMost: number
  readonly atLeast: number
}

export interface SeriesState<S extends Sample = Sample> {
  readonly rule: SeriesRule
  /** The last report. */
  last: S | undefined
  /** May be reported yet. */
  held: S | undefined
  low: number
  high: number
}

export interface Decision {
  /** The one that was held is reported first. */
  readonly held: boolean
  /** This one is reported, too. */
  readonly now: boolean
}

/** A difference of whole numbers that a double still holds exactly. */
const EXACT_MAX = 2 ** 52

const NOTHING: Decision = { held: false, now: false }
const NOW: Decision = { held: false, now: true }

export function newState<S extends Sample>(rule: SeriesRule): SeriesState<S> {
  return { rule, last: undefined, held: undefined, low: -Infinity, high: Infinity }
}

/** Takes the next reading in and says what is reported. */
export function decide<S extends Sample>(state: SeriesState<S>, sample: S): Decision {
  const { last, held, rule } = state
  if (!last) return report(state, sample)
  if (sample.time < (held ?? last).time) return NOW
  if (sample.quality !== last.quality || sample.status !== last.status) {
    report(state, sample)
    return { held: held !== undefined, now: true }
  }
  return rule.swingingDoor !== undefined && isNumber(sample.value)
    ? byDoor(state, sample, last, rule.swingingDoor)
    : byBand(state, sample, last)
}

/** Reports what is held, without another reading: it has been held long enough. */
export function release<S extends Sample>(state: SeriesState<S>): S | undefined {
  const { held } = state
  if (held) report(state, held)
  return held
}

function report<S extends Sample>(state: SeriesState<S>, sample: S): Decision {
  state.last = sample
  state.held = undefined
  state.low = -Infinity
  state.high = Infinity
  return NOW
}

function byBand<S extends Sample>(state: SeriesState<S>, sample: S, last: S): Decision {
  const { rule, held } = state
  if (sample.time - last.time < rule.atMost) {
    state.held = isChanged(rule, last, sample) ? sample : undefined
    return NOTHING
  }
  state.held = undefined
  // A value that stood so long, until this one came, is worth a report of its own.
  const hasStood = held !== undefined && sample.time - held.time >= rule.atMost
  if (hasStood) report(state, held)
  const before = hasStood ? held : last
  const isDue = isChanged(rule, before, sample) || sample.time - before.time >= rule.atLeast
  if (isDue) report(state, sample)
  return { held: hasStood, now: isDue }
}

function isChanged({ deadband, swingingDoor }: SeriesRule, last: Sample, sample: Sample): boolean {
  // What is no number has no line.
  const band = swingingDoor === undefined ? deadband : 0
  return band === undefined || !isWithin(last.value, sample.value, band)
}

function byDoor<S extends Sample>(state: SeriesState<S>, sample: S, last: S, deviation: number): Decision {
  const run = sample.time - last.time
  const rise = riseOf(last.value, sample.value)
  if (run === 0) return atOnce(state, sample, last, deviation)
  const slope = rise / run
  if (Number.isFinite(rise) && slope >= state.low && slope <= state.high) {
    if (run >= state.rule.atLeast) return report(state, sample)
    state.held = sample
    state.low = Math.max(state.low, (rise - deviation) / run)
    state.high = Math.min(state.high, (rise + deviation) / run)
    return NOTHING
  }
  const { held } = state
  if (!held) {
    // NaN after NaN, infinity after infinity.
    const isSame = isWithin(last.value, sample.value, 0) && run < state.rule.atLeast
    return isSame ? NOTHING : report(state, sample)
  }
  report(state, held)
  return { held: true, now: byDoor(state, sample, held, deviation).now }
}

/** A second reading of the same time: the line has one value there, that of the last report. */
function atOnce<S extends Sample>(state: SeriesState<S>, sample: S, last: S, deviation: number): Decision {
  return isWithin(last.value, sample.value, deviation) ? NOTHING : report(state, sample)
}

function riseOf(from: Sample['value'], to: Sample['value']): number {
  if (typeof from === 'number' && typeof to === 'number') return to - from
  if (typeof from !== 'bigint' || typeof to !== 'bigint') return Number.NaN
  const rise = to - from
  return rise < EXACT_MAX && rise > -EXACT_MAX ? Number(rise) : Number.NaN
}

function isWithin(a: Sample['value'], b: Sample['value'], band: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= band
  // Compared as they are: a double would take neighbours beyond 2^53 for the same.
  if (typeof a === 'bigint' && typeof b === 'bigint') return (a > b ? a - b : b - a) <= band
  if (a instanceof Uint8Array && b instanceof Uint8Array) return isSame(a, b)
  return false
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((it, at) => it === b[at])
}

const isNumber = (value: Sample['value']) => typeof value === 'number' || typeof value === 'bigint'
