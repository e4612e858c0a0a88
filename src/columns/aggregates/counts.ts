// Columns of counts: mostly 0 or the same for long, else near to the one before.
import { DamagedBlock } from '../header.ts'
import type { Reader, Writer } from '../varint.ts'
import { putByte, putVarint, readByte, readSigned, readVarint, reserve, signedAt, VARINT_BYTES_MAX } from '../varint.ts'

const ZERO = 0
const RUNS = 1
const STEPS = 2
/** A run takes about so many bytes, a step one. */
const RUN_BYTES = 3
const COUNT_MAX = 0xffff_ffff

export function writeCounts(writer: Writer, column: Uint32Array, count: number): void {
  let runs = 1
  for (let i = 1; i < count; i++) if (column[i] !== column[i - 1]) runs++
  if (runs === 1 && column[0] === 0) putByte(writer, ZERO)
  else if (runs * RUN_BYTES <= count) writeRuns(writer, column, count)
  else writeSteps(writer, column, count)
}

function writeRuns(writer: Writer, column: Uint32Array, count: number): void {
  putByte(writer, RUNS)
  for (let from = 0, to = 0; from < count; from = to) {
    while (to < count && column[to] === column[from]) to++
    putVarint(writer, column[from] as number)
    putVarint(writer, to - from - 1)
  }
}

function writeSteps(writer: Writer, column: Uint32Array, count: number): void {
  putByte(writer, STEPS)
  reserve(writer, count * VARINT_BYTES_MAX)
  for (let i = 0, before = 0; i < count; i++) {
    const it = column[i] as number
    writer.at = signedAt(writer.bytes, writer.at, it - before)
    before = it
  }
}

export function readCounts(reader: Reader, count: number): Uint32Array<ArrayBuffer> {
  const column = new Uint32Array(count)
  const form = readByte(reader)
  if (form > STEPS) throw new DamagedBlock('header', 'an unknown form of counts')
  if (form === RUNS) readRuns(reader, column)
  if (form === STEPS) for (let i = 0, it = 0; i < count; i++) column[i] = checked((it += readSigned(reader)))
  return column
}

function readRuns(reader: Reader, column: Uint32Array): void {
  for (let from = 0; from < column.length; ) {
    const what = checked(readVarint(reader))
    const to = from + readVarint(reader) + 1
    if (to > column.length) throw new DamagedBlock('header', 'a column is too long')
    column.fill(what, from, to)
    from = to
  }
}

function checked(count: number): number {
  if (count >= 0 && count <= COUNT_MAX) return count
  throw new DamagedBlock('header', 'a count is too large')
}
