// The ledger of a class of which aggregates leave, after so many days of a line a window: its lines and bytes before and after they become one.
//
//   node test/bench/ledger.ts [--days DAYS] [--window SECONDS]
//
// The lines are inserted as the writer would have left them, their gap records delivered; what merges them is the keeper and the writer.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openJournal, writeMeta } from '../../src/log/journal.ts'
import { openTestLog, classNamed, T0, tempDir } from '../log/helpers.ts'

const { values: options } = parseArgs({
  options: { days: { type: 'string', default: '365' }, window: { type: 'string', default: '60' } },
})
const WINDOW_US = Number(options.window) * 1e6
const LINES = Math.floor((Number(options.days) * 86_400e6) / WINDOW_US)
const READINGS = 6_000
const BYTES_MAX = 4_000_000_000
const EPOCH = 'f'.repeat(32)

const { dir: scratch, remove } = tempDir()
const dir = join(scratch, 'log')
mkdirSync(dir, { recursive: true })

function fill(): void {
  const db = openJournal(dir, BYTES_MAX)
  const stream = db.prepare('INSERT INTO stream (id, device, epoch, class, form, next) VALUES (?, ?, ?, ?, ?, ?)')
  const line = db.prepare(
    "INSERT INTO ledger (stream, first, end, count, time_from, time_to, action, reason, at, gap_stream, sequence) VALUES (1, ?, ?, ?, ?, ?, 'aggregated', 'forward-1m', ?, 2, ?)",
  )
  writeMeta(db, 'epoch', EPOCH)
  writeMeta(db, 'boot-id', 'boot-1')
  db.transaction(() => {
    stream.run(1, 'box-1', EPOCH, 'process', 'raw', LINES * READINGS)
    stream.run(2, 'box-1', EPOCH, 'process', 'gap', LINES)
    const key = `box-1:${EPOCH}:process:gap`
    db.prepare('INSERT INTO position (uplink, number, delivered) VALUES (?, 1, ?)').run(
      'kafka',
      JSON.stringify([[key, [{ from: 0, to: LINES }]]]),
    )
    for (let n = 0; n < LINES; n++) {
      const from = T0 - (LINES - n) * WINDOW_US
      line.run(n * READINGS, (n + 1) * READINGS, READINGS, from, from + WINDOW_US - 1, from + WINDOW_US + 3e6, n)
    }
  })()
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
}

const bytes = () => statSync(join(dir, 'journal.db')).size

fill()
const log = openTestLog(dir, {
  bytesMax: BYTES_MAX,
  classes: [classNamed('process', { forward: { windowMs: WINDOW_US / 1000 } })],
})
const before = { lines: LINES, 'journal.db': bytes() }
const steps: number[] = []
let walBytesMost = 0
for (;;) {
  const change = log.keeper.work(log.writer.state(), true)
  if (!change) break
  const begun = performance.now()
  log.keeper.applied(log.writer.apply(change))
  steps.push(performance.now() - begun)
  if (process.env['SLOW'] && (steps.at(-1) as number) > 200) console.log('slow', steps.length, steps.at(-1), bytes())
  walBytesMost = Math.max(walBytesMost, statSync(join(dir, 'journal.db-wal')).size)
}
const { ledger } = log.keeper.check.inspect(undefined)
log.close()
steps.sort((a, b) => a - b)
console.log({
  before,
  after: { lines: ledger.reduce((sum, it) => sum + it.lines, 0), 'journal.db': bytes() },
  readings: ledger.reduce((sum, it) => sum + it.count, 0) === LINES * READINGS ? 'all named' : 'NOT ALL NAMED',
  transactions: steps.length,
  'ms, median and longest': [steps[steps.length >> 1], steps.at(-1)].map((it) => Number(it?.toFixed(1))),
  'write-ahead log, most': walBytesMost,
})
remove()
