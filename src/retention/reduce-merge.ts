// One aggregate into another: Chan's merge of sums of squares, exact for all that is counted, compared or copied.
import type { ValueKind } from '../core/reading.ts'
import type { Rows } from './reduce-rows.ts'
import { FIRST, isSpanKind, keepBytes, LAST, MAX, MIN, SLOTS } from './reduce-rows.ts'

/** An aggregate of its own, used again and again: fields as in core/aggregate.ts. */
export interface Part {
  good: number
  uncertain: number
  bad: number
  valued: number
  sum: number
  m2: number
  /** Four slots, places as in a row. */
  readonly slots: Float64Array<ArrayBuffer>
  readonly words: Int32Array<ArrayBuffer>
  firstTime: number
  lastTime: number
  firstSequence: number
  lastSequence: number
  changes: number
  sequenceFrom: number
  sequenceTo: number
  /** What slots of strings and bytes point into. */
  bytes: Uint8Array
}

export function createPart(): Part {
  const slots = new Float64Array(SLOTS)
  return {
    good: 0,
    uncertain: 0,
    bad: 0,
    valued: 0,
    sum: 0,
    m2: 0,
    slots,
    words: new Int32Array(slots.buffer),
    firstTime: 0,
    lastTime: 0,
    firstSequence: 0,
    lastSequence: 0,
    changes: 0,
    sequenceFrom: 0,
    sequenceTo: 0,
    bytes: new Uint8Array(0),
  }
}

/** The part becomes part of the row. */
export function merge(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  const good = rows.good[row] as number
  const isNew = good + (rows.uncertain[row] as number) + (rows.bad[row] as number) === 0
  // Statistics are over good readings as soon as there is one: uncertain ones of before no longer count.
  const replaces = isNew || (good === 0 && part.good > 0)
  const joins = !replaces && good > 0 === part.good > 0
  rows.good[row] = good + part.good
  rows.uncertain[row] = (rows.uncertain[row] as number) + part.uncertain
  rows.bad[row] = (rows.bad[row] as number) + part.bad
  rows.sequenceFrom[row] = isNew ? part.sequenceFrom : Math.min(rows.sequenceFrom[row] as number, part.sequenceFrom)
  rows.sequenceTo[row] = isNew ? part.sequenceTo : Math.max(rows.sequenceTo[row] as number, part.sequenceTo)
  if (replaces || (joins && rows.valued[row] === 0)) take(rows, row, part, kind)
  else if (joins && part.valued > 0) join(rows, row, part, kind)
}

function take(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  rows.valued[row] = part.valued
  if (part.valued === 0) return clear(rows, row)
  rows.sum[row] = part.sum
  rows.m2[row] = part.m2
  rows.changes[row] = part.changes
  if (isSpanKind(kind)) {
    takeFirst(rows, row, part, kind)
    takeLast(rows, row, part, kind)
    return
  }
  // By hand: a call of set costs more than eight words.
  for (let i = 0, to = row * SLOTS * 2; i < SLOTS * 2; i++) rows.words[to + i] = part.words[i] as number
  rows.firstTime[row] = part.firstTime
  rows.firstSequence[row] = part.firstSequence
  rows.lastTime[row] = part.lastTime
  rows.lastSequence[row] = part.lastSequence
}

/** Columns that mean nothing are 0, times the window's start: they take no room so. */
function clear(rows: Rows, row: number): void {
  rows.sum[row] = 0
  rows.m2[row] = 0
  rows.changes[row] = 0
  rows.words.fill(0, row * SLOTS * 2, (row + 1) * SLOTS * 2)
  rows.firstTime[row] = rows.windowStart[row] as number
  rows.lastTime[row] = rows.windowStart[row] as number
}

function join(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  if (isSpanKind(kind)) joinChanges(rows, row, part)
  else joinNumbers(rows, row, part, kind)
  rows.valued[row] = (rows.valued[row] as number) + part.valued
  const first = rows.firstTime[row] as number
  const last = rows.lastTime[row] as number
  if (part.firstTime < first || (part.firstTime === first && part.firstSequence < (rows.firstSequence[row] as number)))
    takeFirst(rows, row, part, kind)
  if (part.lastTime > last || (part.lastTime === last && part.lastSequence > (rows.lastSequence[row] as number)))
    takeLast(rows, row, part, kind)
}

function joinNumbers(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  const at = row * SLOTS
  const isLess = kind === 'long' ? isLessLong : isLessDouble
  if (isLess(part, MIN, rows, at + MIN)) copySlot(part.words, MIN, rows.words, at + MIN)
  if (isLess(rows, at + MAX, part, MAX)) copySlot(part.words, MAX, rows.words, at + MAX)
  const isConstant = !isLess(rows, at + MIN, rows, at + MAX)
  rows.m2[row] = isConstant ? 0 : joinedM2(rows, row, part)
  rows.sum[row] = (rows.sum[row] as number) + part.sum
}

/** Infinity once doubles do not hold it: then it stays that. */
function joinedM2(rows: Rows, row: number, part: Part): number {
  const valued = rows.valued[row] as number
  const distance = part.sum / part.valued - (rows.sum[row] as number) / valued
  const between = distance * distance * ((valued * part.valued) / (valued + part.valued))
  const m2 = (rows.m2[row] as number) + part.m2 + between
  return Number.isNaN(m2) ? Infinity : m2
}

/** Exact where one of the two is over before the other begins; else the one that comes later is taken to follow. */
function joinChanges(rows: Rows, row: number, part: Part): void {
  const comesBefore = part.lastTime < (rows.firstTime[row] as number)
  const own = (row * SLOTS + (comesBefore ? FIRST : LAST)) * 2
  const other = (comesBefore ? LAST : FIRST) * 2
  const { words } = rows
  const differs = !equalSpans(
    rows.bytes,
    (words[own] as number) >>> 0,
    (words[own + 1] as number) >>> 0,
    part.bytes,
    (part.words[other] as number) >>> 0,
    (part.words[other + 1] as number) >>> 0,
  )
  rows.changes[row] = (rows.changes[row] as number) + part.changes + (differs ? 1 : 0)
}

export function equalSpans(a: Uint8Array, atA: number, lengthA: number, b: Uint8Array, atB: number, lengthB: number): boolean {
  if (lengthA !== lengthB) return false
  if (a === b && atA === atB) return true
  for (let i = 0; i < lengthA; i++) if (a[atA + i] !== b[atB + i]) return false
  return true
}

function takeFirst(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  takeSlot(rows, row, part, FIRST, kind)
  rows.firstTime[row] = part.firstTime
  rows.firstSequence[row] = part.firstSequence
}

function takeLast(rows: Rows, row: number, part: Part, kind: ValueKind): void {
  takeSlot(rows, row, part, LAST, kind)
  rows.lastTime[row] = part.lastTime
  rows.lastSequence[row] = part.lastSequence
}

function takeSlot(rows: Rows, row: number, part: Part, which: number, kind: ValueKind): void {
  const at = row * SLOTS + which
  copySlot(part.words, which, rows.words, at)
  if (isSpanKind(kind))
    rows.words[at * 2] = keepBytes(
      rows,
      part.bytes,
      (part.words[which * 2] as number) >>> 0,
      (part.words[which * 2 + 1] as number) >>> 0,
    )
}

export function copySlot(source: Int32Array, from: number, target: Int32Array, to: number): void {
  target[to * 2] = source[from * 2] as number
  target[to * 2 + 1] = source[from * 2 + 1] as number
}

type Slots = Pick<Part, 'slots' | 'words'>

function isLessDouble(a: Slots, atA: number, b: Slots, atB: number): boolean {
  return (a.slots[atA] as number) < (b.slots[atB] as number)
}

function isLessLong({ words: a }: Slots, atA: number, { words: b }: Slots, atB: number): boolean {
  const highA = a[atA * 2 + 1] as number
  const highB = b[atB * 2 + 1] as number
  return highA < highB || (highA === highB && (a[atA * 2] as number) >>> 0 < (b[atB * 2] as number) >>> 0)
}
