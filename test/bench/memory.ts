// P5: memory of the whole agent, started as `npm run holdfast` starts it (npm itself apart), with one MQTT source and one Kafka uplink, on a
// real mosquitto and a real Kafka.
//
//   npx node test/bench/memory.ts [--idle 60] [--seconds 120] [--away 30] [--rate 10000] [--threads] [--json] [--node-args "…"] [--cli FILE]
//
// idle (connected, no traffic) ─► load (drained while it comes) ─► away (Kafka killed, load goes on) ─► drain (backlog and load) ─► after
//
// Once a second, of all processes of the agent: PSS (what the issue bounds; pages of the Node program count in part while other programs run
// on the same Node, such as this one), RSS (what PSS is where nothing else does) and USS (what ends with the agent).
// `--away 0` leaves out away and drain. `--threads` also notes each thread's heap from within (heaps.ts), which itself costs 1–2 MB a thread: a run for finding, not for the record.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connectAgent } from '../../src/local-api/client.ts'
import { createTopics, startBroker as startKafka } from '../kafka/broker.ts'
import { startBroker as startMosquitto } from '../peers/broker.ts'
import type { Publisher } from '../peers/publisher.ts'
import { startPublisher } from '../peers/publisher.ts'
import { READINGS_A_MESSAGE } from '../peers/readings.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { project } from '../run/holdfast.ts'
import { cpuSecondsOf, familyOf, slopeOf } from '../run/processes.ts'
import type { ThreadHeap } from './heaps.ts'

const MQTT_PORT = 28_900
const KAFKA_PORT = 28_910
const LOAD_MB_MAX = 200
const IDLE_MB_MAX = 120
const AFTER_SECONDS = 20
const DRAIN_SECONDS_MAX = 180
const START_MS_MAX = 60_000
const MB = 1e6
const NUMBERS = ['pss', 'rss', 'uss'] as const

type Phase = 'idle' | 'load' | 'away' | 'drain' | 'after'

interface Sample {
  readonly phase: Phase
  readonly second: number
  /** Bytes. */
  readonly pss: number
  readonly rss: number
  readonly uss: number
}

const { values: options } = parseArgs({
  options: {
    idle: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '120' },
    away: { type: 'string', default: '30' },
    rate: { type: 'string', default: '10000' },
    threads: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'node-args': { type: 'string', default: '' },
    cli: { type: 'string' },
  },
})
const dir = join(project, 'run/bench/memory')
const dataDir = join(dir, 'data')
const heapsDir = join(dir, 'heaps')
const note = (text: string): void => void process.stderr.write(`memory: ${text}\n`)

function settingsOf(kafka: string): string {
  return `version: 1
device: { id: memory }
log: { bytesMax: 2GB }
classes: [{ name: process }]
sources:
  - name: broker
    protocol: mqtt
    url: mqtt://127.0.0.1:${MQTT_PORT}
    insecure: bench on loopback
    subscribe:
      - { topic: plant/batch, qos: 1, items: "$", tag: "{$.tag}", value: value, time: ts, class: process }
uplinks:
  - name: cloud
    kafka:
      brokers: ["${kafka}"]
      insecure: bench on loopback
`
}

/** With the variables and options that the npm script gives to Node. */
function startAgent(settings: string): Child {
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { scripts: { holdfast: string } }
  const words = scripts.holdfast.split(' ')
  const env = Object.fromEntries(words.slice(0, words.indexOf('node')).map((it) => it.split('=') as [string, string]))
  const args = words.slice(words.indexOf('node') + 1, -1)
  const file = options.cli ?? join(project, words.at(-1) as string)
  const probe = options.threads ? ['--import', join(import.meta.dirname, 'heaps.ts')] : []
  const extra = options['node-args'].split(' ').filter(Boolean)
  const command = [...args, ...extra, ...probe, file, 'agent', '--settings', settings, '--data', dataDir]
  return startChild(dir, 'agent', process.execPath, command, { ...env, HEAPS_DIR: heapsDir })
}

/** Started, and connected to both sides. */
async function runningAgent(settings: string): Promise<Child> {
  const started = startAgent(settings)
  const api = connectAgent(dataDir)
  for (const end = performance.now() + START_MS_MAX; performance.now() < end; await sleep(200)) {
    const status = await api.status().catch(() => undefined)
    if (status?.sources.every((it) => it.state === 'up') && status.uplinks.every((it) => it.state === 'up')) return started
    if (!started.isRunning()) break
  }
  await started.end()
  throw new Error(`the agent does not come up: ${lastLines(started.logFile, 5).join('\n')}`)
}

/** Undefined when one of the processes has just ended. */
function memoryOf(pid: number): Pick<Sample, (typeof NUMBERS)[number]> | undefined {
  const sum = { pss: 0, rss: 0, uss: 0 }
  try {
    for (const one of familyOf(pid)) {
      const text = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8')
      const bytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
      sum.pss += bytes('Pss')
      sum.rss += bytes('Rss')
      sum.uss += bytes('Private_Clean') + bytes('Private_Dirty')
    }
    return sum
  } catch {
    return undefined
  }
}

const samples: Sample[] = []
const cpu = new Map<Phase, number>()

/** One sample a second for so long, or until `isOver`. */
async function measure(agent: Child, phase: Phase, seconds: number, isOver?: () => Promise<boolean>): Promise<void> {
  const begun = performance.now()
  const cpuBefore = cpuSecondsOf(familyOf(agent.pid))
  for (let at = 1; at <= seconds; at++) {
    await sleep(Math.max(0, begun + at * 1000 - performance.now()))
    if (!agent.isRunning()) throw new Error(`the agent ended: ${lastLines(agent.logFile, 5).join('\n')}`)
    const memory = memoryOf(agent.pid)
    if (memory) samples.push({ phase, second: (performance.now() - begun) / 1000, ...memory })
    if (await isOver?.()) break
  }
  const spent = (performance.now() - begun) / 1000
  cpu.set(phase, (cpuSecondsOf(familyOf(agent.pid)) - cpuBefore) / spent)
  const last = samples.findLast((it) => it.phase === phase)
  if (last) note(`${phase}, ${spent.toFixed(0)} s: ${NUMBERS.map((key) => `${key} ${mb(last[key])}`).join(', ')}`)
  groups(agent.pid)
  if (options.threads) threads()
}

/** Where resident pages are: programs and libraries, malloc's first heap, and all else (V8, buffers, malloc's other heaps, stacks). */
function groups(pid: number): void {
  const sums = new Map<string, number>()
  let group = ''
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \d+\s*(.*)$/.exec(line)
    if (head) group = groupOf(head[2] as string)
    const resident = /^Rss:\s+(\d+) kB/.exec(line)
    if (resident) sums.set(group, (sums.get(group) ?? 0) + Number(resident[1]) * 1024)
  }
  note(`  ${[...sums].map(([name, bytes]) => `${name} ${mb(bytes)}`).join(', ')}`)
}

function groupOf(file: string): string {
  if (file === '') return 'anonymous'
  if (file.startsWith('[')) return file
  return file.endsWith('/node') ? 'node program' : 'libraries and files'
}

function threads(): void {
  const heaps = readdirSync(heapsDir).map((it) => JSON.parse(readFileSync(join(heapsDir, it), 'utf8')) as ThreadHeap)
  for (const it of heaps)
    note(
      `  ${it.thread.padEnd(14)} heap ${mb(it.heap)} (in use ${mb(it.used)}), buffers ${mb(it.buffers)}, malloced ${mb(it.malloced)}`,
    )
}

const mb = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`

interface Line {
  readonly id: 'P5'
  readonly what: string
  readonly unit: string
  readonly value: number
  readonly beside: string
  readonly ratio: number | null
}

function linesOf(phase: Phase): Line[] {
  const own = samples.filter((it) => it.phase === phase)
  if (own.length === 0) return []
  const bound = phase === 'idle' ? IDLE_MB_MAX : LOAD_MB_MAX
  const lines = NUMBERS.flatMap((key) => {
    const sorted = own.map((it) => it[key] / MB).sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number
    const line = (what: string, value: number, isBound: boolean): Line => ({
      id: 'P5',
      what: `${phase}, ${key.toUpperCase()} ${what}`,
      unit: 'MB',
      value,
      beside: isBound ? `the bound of ${bound} MB` : '',
      ratio: isBound ? value / bound : null,
    })
    return [line('min', at(0), false), line('median', at(0.5), false), line('max', at(1), key === 'pss')]
  })
  const half = own.slice(Math.floor(own.length / 2)).map((it) => ({ second: it.second, value: it.pss }))
  const slope = (slopeOf(half) * 60) / MB
  return [
    ...lines,
    { id: 'P5', what: `${phase}, PSS slope, 2nd half`, unit: 'MB a minute', value: slope, beside: '', ratio: null },
    { id: 'P5', what: `${phase}, CPU`, unit: 'of a core', value: cpu.get(phase) ?? Number.NaN, beside: '', ratio: null },
  ]
}

rmSync(dir, { recursive: true, force: true })
for (const it of [dataDir, heapsDir]) mkdirSync(it, { recursive: true })
note(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Linux ${release()}, Node ${process.version}`)

let agent: Child | undefined
let publisher: Publisher | undefined
const mosquitto = await startMosquitto(dir, MQTT_PORT)
const kafka = await startKafka({ portFrom: KAFKA_PORT })
try {
  await createTopics(kafka.bootstrap, 3)
  const settings = join(dir, 'settings.yaml')
  writeFileSync(settings, settingsOf(kafka.bootstrap))
  // The first start after a change fills Node's compile cache when it ends; what runs for months is a later one.
  await (await runningAgent(settings)).end()
  agent = await runningAgent(settings)
  const api = connectAgent(dataDir)
  await measure(agent, 'idle', Number(options.idle))

  const messagesPerSecond = Number(options.rate) / READINGS_A_MESSAGE.S2
  const begun = performance.now()
  publisher = startPublisher(MQTT_PORT, 'S2', () => ((performance.now() - begun) / 1000) * messagesPerSecond)
  await measure(agent, 'load', Number(options.seconds))
  const stored = async () => (await api.status()).classes.reduce((sum, it) => sum + it.stored, 0)
  if (Number(options.away) > 0) {
    await kafka.kill()
    await measure(agent, 'away', Number(options.away))
    await kafka.start()
    await measure(agent, 'drain', DRAIN_SECONDS_MAX, async () => (await stored()) < Number(options.rate))
  }
  const sent = (await publisher.stop()) * READINGS_A_MESSAGE.S2
  await measure(agent, 'after', AFTER_SECONDS)
  const status = await api.status()
  const accepted = status.classes.reduce((sum, it) => sum + it.accepted, 0)
  note(`${sent} readings sent, ${accepted} accepted, ${status.classes.reduce((sum, it) => sum + it.delivered, 0)} delivered`)
  // A figure from a run that lost or left something is none.
  if (accepted !== sent) process.exitCode = 1
  const lines = (['idle', 'load', 'away', 'drain', 'after'] as const).flatMap(linesOf)
  if (options.json) process.stdout.write(`${JSON.stringify(lines, null, 1)}\n`)
  else
    for (const { what, unit, value, beside, ratio } of lines)
      process.stdout.write(
        `P5  ${what.padEnd(28)} ${value.toFixed(2).padStart(9)} ${unit}${ratio === null ? '' : `   ${ratio.toFixed(2)} × ${beside}`}\n`,
      )
} finally {
  await publisher?.stop().catch(() => {})
  await agent?.end()
  await mosquitto.stop()
  await kafka.down()
}
