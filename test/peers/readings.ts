// The readings of the drill. Reading i belongs to tag i % TAGS and has a time of its own there, so (tag, time) names exactly one reading.
// Values are columns of the recorded energy meter and machine temperature (src/plant/recordings), as they stand in the files.
import { readRecording } from '../../src/plant/recordings.ts'

export type Shape = 'S1' | 'S2'
/** Readings in one message. */
export const READINGS_A_MESSAGE: Readonly<Record<Shape, number>> = { S1: 1, S2: 100 }

const TAGS = 200
const SIGNALS_A_LINE = 5
const FROM_MS = 1_790_000_000_000
const STEP_MS = 1000

const columns = [
  readRecording('energy-meter', 'Usage_kWh'),
  readRecording('energy-meter', 'Lagging_Current_Reactive.Power_kVarh'),
  readRecording('energy-meter', 'Lagging_Current_Power_Factor'),
  readRecording('machine-temperature', 'value'),
  readRecording('ambient-temperature', 'value'),
]
const names = ['energy', 'reactive', 'power-factor', 'temperature', 'ambient']
const tags = Array.from({ length: TAGS }, (_, i) => `line-${Math.floor(i / SIGNALS_A_LINE)}/${names[i % SIGNALS_A_LINE]}`)
const placeOf = new Map(tags.map((tag, i) => [tag, i]))

function valueOf(i: number): number {
  const tag = i % TAGS
  const column = columns[tag % columns.length] as Float64Array
  return column[(Math.floor(i / TAGS) + tag * 37) % column.length] as number
}

const timeOf = (i: number) => FROM_MS + Math.floor(i / TAGS) * STEP_MS

/** The number of a reading that came out at the other end; -1 when it is none of ours. `time` in ms. */
export function numberOf(tag: string, time: number): number {
  const place = placeOf.get(tag)
  const row = (time - FROM_MS) / STEP_MS
  return place === undefined || !Number.isInteger(row) || row < 0 ? -1 : row * TAGS + place
}

/** The m-th message of a shape: topic and JSON. */
export function message(shape: Shape, m: number): [topic: string, payload: string] {
  if (shape === 'S1') return [`plant/${tags[m % TAGS]}`, `{"ts":${timeOf(m)},"value":${valueOf(m)}}`]
  const from = m * READINGS_A_MESSAGE.S2
  const items = Array.from(
    { length: READINGS_A_MESSAGE.S2 },
    (_, k) => `{"tag":"${tags[(from + k) % TAGS]}","ts":${timeOf(from + k)},"value":${valueOf(from + k)}}`,
  )
  return ['plant/batch', `[${items.join(',')}]`]
}
