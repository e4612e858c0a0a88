// The page (src/columns/FORMAT.md) is enough to read aggregates: another language reads them from its text.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { createAggregateEncoder } from '../../src/columns/aggregates/index.ts'
import type { AggregateRow } from './aggregates-rows.ts'
import { aggregates, anyAggregate, isSpan, stored, toColumns } from './aggregates-rows.ts'
import { kindOf } from './helpers.ts'

const PYTHON = join(import.meta.dirname, '../../.cache/venv/bin/python')
const SCRIPT = join(import.meta.dirname, 'aggregates_decoder.py')

/** As the script prints a row. */
function printed(row: AggregateRow, sequence: number, windowUs: number): object {
  const it = stored(row)
  const hex = (bits: bigint) => bits.toString(16).padStart(16, '0')
  const double = (value: number) => hex(new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint)
  const slot = (value: bigint | string) =>
    typeof value === 'bigint' ? hex(value) : { content: Buffer.from(value, 'latin1').toString('hex') }
  const end = (value: bigint | string) => (isSpan(it.series) && it.valued === 0 ? hex(0n) : slot(value))
  const values = { min: slot(it.min), max: slot(it.max), first: end(it.first), last: end(it.last) }
  return { ...it, sequence, windowUs, ...values, sum: double(it.sum), m2: double(it.m2) }
}

test('the Python decoder reads what the codec wrote', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-aggregates-'))
  try {
    const encode = createAggregateEncoder(3)
    const sets = [
      aggregates(0, 300),
      [...aggregates(0, 40), ...aggregates(5, 9, { m2: 0 })],
      ...fc.sample(fc.array(anyAggregate, { minLength: 1, maxLength: 30 }), { numRuns: 300, seed: 4711 }),
    ].map((rows) => rows.toSorted((a, b) => a.series - b.series))
    const windowUs = 10_000_000
    const blocks = sets.map((rows, i) => {
      const place = { stream: 3, first: i * 100_000, receivedFrom: 1, receivedTo: 2 }
      return encode(toColumns(rows, windowUs), place, kindOf).block
    })
    const file = join(dir, 'blocks')
    writeFileSync(file, Buffer.concat(blocks))
    const text = execFileSync(PYTHON, [SCRIPT, file], { encoding: 'utf8', maxBuffer: 100_000_000 })
    const read = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(read).toEqual(sets.flatMap((rows, i) => rows.map((row, at) => printed(row, i * 100_000 + at, windowUs))))
  } finally {
    rmSync(dir, { recursive: true })
  }
})
