// P6: start with a large log of random values: time from openLog to the first acknowledged append, and memory. Each log is opened after a kill
// and after a clean stop, by a process of its own; its pages may still be in the machine's memory.
//
//   node test/bench/start.ts [--gigabytes 0.5,2,8] [--json]
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'
import type { Plant } from './log.ts'
import { appendAll, openBenchLog, randomPlant } from './log.ts'

const { values: options } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '0.5' },
    fill: { type: 'string' },
    open: { type: 'string' },
    bytes: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
})
const TAGS = 1_000
const BATCH_SECONDS = 10
const ASK_EVERY = 100
const T0 = 1_767_225_600_000_000
const BOUND_MS = 5_000
const note = noter('start')

function* batches(plant: Plant, from: number): Generator<ReadingBatch> {
  for (let n = 0; n < ASK_EVERY; n++) {
    const second = from + n * BATCH_SECONDS
    plant.add(second, BATCH_SECONDS)
    yield plant.builder.take(plant.timeOf(second + BATCH_SECONDS) + 20_000)
  }
}

/** Fills until the log has so many bytes, says how many readings, and dies as if killed. */
async function fill(dir: string, bytes: number): Promise<void> {
  const log = await openBenchLog(dir, { bytesMax: bytes * 1.3 + 100e6 })
  const plant = randomPlant(TAGS, T0)
  let second = 0
  let readings = 0
  while ((await log.figures()).bytes < bytes) {
    readings += await appendAll(log, batches(plant, second))
    second += ASK_EVERY * BATCH_SECONDS
  }
  process.stdout.write(String(readings))
  process.kill(process.pid, 'SIGKILL')
}

interface Opened {
  readonly openMs: number
  readonly firstMs: number
  readonly rss: number
  readonly rssLater: number
  readonly bytes: number
}

async function open(dir: string, bytes: number): Promise<void> {
  const before = process.memoryUsage().rss
  const begun = performance.now()
  const log = await openBenchLog(dir, { bytesMax: bytes * 1.3 + 100e6 })
  const openMs = performance.now() - begun
  const builder = new BatchBuilder(newOrigin(0))
  builder.add(builder.series({ tag: 'first', class: 'process', kind: 'double' }), T0, 1)
  const appended = log.writer.append(builder.take(T0))
  log.writer.hurry()
  await appended
  const firstMs = performance.now() - begun
  const rss = process.memoryUsage().rss
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const { bytes: now } = await log.figures()
  note(`${(before / 1e6).toFixed(0)} MB before, ${(rss / 1e6).toFixed(0)} MB after the open`)
  const result: Opened = { openMs, firstMs, rss, rssLater: process.memoryUsage().rss, bytes: now }
  await log.close()
  process.stdout.write(JSON.stringify(result))
  process.exit(0)
}

const self = fileURLToPath(import.meta.url)

async function filled(dir: string, bytes: number): Promise<number> {
  const child = spawn(process.execPath, [self, '--fill', dir, '--bytes', String(bytes)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (part: Buffer) => void (said += part))
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error(`the log was not filled: its process ended by ${signal ?? 'itself'}`)
  return Number(said)
}

const opened = (dir: string, bytes: number): Opened =>
  JSON.parse(
    execFileSync(process.execPath, [self, '--open', dir, '--bytes', String(bytes)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )

async function measure(gigabytes: number): Promise<Line[]> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-start-'))
  try {
    const begun = performance.now()
    const readings = await filled(dir, gigabytes * 1e9)
    note(`${gigabytes} GB: ${whole(readings)} readings in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
    return ['a kill', 'a clean stop'].flatMap((after) => {
      const it = opened(dir, gigabytes * 1e9)
      note(`${gigabytes} GB after ${after}: ${JSON.stringify(it)}`)
      const what = `${gigabytes} GB after ${after}`
      return [
        line('P6', `${what}: first reading acknowledged`, 'ms', it.firstMs, [BOUND_MS, 'the bound of 5 s']),
        line('P6', `${what}: RSS then`, 'MB', it.rss / 1e6),
        line('P6', `${what}: RSS 5 s later`, 'MB', it.rssLater / 1e6),
      ]
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

if (options.fill !== undefined) await fill(options.fill, Number(options.bytes))
else if (options.open !== undefined) await open(options.open, Number(options.bytes))
else {
  note(machine())
  const lines: Line[] = []
  for (const it of options.gigabytes.split(',')) lines.push(...(await measure(Number(it))))
  print(lines, options.json)
  process.exit(0)
}
