// Reading the value columns.
import type { SpanRuns } from '../dictionary.ts'
import { readDictionary, readSpans } from '../dictionary.ts'
import { DamagedBlock } from '../header.ts'
import type { Slots } from '../numbers.ts'
import { POWERS_OF_TEN, readLongs, readPlanes, slotsOf } from '../numbers.ts'
import type { Reader } from '../varint.ts'
import { readByte, readSigned, readVarint } from '../varint.ts'
import type { RunForm } from './forms.ts'
import {
  COLUMNS,
  columnAt,
  DECIMAL_SINGLE,
  EXACT,
  isScaled,
  LONG,
  NEAR_DECIMAL,
  PLANES,
  PLANES_SINGLE,
  SMALL_LONG,
  SPAN,
  WITH_UNITS,
} from './forms.ts'
import { expectedSum, powerOf } from './moments.ts'
import type { Valued } from './rows.ts'
import { readUnits } from './units.ts'

/** By row with a value; slots as in forms.ts. */
export interface ReadValues {
  readonly words: Int32Array
  readonly sum: Float64Array
  readonly m2: Float64Array
  readonly bytes: Uint8Array<ArrayBuffer>
}

interface Progress {
  readonly reader: Reader
  readonly slots: Slots
  /** k of each slot. */
  readonly scaled: Float64Array
  readonly spans: SpanRuns
  readonly sum: Slots
  readonly m2: Slots
  readonly valued: Float64Array
}

const WORD = 0x1_0000_0000

/** `valued` by row of the block. */
export function readValues(reader: Reader, rows: Valued, valued: Uint32Array): ReadValues {
  const slots = slotsOf(new Float64Array(rows.count * COLUMNS))
  const progress: Progress = {
    reader,
    slots,
    scaled: new Float64Array(rows.count * COLUMNS),
    spans: { runs: [], used: 0 },
    sum: slotsOf(new Float64Array(rows.count)),
    m2: slotsOf(new Float64Array(rows.count)),
    valued: Float64Array.from(rows.rows, (row) => valued[row] as number),
  }
  const { starts, length } = rows.runs
  const forms = Array.from({ length }, (_, run) => readForm(reader, starts[run] as number, starts[run + 1] as number))
  for (let column = 0; column < COLUMNS; column++) for (const it of forms) readColumn(progress, it, column)
  for (const it of forms) if ((it.form & 0xf) === NEAR_DECIMAL) readUnits(reader, slots.words, it.from * COLUMNS, it.to * COLUMNS)
  for (const it of forms) if (it.form !== SPAN) readSum(progress, it)
  for (const it of forms) if (it.form !== SPAN) readM2(progress, it)
  const bytes = readDictionary(reader, slots.words, progress.spans)
  return { words: slots.words, sum: progress.sum.value, m2: progress.m2.value, bytes }
}

function readForm(reader: Reader, from: number, to: number): RunForm {
  const form = readByte(reader)
  if (!isScaled(form) && form !== PLANES && form !== PLANES_SINGLE && form !== LONG && form !== SPAN)
    throw new DamagedBlock('header', 'an unknown form of values')
  if (isScaled(form) && POWERS_OF_TEN[form >>> 4] === undefined) throw new DamagedBlock('header', 'too many decimals')
  if (form === SPAN) return { from, to, form, sumForm: PLANES, m2Form: PLANES }
  return { from, to, form, sumForm: readMomentForm(reader, form), m2Form: readMomentForm(reader, form) }
}

function readMomentForm(reader: Reader, form: number): number {
  const it = readByte(reader)
  if (it === PLANES || (isScaled(form) && (it === EXACT || it === WITH_UNITS))) return it
  throw new DamagedBlock('header', 'an unknown form of sums')
}

function readColumn({ reader, slots, scaled, spans }: Progress, run: RunForm, column: number): void {
  const from = columnAt(run, column)
  const to = from + run.to - run.from
  if (isScaled(run.form)) {
    readWhole(reader, scaled, from, to, column === 0 ? undefined : columnAt(run, 0))
    unscale(slots, scaled, from, to, run.form)
  } else if (run.form === LONG) readLongs(reader, slots.words, from, to)
  else if (run.form === PLANES) readPlanes(reader, slots.bytes, from, to, 8)
  else if (run.form === PLANES_SINGLE) readSingles(reader, slots.value, from, to)
  else if (column >= 2) readSpans(reader, slots.words, from, to, spans)
}

function readWhole(reader: Reader, scaled: Float64Array, from: number, to: number, min: number | undefined): void {
  let before = 0
  for (let i = from; i < to; i++) {
    const k = readSigned(reader) + (min === undefined ? before : (scaled[min + i - from] as number))
    scaled[i] = k
    before = k
  }
}

function unscale({ value, words }: Slots, scaled: Float64Array, from: number, to: number, form: number): void {
  const kind = form & 0xf
  const power = powerOf(form)
  for (let i = from; i < to; i++) {
    const k = scaled[i] as number
    if (kind === SMALL_LONG) {
      const high = Math.floor(k / WORD)
      words[i * 2] = k - high * WORD
      words[i * 2 + 1] = high
    } else value[i] = kind === DECIMAL_SINGLE ? Math.fround(k / power) : k / power
  }
}

function readSingles(reader: Reader, value: Float64Array, from: number, to: number): void {
  const singles = new Float32Array(to - from)
  readPlanes(reader, new Uint8Array(singles.buffer), 0, to - from, 4)
  value.set(singles, from)
}

function readSum({ reader, sum, scaled, valued }: Progress, run: RunForm): void {
  const { from, to, sumForm } = run
  if (sumForm === PLANES) return readPlanes(reader, sum.bytes, from, to, 8)
  const power = powerOf(run.form)
  const [min, max] = [columnAt(run, 0) - from, columnAt(run, 1) - from]
  for (let i = from; i < to; i++) {
    const expected = expectedSum(valued[i] as number, scaled[min + i] as number, scaled[max + i] as number)
    sum.value[i] = (expected + readSigned(reader)) / power
  }
  if (sumForm === WITH_UNITS) readUnits(reader, sum.words, from, to)
}

function readM2({ reader, m2, valued }: Progress, { from, to, form, m2Form }: RunForm): void {
  if (m2Form === PLANES) return readPlanes(reader, m2.bytes, from, to, 8)
  const square = powerOf(form) * powerOf(form)
  for (let i = from; i < to; i++) m2.value[i] = readVarint(reader) / ((valued[i] as number) * square)
  if (m2Form === WITH_UNITS) readUnits(reader, m2.words, from, to)
}
