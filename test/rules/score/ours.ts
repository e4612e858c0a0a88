// Our own rules beside the others: scores as the engine's parts say them, and the alarms of the engine itself.
import type { LogSeries } from '../../../src/core/log.ts'
import { GOOD } from '../../../src/core/reading.ts'
import type { RuleSettings } from '../../../src/core/rule.ts'
import type { Cycle } from '../../../src/rules/baseline.ts'
import { createBaseline } from '../../../src/rules/baseline.ts'
import { createEngine } from '../../../src/rules/engine.ts'
import { WindowView } from '../../../src/rules/view.ts'
import { createWindows } from '../../../src/rules/windows.ts'
import type { Recording } from './recordings.ts'
import type { Scores } from './scoring.ts'

/** What a rule compares with its threshold. */
export interface Figure {
  readonly name: string
  readonly window?: number
  readonly of?: 'z' | 'robustZ'
  readonly cycle?: Cycle
}

const HOUR_MS = 3_600_000

export const NAB_FIGURES: readonly Figure[] = [
  { name: 'window.robustZ, last 6 h', window: 6 * HOUR_MS },
  { name: 'window.robustZ, last day', window: 24 * HOUR_MS },
  { name: 'window.robustZ, last 2 days', window: 48 * HOUR_MS },
  { name: 'window.z, last day', window: 24 * HOUR_MS, of: 'z' },
  { name: 'hourOfDay.robustZ', cycle: 'hourOfDay' },
  { name: 'hourOfWeek.robustZ', cycle: 'hourOfWeek' },
]
export const SKAB_FIGURES: readonly Figure[] = [
  { name: 'window.robustZ, last minute', window: 60_000 },
  { name: 'window.robustZ, last 5 min', window: 300_000 },
  { name: 'window.robustZ, last 20 min', window: 1_200_000 },
  { name: 'window.z, last 5 min', window: 300_000, of: 'z' },
  { name: 'window.z, last 20 min', window: 1_200_000, of: 'z' },
]

export function scoresOf(figure: Figure, { times, columns }: Recording): Scores {
  return columns.map((column) => {
    const next = figure.cycle ? ofCycle(figure.cycle) : ofWindow(figure)
    return column.map((value, row) => Math.abs(next((times[row] as number) * 1e6, value)))
  })
}

function ofCycle(cycle: Cycle): (time: number, value: number) => number {
  const baseline = createBaseline(cycle)
  return (time, value) => {
    const { robustZ } = baseline.at(time, value)
    baseline.learn(time, value)
    return robustZ
  }
}

function ofWindow({ window: lengthMs = 0, of = 'robustZ' }: Figure): (time: number, value: number) => number {
  const windows = createWindows({ kind: 'sliding', lengthMs, graceMs: 0 }, true)
  return (time, value) => {
    let score = Number.NaN
    windows.add(time, value, GOOD)
    for (const it of windows.closed()) score = new WindowView(windows.held, it)[of]
    return score
  }
}

const ruleOf = ({ name, window, cycle, of = 'robustZ' }: Figure, threshold: number): RuleSettings => ({
  name,
  reads: { tags: ['*'] },
  window: window === undefined ? undefined : { kind: 'sliding', lengthMs: window, graceMs: 0 },
  when: `abs(${cycle ?? 'window'}.${of}) > ${threshold.toFixed(9)}`,
  yields: { class: 'alarm', on: 'rise' },
})

/** Times of the alarms that the engine tells in the scored part, s. */
export function engineAlarms(figure: Figure, threshold: number, { times, tags, columns, first }: Recording): number[] {
  const engine = createEngine({ rules: [ruleOf(figure, threshold)], marks: {}, eventsBytesMax: Infinity })
  const series = new Map<number, LogSeries>(tags.map((tag, id) => [id, { id, tag, class: 'process', kind: 'double' }]))
  const found: number[] = []
  times.forEach((time, row) => {
    // As a log gives them: a block for each row, so that all tags go on together.
    const count = tags.length
    const block = {
      count,
      first: row * count,
      seriesIds: Uint32Array.from(tags.keys()),
      runs: new Uint32Array(count).fill(1),
      time: new Float64Array(count).fill(time * 1e6),
      value: Float64Array.from(columns, (column) => column[row] as number),
      quality: new Uint8Array(count),
      status: new Uint32Array(count),
      received: new Float64Array(count).fill(time * 1e6),
      bytes: new Uint8Array(0),
    }
    const slice = { stream: 's', from: row * count, to: (row + 1) * count, columns: block, series, shiftOf: () => 0 }
    const { events } = engine.take(slice, slice.from)
    if (row >= first) found.push(...events.map((it) => it.time / 1e6))
  })
  return found
}
