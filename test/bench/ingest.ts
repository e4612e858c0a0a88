// P1L: durable ingest into the log alone, all of its threads on one core: batches of 10,000 and of 1,000, and single readings of 100
// concurrent writers; then how long an acknowledgement takes while the log does everything else it does.
//
//   node test/bench/ingest.ts [--seconds 10] [--busy 20] [--cores 1] [--json]
//
// `--cores 0`: wherever the machine likes. Batches are copies of one that was made before. Commits as by default: at most every 5 ms, and
// at 64 kB or after 250 ms; single readings come from writers that can bring no more until theirs is durable, and say so (`hurry`).
import { spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { LadderStep } from '../../src/core/retention.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { query } from '../../src/pipeline/query.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, quantile, whole } from './lines.ts'
import { drain, openBenchLog, randomPlant, recordedPlant } from './log.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    busy: { type: 'string', default: '20' },
    cores: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const SECONDS = Number(options.seconds)
const WARM_SECONDS = 2
const WRITERS = 100
const BATCHES_IN_FLIGHT = 8
const BUSY_READINGS_PER_SECOND = 20_000
const BUSY_TAGS = 200
const ROWS_AT_A_TIME = 1_000
const COMMIT_EVERY_MS = 250
const BUSY_BYTES_MAX = 48_000_000
const T0 = 1_767_225_600_000_000
const note = noter('ingest')

/** One of its own for each: what is handed over is gone. */
function copied(batch: ReadingBatch): ReadingBatch {
  const { series, time, value, quality, status } = batch
  return {
    ...batch,
    series: series.slice(),
    time: time.slice(),
    value: value.slice(),
    quality: quality.slice(),
    status: status.slice(),
  }
}

async function inLog<T>(use: (log: OpenLog) => Promise<T>, ...[more]: [Parameters<typeof openBenchLog>[1]?]): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-ingest-'))
  try {
    const log = await openBenchLog(dir, more)
    const result = await use(log)
    await log.close()
    return result
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Readings acknowledged a second once it runs warm, by `writers` that each wait for their last batch. */
async function rateOf(
  log: OpenLog,
  writers: number,
  makeNext: (writer: number) => () => ReadingBatch,
  hurry: boolean,
): Promise<number> {
  let counted = 0
  const begin = performance.now() + WARM_SECONDS * 1000
  const end = begin + SECONDS * 1000
  async function write(next: () => ReadingBatch): Promise<void> {
    while (performance.now() < end) {
      const batch = next()
      const { count } = batch
      const appended = log.writer.append(batch)
      if (hurry) log.writer.hurry()
      await appended
      const now = performance.now()
      if (now >= begin && now < end) counted += count
    }
  }
  const cpuBefore = process.cpuUsage()
  const list = Array.from({ length: writers }, (_, writer) => makeNext(writer))
  await Promise.all(list.map(write))
  const { user, system } = process.cpuUsage(cpuBefore)
  note(`${whole(counted / SECONDS)} readings/s, ${((user + system) / 1e6 / (SECONDS + WARM_SECONDS)).toFixed(2)} cores`)
  return counted / SECONDS
}

async function batches(size: number, bound: number): Promise<Line> {
  const rate = await inLog(async (log) => {
    const plant = recordedPlant(1_000, T0)
    plant.add(0, Math.ceil(size / 1_000))
    const first = plant.builder.take(T0)
    const again = { ...first, newSeries: [] }
    // Descriptors come once, before all others.
    await log.writer.append(copied(first))
    return rateOf(log, BATCHES_IN_FLIGHT, () => () => copied(again), false)
  })
  return line('P1L', `batches of ${whole(size)}`, 'readings/s', rate, [bound, 'the bound'])
}

async function singles(bound: number): Promise<Line> {
  const rate = await inLog((log) =>
    rateOf(
      log,
      WRITERS,
      (writer) => {
        const builder = new BatchBuilder(newOrigin(0))
        const number = builder.series({ tag: `writer-${writer}`, class: 'process', kind: 'double' })
        let next = 0
        return () => {
          builder.add(number, T0 + next * 1_000, next++ / 10)
          return builder.take(T0 + next * 1_000)
        }
      },
      true,
    ),
  )
  return line('P1L', `single readings of ${WRITERS} writers`, 'readings/s', rate, [bound, 'the bound'])
}

/** Milliseconds of a write and its fdatasync, here and now. */
function fsyncMs(): number[] {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-fsync-'))
  const fd = openSync(join(dir, 'file'), 'w')
  const page = new Uint8Array(4096)
  const times = Array.from({ length: 200 }, () => {
    const begun = performance.now()
    writeSync(fd, page)
    fdatasyncSync(fd)
    return performance.now() - begun
  })
  closeSync(fd)
  rmSync(dir, { recursive: true })
  return times
}

/** What goes on beside the appends; each goes round until `isOver`. */
const LOADS: Readonly<Record<string, (log: OpenLog, isOver: () => boolean) => Promise<number>>> = {
  sealing: async (log, isOver) => {
    for (let n = 0; ; n++) {
      if (isOver()) return n
      await log.seal()
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  },
  'a full scan': async (log, isOver) => {
    for (let n = 0; ; n++) {
      for await (const _ of log.files.logCheck(new AbortController().signal)) if (isOver()) return n
    }
  },
  'a drain': async (log, isOver) => {
    await log.reader.restart('kafka', 'none')
    // Slow enough that something is left to seal, and to reduce.
    return drain(log, isOver)
  },
  'a query': async (log, isOver) => {
    const from = 0
    const to = 4e15
    for (let n = 0; ; n++) {
      const request = { tag: 'plant/*', from, to, limit: Infinity }
      let rows = 0
      for await (const _ of query(request, log.query, new AbortController().signal)) {
        // As where rows go out through a socket: others have their turn between.
        if (++rows % ROWS_AT_A_TIME === 0) await new Promise((resolve) => setImmediate(resolve))
        if (isOver()) return n
      }
    }
  },
}

const LADDER: readonly LadderStep[] = [
  { filledTo: 0.5, keep: { windowMs: 10_000 } },
  { filledTo: 0.9, keep: { windowMs: 60_000 } },
]

/** Acknowledgements at a steady rate while `names` go on. The log is small and full: whatever comes must be reduced. */
async function acknowledged(names: readonly string[]): Promise<readonly number[]> {
  const classes = [
    { name: 'process', floorBytes: 0, commitEveryMs: COMMIT_EVERY_MS, whenFull: 'reduce' as const, ladder: LADDER },
  ]
  return inLog(
    async (log) => {
      const plant = randomPlant(BUSY_TAGS, T0)
      const times: number[] = []
      let second = 0
      const one = async (seconds: number): Promise<void> => {
        plant.add(second, seconds)
        second += seconds
        const batch = plant.builder.take(plant.timeOf(second))
        const begun = performance.now()
        await log.writer.append(batch)
        times.push(performance.now() - begun)
      }
      for (let n = 0; n < 500; n++) await one(50)
      times.length = 0
      let over = false
      const loads = names.map(async (name) => `${name} ${await LOADS[name]?.(log, () => over)}`)
      const begun = performance.now()
      const perMs = BUSY_READINGS_PER_SECOND / BUSY_TAGS / 1000
      const appends: Promise<void>[] = []
      for (let sent = 0; performance.now() - begun < Number(options.busy) * 1000; ) {
        for (const due = (performance.now() - begun) * perMs; sent < due; sent++) appends.push(one(1))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await Promise.all(appends)
      over = true
      const rounds = await Promise.all(loads)
      const { classes: accounts } = await log.figures()
      note(`${times.length} appends beside ${rounds.join(', ') || 'nothing'}; ${JSON.stringify(accounts[0])}`)
      return times
    },
    { bytesMax: BUSY_BYTES_MAX, classes },
  )
}

async function busy(): Promise<Line[]> {
  const lines: Line[] = []
  const all = Object.keys(LOADS)
  for (const names of [[], ...all.map((it) => [it]), all]) {
    const fsync = quantile(fsyncMs(), 0.99)
    const bound = COMMIT_EVERY_MS + 2 * fsync
    const times = await acknowledged(names)
    const beside = names.length === all.length ? 'all of these' : (names[0] ?? 'reducing alone')
    lines.push(line('P1L', `acknowledged beside ${beside}, p50`, 'ms', quantile(times, 0.5)))
    const is = `the bound of ${COMMIT_EVERY_MS} ms and 2 fsyncs of ${fsync.toFixed(1)} ms`
    lines.push(line('P1L', `acknowledged beside ${beside}, p99`, 'ms', quantile(times, 0.99), [bound, is]))
  }
  return lines
}

/** Once more on so many cores: threads that are there already would not move. */
function pinned(): never {
  const cores = `0-${Number(options.cores) - 1}`
  const words = ['-c', cores, process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2), '--cores', '0']
  const { status, error } = spawnSync('taskset', words, { stdio: 'inherit' })
  if (error) throw error
  process.exit(status ?? 1)
}

if (Number(options.cores) > 0) pinned()
note(machine())
const lines = [await batches(10_000, 1_000_000), await batches(1_000, 300_000), await singles(30_000)]
if (Number(options.busy) > 0) lines.push(...(await busy()))
print(lines, options.json)
process.exit(0)
