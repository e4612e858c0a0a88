// P2: bytes a reading on disk, of recorded data in batches of 1,000 through the real log, sealed and closed: every file of the log, the
// ballast and what an empty log takes said apart as they do not grow, and pages of the journal that are free. Beside JSON, Parquet, pcodec and Telegraf's disk buffer.
//
//   node test/bench/size.ts [--data DIR] [--python PROGRAM] [--json]
//
// DIR holds the data sets by name (skab-water-loop, which is not in this tree because of its licence, is measured only with it).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Readings } from './arrival.ts'
import { PYTHON, arrivalOrder, beside, jsonBytes, random } from './arrival.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print } from './lines.ts'
import type { Sizes } from './log.ts'
import { appendAll, drain, openBenchLog, sizesOf } from './log.ts'
import type { DataSet } from './recorded.ts'
import { readDataSets } from './recorded.ts'
import { SEED, seal } from './sealed.ts'

const { values: options } = parseArgs({
  options: { data: { type: 'string' }, python: { type: 'string', default: PYTHON }, json: { type: 'boolean', default: false } },
})
const BATCH_READINGS = 1_000
/** What the product seals with. */
const LEVEL = 9
/** Longer than the data is old. */
const FOR_EVER_MS = 100 * 365 * 86_400_000
/** Of the issue: bytes a reading, everything counted. */
const BOUNDS: Readonly<Record<string, number>> = {
  'skab-water-loop': 1.75,
  'steel-energy-meter': 0.85,
  'nab-machine-temperature': 4.5,
}
/** test/peers, one reading a message and 100 a message: 403 to 409. `make bench ONLY=P1` measures it anew where Telegraf is built. */
const TELEGRAF_BYTES = 403
const note = noter('size')

/** Receive time: 20 to 25 ms after the last source time of the batch, to the microsecond. */
function* batchesOf(readings: Readings): Generator<ReadingBatch> {
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = readings.tags.map((tag) => builder.series({ tag, class: 'process', kind: 'double' }))
  const dice = random(SEED)
  for (let i = 0; i < readings.count; i++) {
    builder.add(numbers[readings.series[i] as number] as number, readings.time[i] as number, readings.value[i] as number)
    if (builder.count < BATCH_READINGS && i < readings.count - 1) continue
    yield builder.take((readings.time[i] as number) + 20_000 + Math.floor(dice() * 5_000))
  }
}

async function logSizes(readings: Readings | undefined, isDelivered: boolean): Promise<Sizes> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-size-'))
  try {
    const log = await openBenchLog(dir, { keepDeliveredMs: isDelivered ? FOR_EVER_MS : 0 })
    if (readings) {
      const stored = await appendAll(log, batchesOf(readings))
      if (isDelivered) {
        await log.reader.restart('kafka', 'none')
        const taken = await drain(log, () => false)
        if (taken !== stored) throw new Error(`${taken} of ${stored} readings were taken`)
      }
      await log.seal()
      const account = (await log.figures()).classes[0]
      if (account?.accepted !== stored || account.stored + account.delivered !== stored)
        throw new Error(`the account says ${JSON.stringify(account)} of ${stored} readings`)
    }
    await log.close()
    return sizesOf(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const empty = await logSizes(undefined, false)
const lines: Line[] = [
  line('P2', 'ballast, which does not grow', 'bytes', empty.ballast),
  line('P2', 'journal and small files of an empty log, which do not grow', 'bytes', empty.journal + empty.rest),
]

async function measure(set: DataSet): Promise<void> {
  const readings = arrivalOrder(set)
  const each = (bytes: number) => bytes / readings.count
  const others = beside(readings, options.python)
  const json = jsonBytes(readings)
  const payload = seal(readings, 'at once', 0, LEVEL, 1).bytes
  const say = (what: string, bytes: number, against?: readonly [number, string]): void =>
    void lines.push(line('P2', `${set.name}: ${what}`, 'bytes a reading', each(bytes), against))
  say('payload, values and times alone', payload, [each(others.pcodec), 'pcodec, level 8'])
  const formats = { pcodec: others.pcodec, Parquet: others.parquet, JSON: json.plain, 'JSON + zstd': json.packed }
  for (const isDelivered of [false, true]) {
    const sizes = await logSizes(readings, isDelivered)
    const all = sizes.segments + sizes.journal + sizes.rest
    const name = isDelivered ? 'delivered, kept' : 'never offered'
    const used = all - sizes.journalFree
    const bound = [BOUNDS[set.name] ?? Number.NaN, 'the bound'] as const
    say(`${name}, all files but ballast`, all, bound)
    say(`${name}, of these free pages of the journal, used again`, sizes.journalFree)
    say(`${name}, without free pages`, used, bound)
    say(`${name}, without free pages and the empty log`, used - (empty.journal - empty.journalFree + empty.rest), bound)
    note(`${set.name}, ${readings.count} readings, ${name}: ${JSON.stringify(sizes)}`)
    if (isDelivered) continue
    for (const [other, bytes] of Object.entries(formats)) say(`${name}, all files but ballast`, all, [each(bytes), other])
    say(`${name}, all files but ballast`, all, [TELEGRAF_BYTES, 'Telegraf 1.39 disk buffer, as measured by the outage drill'])
  }
}

note(`${machine()}, seed ${SEED}`)
for (const set of readDataSets(options.data)) await measure(set)
print(lines, options.json)
process.exit(0)
