// Readings as plain rows, put into columns and taken out again in ways that share nothing with the codec.
import type { BlockInput, DecodedBlock } from '../../src/columns/index.ts'
import type { ValueKind } from '../../src/core/reading.ts'

/** `bits` for double, long and bool, `content` for string and bytes. */
export interface Row {
  readonly series: number
  readonly time: number
  readonly bits: bigint
  readonly content: string | undefined
  readonly quality: number
  readonly status: number
  readonly received: number
}

const KINDS: readonly ValueKind[] = ['double', 'long', 'bool', 'string', 'bytes']
/** In these tests the number of a series says its kind. */
export const kindOf = (series: number): ValueKind => KINDS[series % KINDS.length] as ValueKind

const isSpan = (series: number): boolean => kindOf(series) === 'string' || kindOf(series) === 'bytes'

export function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint
}

/** Rows name their receive time; `batch` becomes its index among those there are. */
export function toInput(rows: readonly Row[]): BlockInput {
  const received = [...new Set(rows.map((it) => it.received))]
  const value = new Float64Array(rows.length)
  const slots = new BigUint64Array(value.buffer)
  const contents: Buffer[] = []
  let used = 0
  rows.forEach((row, i) => {
    const content = Buffer.from(row.content ?? '', 'latin1')
    slots[i] = isSpan(row.series) ? BigInt(used) | (BigInt(content.length) << 32n) : row.bits
    contents.push(content)
    used += content.length
  })
  return {
    count: rows.length,
    series: Uint32Array.from(rows, (it) => it.series),
    time: Float64Array.from(rows, (it) => it.time),
    value,
    quality: Uint8Array.from(rows, (it) => it.quality),
    status: Uint32Array.from(rows, (it) => it.status),
    batch: Uint16Array.from(rows, (it) => received.indexOf(it.received)),
    received: Float64Array.from(received),
    bytes: new Uint8Array(Buffer.concat(contents)),
    kindOf,
  }
}

/** What a block must hold: ordered by series, otherwise as given. */
export function inBlockOrder(rows: readonly Row[]): Row[] {
  const stored = rows.map((it) =>
    isSpan(it.series) ? { ...it, bits: 0n, content: it.content ?? '' } : { ...it, content: undefined },
  )
  return stored.sort((a, b) => a.series - b.series)
}

export function toRows(block: DecodedBlock): Row[] {
  const words = new Uint32Array(block.value.buffer, block.value.byteOffset, block.count * 2)
  const slots = new BigUint64Array(block.value.buffer, block.value.byteOffset, block.count)
  const seriesOf = [...block.seriesIds].flatMap((id, i) => Array<number>(block.runs[i] as number).fill(id))
  return seriesOf.map((series, i) => {
    const offset = words[i * 2] as number
    const length = words[i * 2 + 1] as number
    return {
      series,
      time: block.time[i] as number,
      bits: isSpan(series) ? 0n : (slots[i] as bigint),
      content: isSpan(series) ? Buffer.from(block.bytes.subarray(offset, offset + length)).toString('latin1') : undefined,
      quality: block.quality[i] as number,
      status: block.status[i] as number,
      received: block.received[i] as number,
    }
  })
}

/** A reading of a double, unless told otherwise. */
export function row(fields: Partial<Row> & { value?: number } = {}): Row {
  const { value = 0, ...rest } = fields
  return {
    series: 5,
    time: 1_700_000_000_000_000,
    bits: bitsOf(value),
    content: undefined,
    quality: 0,
    status: 0,
    received: 1_700_000_000_100_000,
    ...rest,
  }
}
