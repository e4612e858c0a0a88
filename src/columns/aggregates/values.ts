// Writing the value columns: first what form suits each run of series, then column by column.
import type { ValueKind } from '../../core/reading.ts'
import type { Dictionary } from '../dictionary.ts'
import { createDictionary, writeDictionary, writeSpans } from '../dictionary.ts'
import type { SeriesRuns } from '../group.ts'
import type { NearScratch } from '../near.ts'
import { nearScratch, scaleNear } from '../near.ts'
import { areSingles, scale, slotsOf, writeLongs, writePlanes } from '../numbers.ts'
import type { Slots } from '../numbers.ts'
import type { Writer } from '../varint.ts'
import { putByte, reserve, signedAt, VARINT_BYTES_MAX } from '../varint.ts'
import type { RunForm } from './forms.ts'
import {
  COLUMNS,
  columnAt,
  DECIMAL,
  DECIMAL_SINGLE,
  isScaled,
  LONG,
  NEAR_DECIMAL,
  PLANES,
  PLANES_SINGLE,
  SMALL_LONG,
  SPAN,
} from './forms.ts'
import type { Moment, Moments } from './moments.ts'
import { momentForms, writeM2, writeSum } from './moments.ts'

/** Values of rows that have one, run after run: COLUMNS columns of slots each, and sum and m2 of row i in `moments`. */
export interface ValueInput {
  readonly runs: SeriesRuns
  readonly values: Float64Array
  readonly moments: Moment
  readonly bytes: Uint8Array
}

const LONG_MAX = 2 ** 51 - 1
const WORD = 0x1_0000_0000

interface Progress {
  readonly writer: Writer
  readonly slots: Slots
  /** k of each slot, where the form has them. */
  readonly scaled: Float64Array
  readonly near: NearScratch
  decimals: number
}

export function writeValues(writer: Writer, input: ValueInput, kindOf: (series: number) => ValueKind): void {
  const { runs, values, moments, bytes } = input
  const progress: Progress = {
    writer,
    slots: slotsOf(values),
    scaled: new Float64Array(values.length),
    near: nearScratch(values.length),
    decimals: 0,
  }
  const forms = runs.ids.subarray(0, runs.length)
  const list = Array.from(forms, (id, run) => formOf(progress, moments, runs, run, kindOf(id)))
  for (const it of list) {
    putByte(writer, it.form)
    if (it.form === SPAN) continue
    putByte(writer, it.sumForm)
    putByte(writer, it.m2Form)
  }
  const dictionary = list.some((it) => it.form === SPAN) ? createDictionary(bytes, values.length) : undefined
  for (let column = 0; column < COLUMNS; column++) for (const it of list) writeColumn(progress, it, column, dictionary)
  for (const it of list) if ((it.form & 0xf) === NEAR_DECIMAL) writePlaces(progress, it)
  for (const it of list) if (it.form !== SPAN) writeSum(writer, it, momentsOf(progress, moments, it))
  for (const it of list) if (it.form !== SPAN) writeM2(writer, it, momentsOf(progress, moments, it))
  writeDictionary(writer, dictionary)
}

function momentsOf({ scaled }: Progress, moments: Moment, { from, to, form }: Pick<RunForm, 'from' | 'to' | 'form'>): Moments {
  const at = from * COLUMNS
  const count = to - from
  return { ...moments, from, to, form, min: scaled.subarray(at, at + count), max: scaled.subarray(at + count, at + 2 * count) }
}

/** Leaves k of the run's slots in `scaled`, and how far they are off in `near`. */
function formOf(progress: Progress, moments: Moment, runs: SeriesRuns, run: number, kind: ValueKind): RunForm {
  const [from, to] = [runs.starts[run] as number, runs.starts[run + 1] as number]
  if (kind === 'string' || kind === 'bytes') return { from, to, form: SPAN, sumForm: PLANES, m2Form: PLANES }
  const form = kind === 'long' ? longForm(progress, from, to) : doubleForm(progress, from, to)
  return { from, to, form, ...momentForms(momentsOf(progress, moments, { from, to, form })) }
}

function longForm({ slots, scaled }: Progress, from: number, to: number): number {
  for (let i = from * COLUMNS; i < to * COLUMNS; i++) {
    const k = (slots.words[i * 2 + 1] as number) * WORD + ((slots.words[i * 2] as number) >>> 0)
    if (k > LONG_MAX || k < -LONG_MAX) return LONG
    scaled[i] = k
  }
  return SMALL_LONG
}

function doubleForm(progress: Progress, from: number, to: number): number {
  const { slots, scaled, near } = progress
  const [start, end] = [from * COLUMNS, to * COLUMNS]
  const own = scaled.subarray(start, end)
  for (const kind of [DECIMAL, DECIMAL_SINGLE]) {
    const first = slots.value[start] as number
    if (kind === DECIMAL_SINGLE && Math.fround(first) !== first) continue
    const decimals = scale(slots.value, start, end, progress.decimals, kind === DECIMAL_SINGLE, own)
    if (decimals >= 0) return kind | ((progress.decimals = decimals) << 4)
  }
  const decimals = scaleNear(slots, start, end, own, { ...near, distances: near.distances.subarray(start, end) })
  if (decimals >= 0) return NEAR_DECIMAL | (decimals << 4)
  return areSingles(slots.value, start, end) ? PLANES_SINGLE : PLANES
}

function writeColumn(progress: Progress, run: RunForm, column: number, dictionary: Dictionary | undefined): void {
  const { writer, slots } = progress
  const from = columnAt(run, column)
  const to = from + run.to - run.from
  reserve(writer, (to - from) * VARINT_BYTES_MAX)
  if (isScaled(run.form)) writeWhole(progress, from, to, column === 0 ? undefined : columnAt(run, 0))
  else if (run.form === LONG) writeLongs(writer, slots.words, from, to)
  else if (run.form === PLANES) writePlanes(writer, slots.bytes, from, to, 8)
  else if (run.form === PLANES_SINGLE) {
    const singles = new Float32Array(slots.value.subarray(from, to))
    writePlanes(writer, new Uint8Array(singles.buffer), 0, to - from, 4)
  } else if (column >= 2 && dictionary) writeSpans(writer, slots.words, from, to, dictionary)
}

/** `min`: where the minima begin that the numbers are less by; undefined: each is less by the one before. */
function writeWhole({ writer, scaled }: Progress, from: number, to: number, min: number | undefined): void {
  let before = 0
  for (let i = from; i < to; i++) {
    const k = scaled[i] as number
    writer.at = signedAt(writer.bytes, writer.at, k - (min === undefined ? before : (scaled[min + i - from] as number)))
    before = k
  }
}

function writePlaces({ writer, near }: Progress, { from, to }: RunForm): void {
  reserve(writer, (to - from) * COLUMNS * VARINT_BYTES_MAX)
  for (let i = from * COLUMNS; i < to * COLUMNS; i++) writer.at = signedAt(writer.bytes, writer.at, near.distances[i] as number)
}
