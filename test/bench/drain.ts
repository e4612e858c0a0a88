// P3J: a log drained into Kafka, exactly once, by each of our clients and in blocks, beside Java's producer performance tool with the same values; then small
// transactions of 100 readings one after another, as live readings are.
//
//   node test/bench/drain.ts [--readings 1000000] [--live 5] [--json]
//
// All in one run against one broker. The tool sends as fast as it can, without keys, headers or transactions, with values of ours out of a file:
// with and without compression, of which the faster counts. What was drained is read back: every reading once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { forEachRecord } from '../../src/clients/kafka/batches.ts'
import { kafkaClient } from '../../src/clients/kafka/client.ts'
import { partitionReader } from '../../src/clients/kafka/fetch.ts'
import { verifyTopics } from '../../src/uplinks/kafka/verify/index.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../kafka/broker.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'
import { fillLog } from './log.ts'

const { values: options } = parseArgs({
  options: {
    readings: { type: 'string', default: '1000000' },
    live: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const TAGS = 1_000
const READINGS = Math.ceil(Number(options.readings) / TAGS) * TAGS
const PARTITIONS = 12
const PORT = 28_800
const VALUES_MAX = 20_000
const JAVA_TOPIC = 'java'
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const note = noter('drain')
const CLIENTS = ['direct', 'kafkajs'] as const

interface Drained {
  readonly readings: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly transactions: number
}

interface Live {
  readonly commitsPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly cpuSecondsPerCommit: number
}

async function output(command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => void parts.push(part))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}`)
  return Buffer.concat(parts).toString()
}

async function ours<T>(...words: readonly string[]): Promise<T> {
  return JSON.parse(
    await output(process.execPath, [...process.execArgv, join(import.meta.dirname, 'drain.main.ts'), ...words]),
  ) as T
}

async function drainBy(client: string, full: string, bootstrap: string): Promise<Drained> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-drain-'))
  try {
    cpSync(full, dir, { recursive: true })
    const result = await ours<Drained>(dir, bootstrap, client, `box-${client}`, String(READINGS))
    note(
      `${client}: ${whole(result.readings / result.seconds)} readings/s, ${perMillion(result).toFixed(2)} CPU s a million, ${result.transactions} transactions`,
    )
    return result
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const perMillion = ({ cpuSeconds, readings }: Drained) => (cpuSeconds / readings) * 1e6

/** Both drain the same log, each into topics of its own. */
async function assertOnce(bootstrap: string, client: string): Promise<void> {
  const { totals } = await verifyTopics({ brokers: [bootstrap], prefix: `${client}.` })
  note(`read back: ${JSON.stringify(totals)}`)
  if (totals.proven !== READINGS || (client !== 'blocks' && totals.records !== READINGS))
    throw new Error(`of ${READINGS} readings ${totals.proven} are there, in ${totals.records} records`)
}

/** Values of records that are there, one a line; gives their mean size. */
async function valuesInto(file: string, bootstrap: string): Promise<number> {
  const client = kafkaClient({ brokers: [bootstrap] }, { clientId: 'bench', log: SILENT })
  try {
    const reader = await partitionReader(client, AbortSignal.timeout(60_000))
    const spans = (await reader.spans(`direct.${TOPICS.telemetry}`)) ?? []
    const lines: string[] = []
    const some = spans.map((it) => ({ ...it, to: Math.min(it.to, it.from + Math.ceil(VALUES_MAX / spans.length)) }))
    const onBatch = (_: string, __: number, batch: Parameters<typeof forEachRecord>[0]) =>
      forEachRecord(batch, (it) => {
        if (lines.length < VALUES_MAX) lines.push(it.bytes.toString('utf8', it.valueAt, it.valueAt + it.valueLength))
      })
    await reader.read({ spans: some, onBatch, onProgress: () => {} })
    writeFileSync(file, `${lines.join('\n')}\n`)
    return lines.reduce((sum, it) => sum + Buffer.byteLength(it), 0) / lines.length
  } finally {
    client.destroy()
  }
}

interface JavaRun {
  readonly recordsPerSecond: number
  readonly cpuPerMillion: number
}

/** The processor time is the whole program's, its start included, as ours is. */
async function java(bootstrap: string, values: string, compression: 'none' | 'zstd'): Promise<JavaRun> {
  const script = join(import.meta.dirname, '../kafka/kafka.sh')
  const properties = [
    `bootstrap.servers=${bootstrap}`,
    'acks=all',
    `compression.type=${compression}`,
    'batch.size=131072',
    'linger.ms=5',
  ]
  const words = ['tool', 'ProducerPerformance', '--topic', JAVA_TOPIC, '--num-records', String(READINGS), '--throughput', '-1']
  const timed = ['-c', 'TIMEFORMAT="cpu %U %S"; time "$0" "$@" 2>&1', script, ...words, '--payload-file', values]
  const text = await output('bash', ['-c', 'exec 2>&1; exec bash "$@"', 'bash', ...timed, '--producer-props', ...properties])
  const rate = /([\d.]+) records\/sec (?!.*records\/sec)/s.exec(text)?.[1]
  const cpu = /^cpu ([\d.]+) ([\d.]+)$/m.exec(text)
  if (rate === undefined || !cpu) throw new Error(`the tool says ${text}`)
  const result = { recordsPerSecond: Number(rate), cpuPerMillion: ((Number(cpu[1]) + Number(cpu[2])) / READINGS) * 1e6 }
  note(
    `Java, compression ${compression}: ${whole(result.recordsPerSecond)} records/s, ${result.cpuPerMillion.toFixed(2)} CPU s a million`,
  )
  return result
}

const full = mkdtempSync(join(tmpdir(), 'hf-bench-full-'))
const values = join(full, 'values')
note(machine())
const broker = await startBroker({ portFrom: PORT })
try {
  await createTopics(broker.bootstrap, PARTITIONS)
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const own = [...CLIENTS, 'blocks', 'warm'].flatMap((client) => Object.values(TOPICS).map((it) => `${client}.${it}`))
  const topics = [JAVA_TOPIC, ...own].map((topic) => ({ topic, numPartitions: PARTITIONS }))
  await createLed(admin, topics)
  await admin.disconnect()
  const log = join(full, 'log')
  await fillLog(log, READINGS)
  note(`a log of ${whole(READINGS)} readings`)
  const lines: Line[] = []
  // A broker that has just begun is slow at first, and would be so for the first of them alone.
  await drainBy('warm', log, broker.bootstrap)
  const direct = await drainBy('direct', log, broker.bootstrap)
  await assertOnce(broker.bootstrap, 'direct')
  const size = await valuesInto(values, broker.bootstrap)
  const runs = [await java(broker.bootstrap, values, 'none'), await java(broker.bootstrap, values, 'zstd')] as const
  const kafkajs = await drainBy('kafkajs', log, broker.bootstrap)
  await assertOnce(broker.bootstrap, 'kafkajs')
  const blocks = await drainBy('blocks', log, broker.bootstrap)
  await assertOnce(broker.bootstrap, 'blocks')
  const tool = `Java's tool, ${Math.round(size)} bytes a value`
  const fastest = [Math.max(...runs.map((it) => it.recordsPerSecond)), tool] as const
  const thriftiest = [Math.min(...runs.map((it) => it.cpuPerMillion)), tool] as const
  for (const [n, it] of [direct, kafkajs].entries()) {
    lines.push(line('P3J', `drain by ${CLIENTS[n]}, exactly once`, 'readings/s', it.readings / it.seconds, fastest))
    lines.push(line('P3J', `drain by ${CLIENTS[n]}, CPU with the log's`, 's per million', perMillion(it), thriftiest))
  }
  const inReadings = [direct.readings / direct.seconds, 'as readings by direct'] as const
  lines.push(line('P3J', 'drain in blocks by direct, exactly once', 'readings/s', blocks.readings / blocks.seconds, inReadings))
  lines.push(line('P3J', "drain in blocks by direct, CPU with the log's", 's per million', perMillion(blocks)))
  for (const client of CLIENTS) {
    const live = await ours<Live>('live', broker.bootstrap, client, `live-${client}`, options.live)
    lines.push(line('P3J', `commits of 100 readings, ${client}`, 'a second', live.commitsPerSecond, [50, 'the bound of 50']))
    lines.push(line('P3J', `a commit of 100 readings, ${client}, p50`, 'ms', live.p50, [15, 'the bound of 15 ms']))
    lines.push(line('P3J', `a commit of 100 readings, ${client}, p99`, 'ms', live.p99))
    lines.push(line('P3J', `a commit of 100 readings, ${client}, CPU`, 'ms', live.cpuSecondsPerCommit * 1000))
  }
  print(lines, options.json)
} finally {
  await broker.down()
  rmSync(full, { recursive: true, force: true })
}
process.exit(0)
