// What verify holds while it reads: a bit a sequence at the very most, here with partitions that come in orders of their own. Recorded with 200,000,000
// sequences: 25 MB of bitmaps at the most, 128 MB for the whole process.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lineColumns } from '../../../src/uplinks/kafka/verify/lines.ts'
import { aggregatedSpans } from '../../../src/uplinks/kafka/verify/aggregated.ts'

const PROGRAM = join(import.meta.dirname, 'verify-many.main.ts')
const BITMAP_SLACK_BYTES = 300_000
/** Three seconds of work; a loaded machine takes longer. */
const MS_MAX = 110_000

test(
  'millions of sequences in shuffled blocks over 16 partitions: all found, within the memory',
  () => {
    const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM, '1600000'], { encoding: 'utf8', timeout: MS_MAX })
    expect(stderr).toBe('')
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({ all: 1_600_000, left: 10, proven: 1_599_990, missing: 10, doubled: 10, records: 1_600_000 })
    expect(found.holes[1]).toEqual({ from: 283_456, to: 283_457 })
    expect(found.bytesMost).toBeLessThan(found.all / 8 + BITMAP_SLACK_BYTES)
    expect(found.peakMb).toBeLessThan(256)
  },
  MS_MAX,
)

test('many gap records are columns, and what aggregates stand for is found among them', () => {
  const before = process.memoryUsage().arrayBuffers
  const lines = lineColumns()
  for (let i = 0; i < 250_000; i++) lines.add({ from: i * 10, to: i * 10 + 7, count: 7, sequence: i, action: 'aggregated' })
  const spans = aggregatedSpans(lines)
  for (let i = 0; i < 250_000; i++) if (i !== 777) spans.add({ from: i * 10, to: i * 10 + 6, count: 7, sequence: i })
  const text = 'gap records name 7 readings of 7770 to 7776 as aggregated, the aggregates there stand for 0'
  expect(spans.contradictions({ rows: 250_000, aggregates: 0 })).toEqual([text])
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000)
})
