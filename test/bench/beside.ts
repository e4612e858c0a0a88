// P4L: live readings while a backlog drains into Kafka, beside live readings alone and beside the drain alone: the same log, one broker, one run.
//
//   node test/bench/beside.ts [--readings 20000000] [--live 1000] [--seconds 30] [--rounds 3] [--json]
//
// Live: that many readings a second, one batch each 50 ms, by the log's own defaults (a group commit each 250 ms). Their latency is from the append to the
// commit of the transaction that has them, when any reader may see them; "sending": from when they are durable. The three are measured by turns,
// each in a process of its own, and the middle of the rounds is told. Without a backlog that lasts for it a run is shorter.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { adminOf, createLed, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, quantile, whole } from './lines.ts'
import { fillLog } from './log.ts'

const { values: options } = parseArgs({
  options: {
    readings: { type: 'string', default: '20000000' },
    live: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
const READINGS = Number(options.readings)
const PARTITIONS = 12
const PORT = 28_820
const note = noter('beside')

interface Measured {
  /** Of the backlog. */
  readonly perSecond: number
  readonly seconds: number
  readonly batches: number
  readonly p50: number
  readonly p99: number
  readonly sendingP50: number
  readonly sendingP99: number
}

const WAYS = {
  alone: { backlog: 0, live: Number(options.live) },
  drain: { backlog: READINGS, live: 0 },
  beside: { backlog: READINGS, live: Number(options.live) },
} as const
type Way = keyof typeof WAYS

async function run(way: Way, round: number, full: string, bootstrap: string): Promise<Measured> {
  const { backlog, live } = WAYS[way]
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-beside-'))
  try {
    if (backlog > 0) cpSync(full, dir, { recursive: true })
    const words = [dir, bootstrap, 'direct', `box-${way}-${round}`, backlog, live, options.seconds].map(String)
    const main = join(import.meta.dirname, 'beside.main.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, main, ...words])
    const it = JSON.parse(stdout) as Measured
    note(`${way}: ${JSON.stringify(it)}`)
    return it
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const top = mkdtempSync(join(tmpdir(), 'hf-bench-beside-full-'))
note(machine())
const broker = await startBroker({ portFrom: PORT })
try {
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await createLed(
    admin,
    Object.values(TOPICS).map((it) => ({ topic: `direct.${it}`, numPartitions: PARTITIONS })),
  )
  await admin.disconnect()
  const full = join(top, 'log')
  await fillLog(full, READINGS)
  note(`a log of ${whole(READINGS)} readings`)
  const measured: Record<Way, Measured[]> = { alone: [], drain: [], beside: [] }
  for (let round = 0; round < Number(options.rounds); round++)
    for (const way of ['alone', 'drain', 'beside'] as const) measured[way].push(await run(way, round, full, broker.bootstrap))
  const middle = (way: Way, what: keyof Measured) =>
    quantile(
      measured[way].map((it) => it[what]),
      0.5,
    )
  const latency = (name: string, what: 'p50' | 'p99' | 'sendingP50' | 'sendingP99'): Line[] => [
    line('P4L', `live alone, ${name}`, 'ms', middle('alone', what)),
    line('P4L', `live beside a backlog, ${name}`, 'ms', middle('beside', what), [middle('alone', what), 'live alone']),
  ]
  const lines: Line[] = [
    ...latency('p50', 'p50'),
    ...latency('p99', 'p99'),
    ...latency('sending p50', 'sendingP50'),
    ...latency('sending p99', 'sendingP99'),
    line('P4L', 'drain alone', 'readings/s', middle('drain', 'perSecond')),
    line('P4L', 'drain beside live', 'readings/s', middle('beside', 'perSecond'), [middle('drain', 'perSecond'), 'drain alone']),
  ]
  print(lines, options.json)
} finally {
  await broker.down()
  rmSync(top, { recursive: true, force: true })
}
process.exit(0)
