// What alarms come of scores and a threshold, and what they are worth: the same for every detector.
//
// An alarm is told when a score rises above the threshold, in the scored part alone. A failure is found when an alarm lies in its labelled time (SKAB: in
// the first minute of it). A false alarm is one outside of all; those that are within an hour (SKAB: a minute) of each other count as one, whatever tag they are of.
import type { Recording } from './recordings.ts'

/** By series, by row; NaN: nothing is said of it. */
export type Scores = readonly (readonly number[])[]

export interface Detected {
  readonly recording: Recording
  readonly scores: Scores
}

export interface Outcome {
  readonly failures: number
  readonly found: number
  readonly falseAlarms: number
  /** Of those found: from the begin of the labelled time to the first alarm in it, s. */
  readonly lags: readonly number[]
}

/** Times, s. */
export function alarmsOf({ recording, scores }: Detected, thresholds: readonly number[]): number[] {
  return scores.flatMap((series, n) => {
    const threshold = thresholds[n] as number
    const times: number[] = []
    let isAbove = false
    series.forEach((score, row) => {
      if (Number.isNaN(score)) return
      if (score > threshold && !isAbove && row >= recording.first) times.push(recording.times[row] as number)
      isAbove = score > threshold
    })
    return times
  })
}

function outcomeOf(times: readonly number[], { failures, oneS, soonS }: Recording): Outcome {
  const inside = (it: number) => failures.some(([from, to]) => it >= from && it <= to)
  const outside = times.filter((it) => !inside(it)).toSorted((a, b) => a - b)
  const falseAlarms = outside.filter((it, n) => n === 0 || it - (outside[n - 1] as number) > oneS).length
  const lags = failures.flatMap(([from, to]) => {
    const hits = times.filter((it) => it >= from && it <= Math.min(to, from + soonS))
    return hits.length > 0 ? [Math.min(...hits) - from] : []
  })
  return { failures: failures.length, found: lags.length, falseAlarms, lags }
}

function sumOf(all: readonly Outcome[]): Outcome {
  const sum = (of: (it: Outcome) => number) => all.reduce((total, it) => total + of(it), 0)
  return {
    failures: sum((it) => it.failures),
    found: sum((it) => it.found),
    falseAlarms: sum((it) => it.falseAlarms),
    lags: all.flatMap((it) => it.lags),
  }
}

const outcomeAt = (all: readonly Detected[], threshold: number): Outcome =>
  sumOf(
    all.map((it) =>
      outcomeOf(
        alarmsOf(
          it,
          it.scores.map(() => threshold),
        ),
        it.recording,
      ),
    ),
  )

/** Without a label: of each series the greatest score in the rows that lie between those for fitting and those that are scored. */
export function outcomeUnlabelled(all: readonly Detected[]): Outcome {
  return sumOf(
    all.map((it) => {
      const { fit, first } = it.recording
      const thresholds = it.scores.map((series) => Math.max(...series.slice(fit, first).filter((score) => !Number.isNaN(score))))
      return outcomeOf(alarmsOf(it, thresholds), it.recording)
    }),
  )
}

const STEPS = 400

/** Ever closer to the greatest score: half of all are below the first. */
function thresholdsOf(all: readonly Detected[]): number[] {
  const scores = all.flatMap(({ scores, recording }) =>
    scores.flatMap((series) => series.slice(recording.first).filter((it) => Number.isFinite(it))),
  )
  const sorted = Float64Array.from(scores).toSorted()
  const span = Math.log10(sorted.length / 2)
  const at = (step: number) => sorted[Math.floor((sorted.length - 1) * (1 - 0.5 * 10 ** ((-span * step) / STEPS)))] as number
  return [...new Set([...Array(STEPS + 1).keys()].map(at))]
}

/** Harmonic mean of what is found and what of the alarms is true. */
const worthOf = ({ failures, found, falseAlarms }: Outcome) => (2 * found) / (failures + found + falseAlarms)

interface Choice {
  readonly threshold: number
  readonly outcome: Outcome
}

/** The threshold with which the alarms are worth most here: of equal ones the highest. */
export function bestWorth(all: readonly Detected[]): Choice {
  return chosen(all, (it) => worthOf(it))
}

/** The one with the fewest false alarms among those that find as many as any does. */
export function findsMost(all: readonly Detected[]): Choice {
  return chosen(all, (it) => it.found - it.falseAlarms / 1e6)
}

function chosen(all: readonly Detected[], worth: (it: Outcome) => number): Choice {
  const choices = thresholdsOf(all).map((threshold) => ({ threshold, outcome: outcomeAt(all, threshold) }))
  return choices.reduce((best, it) => (worth(it.outcome) >= worth(best.outcome) ? it : best))
}

export const withThreshold = outcomeAt
