// Bytes a reading of recorded data: sealed blocks beside pcodec, Parquet and JSON, all in one run.
//
//   node test/bench/columns.ts [--data DIR] [--python PROGRAM] [--level ZSTD] [--json]
//
// DIR holds the data sets by name (skab-water-loop, which is not in this tree because of its licence, is measured only with it).
// The Python needs numpy, pcodec and pyarrow. Jitter of receive times is made from a seed.
import { parseArgs } from 'node:util'
import { PYTHON, arrivalOrder, beside, jsonBytes } from './arrival.ts'
import type { DataSet } from './recorded.ts'
import { readDataSets } from './recorded.ts'
import { SEED, seal } from './sealed.ts'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string', default: PYTHON },
    level: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
  },
})
const LEVEL = Number(options.level)
const ROUNDS = 5

function measure(set: DataSet): Record<string, number | string> {
  const readings = arrivalOrder(set)
  const each = (bytes: number): number => Number((bytes / readings.count).toFixed(3))
  const bare = seal(readings, 'at once', 0, LEVEL, ROUNDS)
  const batches = seal(readings, 'in batches', 0, LEVEL, ROUNDS)
  const rows = seal(readings, 'row by row', 0, LEVEL, ROUNDS)
  const kept = seal(readings, 'in batches', 'kept', LEVEL, ROUNDS)
  const json = jsonBytes(readings)
  const others = beside(readings, options.python)
  return {
    set: set.name,
    readings: readings.count,
    'values and times': each(bare.bytes),
    everything: each(batches.bytes),
    'everything, kept numbers': each(kept.bytes),
    'everything, each row received by itself': each(rows.bytes),
    pcodec: each(others.pcodec),
    parquet: each(others.parquet),
    json: each(json.plain),
    'json + zstd': each(json.packed),
    'ratio to pcodec': Number((bare.bytes / others.pcodec).toFixed(3)),
    'merged M/s of CPU': Number((batches.mergedPerSecond / 1e6).toFixed(1)),
    'decoded M/s of CPU': Number((batches.decodedPerSecond / 1e6).toFixed(1)),
  }
}

const results = readDataSets(options.data).map(measure)
if (options.json) console.log(JSON.stringify({ level: LEVEL, seed: SEED, node: process.version, results }))
else {
  console.log(`bytes a reading · zstd level ${LEVEL} · seed ${SEED} · node ${process.version}`)
  for (const result of results) for (const [what, value] of Object.entries(result)) console.log(`  ${what.padEnd(42)}${value}`)
}
