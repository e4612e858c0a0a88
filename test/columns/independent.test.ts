// A decoder in another language, written from FORMAT.md alone, reads what the codec writes.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, zstdCompressSync } from 'node:zlib'
import fc from '../prove/fast-check.ts'
import { afterAll, describe, expect, test } from 'vitest'
import { createMerger, encodeBlock, readHeader } from '../../src/columns/index.ts'
import type { Row } from './helpers.ts'
import { bitsOf, kindOf, row, toInput } from './helpers.ts'
import { anyRow, run } from './rows.ts'

const PYTHON = fileURLToPath(new URL('../../.cache/venv/bin/python', import.meta.url))
const DECODER = fileURLToPath(new URL('decoder.py', import.meta.url))
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024

const dir = mkdtempSync(join(tmpdir(), 'holdfast-columns-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Numbered extends Row {
  readonly stream: number
  readonly sequence: number
}

function notes(series: readonly number[], compressed: boolean): Buffer {
  const list = series.map((id) => ({ id, tag: `tag ${id}`, class: 'process', kind: kindOf(id) }))
  const plain = Buffer.from(JSON.stringify({ version: 1, class: 'process', form: 'raw', streams: [], series: list }))
  const stored = compressed ? zstdCompressSync(plain) : plain
  const head = Buffer.alloc(20)
  head.writeUInt16LE(0x4e48, 0)
  head.writeUInt8(1, 2)
  head.writeUInt8(compressed ? 1 : 0, 3)
  head.writeUInt32LE(stored.length, 4)
  head.writeUInt32LE(plain.length, 8)
  head.writeUInt32LE(crc32(stored), 12)
  head.writeUInt32LE(crc32(head.subarray(0, 16)), 16)
  return Buffer.concat([head, stored])
}

function decodeByPython(file: Uint8Array): Record<string, unknown>[] {
  const path = join(dir, 'segment')
  writeFileSync(path, file)
  const text = execFileSync(PYTHON, [DECODER, path], { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX })
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** What the decoder prints of a reading. */
function printed(it: Numbered): Record<string, unknown> {
  const kind = kindOf(it.series)
  const isContent = kind === 'string' || kind === 'bytes'
  const slot = kind === 'long' ? String(BigInt.asIntN(64, it.bits)) : it.bits.toString(16).padStart(16, '0')
  return {
    stream: it.stream,
    sequence: it.sequence,
    series: it.series,
    kind,
    time: it.time,
    received: it.received,
    quality: it.quality,
    status: it.status,
    value: isContent ? Buffer.from(it.content ?? '', 'latin1').toString('hex') : slot,
  }
}

const bySeries = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => a.series - b.series)

/** Readings as they lie in fresh blocks, one after another. */
function fresh(groups: readonly (readonly Row[])[], stream: number): { blocks: Uint8Array[]; rows: Numbered[] } {
  const rows: Numbered[] = []
  const blocks = groups.map((group) => {
    const { block } = encodeBlock(toInput(group), { stream, first: rows.length })
    for (const it of bySeries(group)) rows.push({ ...it, stream, sequence: rows.length })
    return block
  })
  return { blocks, rows }
}

const merge = createMerger({ level: 3, readingsMax: 131_072, bytesMax: 4_000_000, kindOf })
const sorted = (rows: readonly Record<string, unknown>[]): Record<string, unknown>[] =>
  rows.toSorted((a, b) => Number(a['stream']) - Number(b['stream']) || Number(a['sequence']) - Number(b['sequence']))

/** Each set of groups as fresh blocks, sealed with new numbers and sealed with its own, in a segment file. */
function checkAll(sets: readonly (readonly (readonly Row[])[])[]): void {
  const parts: Uint8Array[] = []
  const expected: Numbered[] = []
  sets.forEach((groups, n) => {
    const series = [...new Set(groups.flat().map((it) => it.series))]
    const [plain, anew, kept] = [fresh(groups, n * 3), fresh(groups, n * 3 + 1), fresh(groups, n * 3 + 2)]
    const sealed = merge(anew.blocks, { stream: n * 3 + 1, first: 0 }).map((it) => it.block)
    const ordered = merge(kept.blocks, { stream: n * 3 + 2, first: 'kept' }).map((it) => it.block)
    expect(ordered.map((it) => readHeader(it).version)).toEqual([2])
    parts.push(notes(series, n % 2 === 1), ...plain.blocks, ...sealed, ...ordered)
    expected.push(...plain.rows, ...kept.rows)
    bySeries(anew.rows).forEach((it, sequence) => expected.push({ ...it, stream: n * 3 + 1, sequence }))
  })
  expect(sorted(decodeByPython(Buffer.concat(parts)))).toEqual(sorted(expected.map(printed)))
}

const groups = fc.array(fc.oneof(fc.array(anyRow, { minLength: 1, maxLength: 40 }), run), { minLength: 1, maxLength: 5 })

describe('by a decoder written from the format alone', () => {
  test('random readings of all kinds', () => {
    checkAll(fc.sample(groups, { numRuns: 150, seed: 7 }))
  })
  test('readings as plants have them', () => {
    const decimals = plant(1, (i) => (i % 10 === 3 ? NaN : i / 4))
    const singles = plant(3, (i) => Math.fround(Math.sin(i)))
    const doubles = plant(1, (i) => Math.sin(i))
    const near = plant(3, (i) => ((i * i) % 1_000) * 0.01)
    checkAll([decimals, singles, doubles, near])
  })
})

/** Long enough that forms are tried out. Received in batches of one reading, or of one row, with a jitter. */
function plant(readingsABatch: 1 | 3, valueOf: (i: number) => number): Row[][] {
  const rows = Array.from({ length: 7_200 }, (_, i) => {
    const time = 1_700_000_000_000_000 + Math.floor(i / 3) * 1_000_000
    const jitter = (Math.floor(i / readingsABatch) * 7_919) % 4_999
    return row({
      series: 5 * (i % 3),
      time,
      bits: bitsOf(valueOf(i)),
      received: time + 20_000 + jitter,
      quality: i % 700 === 0 ? 2 : 0,
      status: i % 700 === 0 ? 0x8034_0000 : 0,
    })
  })
  return [rows.slice(0, 3_000), rows.slice(3_000, 5_000), rows.slice(5_000)]
}
