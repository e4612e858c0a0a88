// Readers that others wrote, each as its users run it and with the lines that README.md beside this file gives: Kafka Streams, Kafka Connect into a file,
// and a plain Python consumer. What each counts and sums is what was sent, and nothing of a transaction that came to nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { settled } from '../uplinks/kafka/cluster.ts'
import type { Day } from './day.ts'
import { sendDay } from './day.ts'

const SCRIPT = join(import.meta.dirname, 'consumers.sh')
const PYTHON = join(import.meta.dirname, '../../.cache/venv/bin/python')
const READINGS = 30_000
/** A Java program takes seconds to start, on a loaded machine many. */
const MS_MAX = 180_000

let dir: string
let broker: Broker
let day: Day
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-consumers-'))
  broker = await startBroker({ portFrom: 27_200 })
  await createTopics(broker.bootstrap, 4)
  await settled(broker.bootstrap)
  day = await sendDay(broker.bootstrap, 'box-1', READINGS)
}, MS_MAX)
afterAll(async () => {
  await broker?.down()
  if (dir) await rm(dir, { recursive: true, force: true })
})

/** Lines of a program until `enough`, then its input ends; its errors fail it. */
async function linesOf(command: string, args: readonly string[], enough: (line: string) => boolean): Promise<string[]> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  let problem = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (problem = `${problem}${text}`.slice(-2_000)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (enough(line)) child.stdin.end('.')
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), MS_MAX - 10_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`exit ${code}, ${lines.length} lines: ${problem}`)
  return lines
}

type Totals = Record<string, [count: number, sum: number]>

const countOf = (totals: Totals) => Object.values(totals).reduce((sum, [count]) => sum + count, 0)

test(
  'Kafka Streams counts and sums by key',
  async () => {
    const args = [SCRIPT, 'streams', broker.bootstrap, 'totals', TOPICS.telemetry, join(dir, 'state')]
    const lines = await linesOf('bash', args, (line) => countOf(JSON.parse(line) as Totals) >= READINGS)
    expect(JSON.parse(lines.at(-1) ?? '{}')).toEqual(day.tags)
  },
  MS_MAX,
)

test(
  'a plain Python consumer replays the day, or a part of it',
  async () => {
    const program = join(import.meta.dirname, 'day.py')
    const all = await linesOf(PYTHON, [program, broker.bootstrap, TOPICS.telemetry], () => false)
    expect(JSON.parse(all[0] ?? '{}')).toEqual(day.tags)
    // The device's times begin a day ago, 10 s apart: an hour of them.
    const from = day.start + 3_600_000
    const hour = await linesOf(
      PYTHON,
      [program, broker.bootstrap, TOPICS.telemetry, `${from}`, `${from + 3_600_000}`],
      () => false,
    )
    expect(countOf(JSON.parse(hour[0] ?? '{}') as Totals)).toBe(day.countIn(from, from + 3_600_000))
  },
  MS_MAX,
)

test(
  'Kafka Connect writes a file with a line for each reading',
  async () => {
    const file = join(dir, 'readings.ndjson')
    const worker = join(dir, 'worker.properties')
    const sink = join(dir, 'sink.properties')
    const readme = await readFile(join(import.meta.dirname, 'README.md'), 'utf8')
    const [given = '', sinkGiven = ''] = [...readme.matchAll(/```properties\n([^`]*)```/g)].map((it) => it[1] ?? '')
    const own = [
      `bootstrap.servers=${broker.bootstrap}`,
      `offset.storage.file.filename=${join(dir, 'offsets')}`,
      'offset.flush.interval.ms=1000',
    ]
    await writeFile(worker, `${given}${own.join('\n')}\nlisteners=http://127.0.0.1:0\n`)
    await writeFile(sink, sinkGiven.replace(/^file=.*$/m, `file=${file}`))
    const connect: Child = startChild(dir, 'connect', SCRIPT, ['connect', worker, sink])
    try {
      const lines = await until(
        'all readings are in the file',
        async () => {
          if (!connect.isRunning()) throw new Error(lastLines(connect.logFile, 5).join('\n'))
          const found = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1)
          return found.length >= READINGS && found
        },
        MS_MAX - 20_000,
        500,
      )
      const totals: Totals = {}
      for (const it of lines.map((line) => JSON.parse(line) as { device: string; tag: string; value_double: number })) {
        const total = (totals[`${it.device}/${it.tag}`] ??= [0, 0])
        total[0]++
        total[1] += it.value_double
      }
      expect(totals).toEqual(day.tags)
    } finally {
      await connect.end()
    }
  },
  MS_MAX,
)
