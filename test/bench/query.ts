// P7, how fast the log is read: one tag of many, all of the time and a hundredth of it, beside an indexed SQLite table and a Parquet
// file with the same rows, all in one run; then windows, a tag that few blocks hold, and rows as CSV out of the command.
//
//   node test/bench/query.ts [--readings 5000000] [--tags 1000] [--python PROGRAM] [--json]
//
// The log is the real one with its threads, sealed. The Python needs numpy and pyarrow.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import type { QueryRequest } from '../../src/core/agent-api.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { PageRequest, QueryPage } from '../../src/core/query.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { query } from '../../src/pipeline/query.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { handMadeAgent, silent } from '../local-api/hand-made-agent.ts'

const { values: options } = parseArgs({
  options: {
    readings: { type: 'string', default: '5000000' },
    tags: { type: 'string', default: '1000' },
    python: { type: 'string', default: fileURLToPath(new URL('../../.cache/venv/bin/python', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
})
const TAGS = Number(options.tags)
const ROUNDS_A_BATCH = 10
const SECONDS = Math.floor(Number(options.readings) / TAGS / ROUNDS_A_BATCH) * ROUNDS_A_BATCH
const READINGS = SECONDS * TAGS
const T0 = 1_767_225_600_000_000
const SECOND = 1_000_000
const SEED = 20_260_102
const TRIES = 3
/** In the midst of the others. */
const WANTED = Math.floor(TAGS / 2)

interface Columns {
  readonly tag: Uint32Array
  readonly time: Float64Array
  readonly value: Float64Array
}

/** Every tag once a second; values wander in steps of hundredths. */
function readings(): Columns {
  const columns = { tag: new Uint32Array(READINGS), time: new Float64Array(READINGS), value: new Float64Array(READINGS) }
  const present = Int32Array.from({ length: TAGS }, (_, tag) => tag * 10)
  let state = SEED
  for (let i = 0; i < READINGS; i++) {
    const tag = i % TAGS
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    present[tag] = (present[tag] as number) + ((state >>> 16) % 21) - 10
    columns.tag[i] = tag
    columns.time[i] = T0 + Math.floor(i / TAGS) * SECOND
    columns.value[i] = (present[tag] as number) / 100
  }
  return columns
}

/** One reading of it in so many seconds. */
const RARE_SECONDS = 1_000
const RARE = 'hall-1/rare'
const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

const tagOf = (tag: number) => `hall-1/press-${tag}/temperature`

async function fill(log: OpenLog, { tag, time, value }: Columns): Promise<void> {
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = Array.from({ length: TAGS }, (_, it) => builder.series({ tag: tagOf(it), class: 'process', kind: 'double' }))
  const rare = builder.series({ tag: RARE, class: 'process', kind: 'double' })
  const inFlight: Promise<void>[] = []
  for (let i = 0; i < READINGS; i++) {
    builder.add(numbers[tag[i] as number] as number, time[i] as number, value[i] as number)
    if (i % (TAGS * RARE_SECONDS) === 0) builder.add(rare, time[i] as number, 1)
    if ((i + 1) % (TAGS * ROUNDS_A_BATCH) !== 0) continue
    inFlight.push(log.writer.append(builder.take((time[i] as number) + 1_000)))
    if (inFlight.length > 4) await inFlight.shift()
  }
  await Promise.all(inFlight)
}

interface Figure {
  readonly rows: number
  readonly seconds: number
  readonly firstMs: number
}

async function best(run: () => Promise<Figure> | Figure): Promise<Figure> {
  let least: Figure | undefined
  for (let i = 0; i < TRIES; i++) {
    const it = await run()
    if (!least || it.seconds < least.seconds) least = it
  }
  return least as Figure
}

let longestPageMs = 0

async function fromLog(log: OpenLog, request: Omit<QueryRequest, 'limit'>): Promise<Figure> {
  const read = async (page: PageRequest): Promise<QueryPage> => {
    const asked = performance.now()
    const found = await log.query(page)
    longestPageMs = Math.max(longestPageMs, performance.now() - asked)
    return found
  }
  const start = performance.now()
  let firstMs = 0
  let rows = 0
  for await (const _ of query({ ...request, limit: Infinity }, read, new AbortController().signal)) {
    if (rows++ === 0) firstMs = performance.now() - start
  }
  return { rows, seconds: (performance.now() - start) / 1000, firstMs }
}

/** The command as a process, from its start to its end. */
async function asCsv(log: OpenLog, folder: string, { from, to }: { from: number; to: number }): Promise<Figure> {
  const agent = handMadeAgent({ query: (request, signal) => query(request, log.query, signal) })
  const api = await serveLocalApi(folder, agent, silent)
  const start = performance.now()
  const words = ['query', 'hall-1/press*', '--from', String(from), '--to', String(to), '--limit', '100000000', '--data', folder]
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  let firstMs = 0
  let rows = -1
  child.stdout.on('data', (part: Buffer) => {
    firstMs ||= performance.now() - start
    for (const byte of part) if (byte === 10) rows++
  })
  await once(child, 'close')
  await api.close()
  return { rows, seconds: (performance.now() - start) / 1000, firstMs }
}

function fillSqlite(path: string, { tag, time, value }: Columns): Database.Database {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  db.exec('CREATE TABLE reading (tag INTEGER, time INTEGER, value REAL, quality INTEGER, received INTEGER)')
  const insert = db.prepare('INSERT INTO reading VALUES (?, ?, ?, 0, ?)')
  db.transaction(() => {
    for (let i = 0; i < READINGS; i++) insert.run(tag[i], time[i], value[i], (time[i] as number) + 1_000)
  })()
  db.exec('CREATE INDEX place ON reading (tag, time)')
  db.pragma('wal_checkpoint(TRUNCATE)')
  return db
}

function fromSqlite(db: Database.Database, from: number, to: number): Figure {
  const start = performance.now()
  let firstMs = 0
  let rows = 0
  const select = db.prepare('SELECT * FROM reading WHERE tag = ? AND time >= ? AND time < ? ORDER BY time')
  for (const _ of select.iterate(WANTED, from, to)) if (rows++ === 0) firstMs = performance.now() - start
  return { rows, seconds: (performance.now() - start) / 1000, firstMs }
}

const bytesUnder = (path: string): number =>
  statSync(path).isDirectory() ? readdirSync(path).reduce((sum, it) => sum + bytesUnder(join(path, it)), 0) : statSync(path).size

const dir = mkdtempSync(join(tmpdir(), 'hf-bench-query-'))
const note = (text: string): void => void process.stderr.write(`query: ${text}\n`)
note(`${cpus().length} × ${cpus()[0]?.model ?? ''}, Node ${process.version}, seed ${SEED}`)
try {
  note(`${READINGS} readings of ${TAGS} tags`)
  const columns = readings()
  const log = await openLog(
    {
      dir: join(dir, 'log'),
      device: 'box-1',
      bytesMax: 2e9,
      commitBytes: 64_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 250, whenFull: 'reduce', ladder: [] }],
      delivery: {},
      uplinks: ['kafka'],
    },
    (error) => {
      throw error
    },
  )
  await fill(log, columns)
  await log.seal()
  note(`log: ${(bytesUnder(join(dir, 'log', 'segments')) / READINGS).toFixed(2)} bytes a reading sealed`)
  const db = fillSqlite(join(dir, 'table.db'), columns)
  note(`SQLite: ${(bytesUnder(join(dir, 'table.db')) / READINGS).toFixed(2)} bytes a reading`)
  for (const name of ['tag', 'time', 'value'] as const) writeFileSync(join(dir, name), new Uint8Array(columns[name].buffer))
  const all = { from: T0, to: T0 + SECONDS * SECOND }
  const middle = T0 + Math.floor(SECONDS / 2) * SECOND
  const part = { from: middle, to: middle + Math.max(1, Math.floor(SECONDS / 100)) * SECOND }
  const ranges = { 'all of the time': all, 'a hundredth of the time': part }
  const beside = JSON.parse(
    execFileSync(options.python, [
      join(import.meta.dirname, 'query-beside.py'),
      dir,
      String(WANTED),
      ...[all.from, all.to, part.from, part.to].map(String),
    ]).toString(),
  ) as { bytes: number; figures: Figure[] }
  note(`Parquet: ${(beside.bytes / READINGS).toFixed(2)} bytes a reading`)

  const lines: object[] = []
  const say = (what: string, mine: Figure, others: Readonly<Record<string, Figure>>): void => {
    note(`${what}: ${mine.rows} rows, ${Math.round(mine.rows / mine.seconds)} rows/s, first after ${mine.firstMs.toFixed(1)} ms`)
    for (const [name, it] of Object.entries(others)) {
      const [value, other] = [mine.rows / mine.seconds, it.rows / it.seconds]
      note(`  ${name}: ${Math.round(other)} rows/s, first after ${it.firstMs.toFixed(1)} ms, ratio ${(value / other).toFixed(3)}`)
      lines.push({
        id: 'P7',
        what,
        unit: 'rows/s',
        value: Math.round(value),
        beside: `${name} ${Math.round(other)}`,
        ratio: value / other,
      })
    }
    lines.push({ id: 'P7', what: `${what}, first row`, unit: 'ms', value: mine.firstMs, beside: '', ratio: null })
  }
  const tag = tagOf(WANTED)
  for (const [i, [name, range]] of Object.entries(ranges).entries()) {
    const mine = await best(() => fromLog(log, { tag, ...range }))
    const sqlite = await best(() => fromSqlite(db, range.from, range.to))
    const parquet = beside.figures[i] as Figure
    if (mine.rows !== sqlite.rows || mine.rows !== parquet.rows)
      throw new Error(`rows differ: ${mine.rows}, ${sqlite.rows}, ${parquet.rows}`)
    say(`one tag of ${TAGS}, ${name}`, mine, { 'SQLite with an index': sqlite, 'Parquet by pyarrow': parquet })
  }
  say(`one tag of ${TAGS}, windows of 1 min`, await best(() => fromLog(log, { tag, ...all, every: 60 * SECOND })), {})
  say(`a tag that few blocks hold`, await best(() => fromLog(log, { tag: RARE, ...all })), {})
  say(`all ${TAGS} tags, a hundredth of the time`, await best(() => fromLog(log, { tag: 'hall-1/press*', ...part })), {})
  const twentieth = { from: T0, to: T0 + Math.floor(SECONDS / 20) * SECOND }
  say(`all ${TAGS} tags, a twentieth of the time, as CSV by the command`, await best(() => asCsv(log, dir, twentieth)), {})
  note(`the longest page took ${longestPageMs.toFixed(1)} ms, with its way between the threads`)
  lines.push({ id: 'P7', what: 'longest page', unit: 'ms', value: longestPageMs, beside: '', ratio: null })
  if (options.json) process.stdout.write(`${JSON.stringify(lines)}\n`)
  db.close()
  await log.close()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
