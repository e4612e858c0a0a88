// The outage drill: one edge box, one MQTT broker, no Kafka. Readings come in as fast as the peer takes them and go to its buffer on disk;
// half-way it may be killed; then Kafka comes up and the buffer drains. In the end every reading is looked for in Kafka.
//
// The broker drops nothing and counts what it holds; the publisher stays a few seconds of the peer's own pace ahead. Ingest ends when the
// broker holds nothing and the buffer has stopped to grow, so a peer gains nothing by acknowledging what it only has in memory.
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cpuSecondsOf, familyOf } from '../run/processes.ts'
import type { Broker } from './broker.ts'
import { startBroker } from './broker.ts'
import type { Counted } from './kafka.ts'
import { startDrillKafka } from './kafka.ts'
import type { Peer, Program } from './peer.ts'
import type { Shape } from './readings.ts'
import { READINGS_A_MESSAGE } from './readings.ts'
import { startPublisher } from './publisher.ts'
import { until } from './until.ts'

export interface DrillOptions {
  readonly peer: Peer
  readonly shape: Shape
  readonly seconds: number
  /** kill -9 half-way, and started again. */
  readonly kill: boolean
  readonly drain: boolean
  readonly dir: string
  /** The first of the ports: MQTT, then Kafka at +10. */
  readonly port: number
}

export interface DrillResult {
  readonly readings: number
  readonly seconds: number
  readonly readingsPerSecond: number
  /** Over the best five seconds. */
  readonly bestPerSecond: number
  readonly cpuPerMillion: number
  readonly bufferBytesPerReading: number
  /** Still at the broker when the drill gave up. */
  readonly notTaken: number
  readonly drain: (Counted & { readonly readingsPerSecond: number; readonly cpuPerMillion: number }) | undefined
}

const LAG_MESSAGES: Readonly<Record<Shape, number>> = { S1: 10_000, S2: 1000 }
const LAG_SECONDS = 5
const IDLE_SECONDS_MAX = 10
const BEST_SECONDS = 5
const DRAIN_IDLE_MS = 15_000
const DRAIN_MS_MAX = 200_000
const SETTLE_MS = 3000

export async function drill(options: DrillOptions): Promise<DrillResult> {
  rmSync(options.dir, { recursive: true, force: true })
  mkdirSync(options.dir, { recursive: true })
  const { dir, port, shape, peer } = options
  const program = await peer.setup({ dir, mqttPort: port, kafkaPort: port + 10, shape })
  const broker = await startBroker(dir, port)
  const runner = run(dir, peer.name, program)
  try {
    if (!(await broker.subscribed())) throw new Error(`${peer.name} did not subscribe: see ${runner.logFile}`)
    await sleep(SETTLE_MS)
    const ingested = await ingest(options, program, broker, runner)
    const drained = options.drain ? await drain(options, runner, ingested.sent) : undefined
    const { sent: _, ...result } = ingested
    return { ...result, drain: drained }
  } finally {
    await runner.end()
    await broker.stop()
  }
}

/** The peer's process, which may be killed and started again. */
function run(dir: string, name: string, { command, args }: Program) {
  const start = (): Child => startChild(dir, name, command, args, { LOG_LEVEL: 'warn' })
  let child = start()
  let cpuOfDead = 0
  return {
    logFile: child.logFile,
    cpu: () => cpuOfDead + cpuSecondsOf(familyOf(child.pid)),
    isRunning: () => child.isRunning(),
    async kill() {
      cpuOfDead += cpuSecondsOf(familyOf(child.pid))
      await child.kill()
      child = start()
    },
    end: () => child.end(),
  }
}

type Runner = ReturnType<typeof run>

async function ingest(options: DrillOptions, { buffer }: Program, broker: Broker, runner: Runner) {
  const { shape, seconds } = options
  const perMessage = READINGS_A_MESSAGE[shape]
  const publisher = startPublisher(
    options.port,
    shape,
    () => broker.consumed + Math.max(LAG_MESSAGES[shape], LAG_SECONDS * broker.consumedPerSecond),
  )
  broker.begin(() => publisher.sent)
  const cpu = runner.cpu()
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  const timeline: { second: number; taken: number; bytes: number }[] = []
  const watch = setInterval(
    () => timeline.push({ second: elapsed(), taken: broker.consumed * perMessage, bytes: bytesIn(buffer) }),
    1000,
  )
  await sleep(options.kill ? seconds * 500 : seconds * 1000)
  if (options.kill) {
    await runner.kill()
    await sleep(seconds * 500)
  }
  const sent = (await publisher.stop()) * perMessage
  await takeRest(broker)
  const consumedSeconds = elapsed()
  await stopsGrowing(buffer)
  clearInterval(watch)
  // Acknowledged is not buffered: the later of the two ends the ingest.
  const grew = timeline.findLast((row, n) => n > 0 && row.bytes > (timeline[n - 1]?.bytes ?? 0))?.second ?? 0
  const took = Math.max(consumedSeconds, grew)
  const notTaken = broker.held() * perMessage
  const readings = sent - notTaken
  return {
    sent,
    readings,
    notTaken,
    seconds: took,
    readingsPerSecond: readings / took,
    bestPerSecond: bestOf(timeline),
    cpuPerMillion: ((runner.cpu() - cpu) / readings) * 1e6,
    bufferBytesPerReading: bytesIn(buffer) / readings,
  }
}

/** The peer takes what the broker still holds; so long without progress is a stall. */
async function takeRest(broker: Broker): Promise<void> {
  const { ticks } = broker
  await until(() => broker.ticks >= ticks + 2, 6000, 20)
  let seen = -1
  for (let idle = 0; broker.held() > 0 && idle < IDLE_SECONDS_MAX; await sleep(1000)) {
    idle = broker.consumed === seen ? idle + 1 : 0
    seen = broker.consumed
  }
}

async function stopsGrowing(buffer: string): Promise<void> {
  for (let bytes = -1, tries = 0; bytes !== bytesIn(buffer) && tries < 20; tries++) {
    bytes = bytesIn(buffer)
    await sleep(1000)
  }
}

function bestOf(timeline: readonly { second: number; taken: number }[]): number {
  const windows = timeline.slice(BEST_SECONDS).map((row, n) => {
    const from = timeline[n] as { second: number; taken: number }
    return (row.taken - from.taken) / (row.second - from.second)
  })
  return Math.max(0, ...windows)
}

async function drain(options: DrillOptions, runner: Runner, sent: number): Promise<DrillResult['drain']> {
  const cpu = runner.cpu()
  const kafka = await startDrillKafka(options.port + 10)
  try {
    const began = performance.now()
    const steps: { ms: number; records: number; cpu: number }[] = []
    let progressAt = began
    while (performance.now() - progressAt < DRAIN_IDLE_MS && performance.now() - began < DRAIN_MS_MAX && runner.isRunning()) {
      await sleep(250)
      const records = await kafka.end()
      if (records > (steps.at(-1)?.records ?? 0)) {
        progressAt = performance.now()
        steps.push({ ms: progressAt - began, records, cpu: runner.cpu() })
      }
      if (records >= sent && performance.now() - progressAt > SETTLE_MS) break
    }
    const counted = await kafka.count(options.peer, sent)
    const [first, last] = [steps[0], steps.at(-1)]
    const seconds = first && last ? (last.ms - first.ms) / 1000 : 0
    const found = counted.readings + counted.duplicates
    // The first step may already hold many: only what came after it was timed.
    const timed = first && last ? found * (1 - first.records / last.records) : 0
    return {
      ...counted,
      readingsPerSecond: seconds > 0 ? timed / seconds : 0,
      cpuPerMillion: (((last?.cpu ?? cpu) - cpu) / found) * 1e6,
    }
  } finally {
    await kafka.stop()
  }
}

/** Bytes that a folder takes on the disk. */
function bytesIn(path: string): number {
  const entry = lstatSync(path, { throwIfNoEntry: false })
  if (!entry) return 0
  if (!entry.isDirectory()) return entry.blocks * 512
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0)
}
