// P4: days offline at 1,000 readings a second into the log alone: bytes and seconds, then opening that log, then draining it for nobody; with
// --kafka into a real Kafka, exactly once, to the last reading.
//
//   node test/bench/offline.ts [--days 1] [--drain 60] [--kafka [--verify]] [--data DIR] [--json]
//
// 1,000 tags on 20 devices, once a second, each playing recorded values from a place of its own. The readings come as fast as the log takes
// them, with the times of a day: blocks are then fuller before they are sealed than they would be in a day, sealed ones are the same.
// A week is 7 × 86,400,000; with fewer days its figure is that of those days, scaled, and says so. `--drain`: seconds of draining for nobody at most. `--verify` reads back what
// Kafka has of it, every reading: that takes as long again.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { ReadingBatch } from '../../src/core/batch.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { verifyTopics } from '../../src/uplinks/kafka/verify/index.ts'
import { adminOf, createLed, startBroker, TOPICS } from '../kafka/broker.ts'
import { forwarding } from './forwarding.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'
import type { Plant } from './log.ts'
import { appendAll, drain, openBenchLog, recordedPlant, sizesOf } from './log.ts'

const { values: options } = parseArgs({
  options: {
    days: { type: 'string', default: '1' },
    drain: { type: 'string', default: '60' },
    kafka: { type: 'boolean', default: false },
    verify: { type: 'boolean', default: false },
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const DAYS = Number(options.days)
const TAGS = 1_000
const SECONDS = Math.round(DAYS * 86_400)
const BATCH_SECONDS = 10
const T0 = 1_767_225_600_000_000
const WEEK = 7 * 86_400 * TAGS
const BYTES_MAX = Math.max(2e9, DAYS * 1e9)
const PARTITIONS = 12
const PORT = 28_840
const LOOK_MS = 200
const SAY_MS = 30_000
const DRAIN_MINUTES_MAX = 40
const note = noter('offline')

function* batches(plant: Plant, begun: number): Generator<ReadingBatch> {
  let said = begun
  for (let second = 0; second < SECONDS; second += BATCH_SECONDS) {
    plant.add(second, Math.min(BATCH_SECONDS, SECONDS - second))
    yield plant.builder.take(plant.timeOf(second + BATCH_SECONDS) + 20_000)
    if (performance.now() - said < 15_000) continue
    said = performance.now()
    note(`${whole(second * TAGS)} readings after ${((said - begun) / 1000).toFixed(0)} s`)
  }
}

async function firstAcknowledged(dir: string): Promise<{ ms: number; log: OpenLog }> {
  const begun = performance.now()
  const log = await openBenchLog(dir, { bytesMax: BYTES_MAX })
  const plant = recordedPlant(1, T0, options.data)
  plant.add(SECONDS, 1)
  const appended = log.writer.append(plant.builder.take(plant.timeOf(SECONDS)))
  log.writer.hurry()
  await appended
  return { ms: performance.now() - begun, log }
}

async function drained(log: OpenLog): Promise<{ readings: number; seconds: number }> {
  await log.reader.restart('kafka', 'none')
  const begun = performance.now()
  const end = begun + Number(options.drain) * 1000
  const readings = await drain(log, () => performance.now() > end)
  return { readings, seconds: (performance.now() - begun) / 1000 }
}

/** Of `readings` until the last is committed. */
async function intoKafka(log: OpenLog, readings: number): Promise<Line[]> {
  // Its readings are of January: the broker would throw them away.
  const broker = await startBroker({ portFrom: PORT, properties: () => ({ 'log.retention.ms': '-1' }) })
  const topics = Object.fromEntries(Object.entries(TOPICS).map(([role, name]) => [role, `direct.${name}`]))
  try {
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    await createLed(
      admin,
      Object.values(topics).map((topic) => ({ topic, numPartitions: PARTITIONS })),
    )
    await admin.disconnect()
    const cpu = process.cpuUsage()
    const begun = performance.now()
    const { report, stop } = forwarding(log, { bootstrap: broker.bootstrap, client: 'direct', device: 'box-1' })
    const gone = () => report.lane.live + report.lane.backlog
    for (let said = begun; gone() < readings; await sleep(LOOK_MS)) {
      const now = performance.now()
      if (now - said < SAY_MS) continue
      said = now
      const left = ((now - begun) / gone()) * (readings - gone())
      note(
        `${whole(gone())} readings are in Kafka after ${((now - begun) / 60_000).toFixed(1)} min, ${(left / 60_000).toFixed(1)} min to go`,
      )
    }
    const minutes = (performance.now() - begun) / 60_000
    const { user, system } = process.cpuUsage(cpu)
    await stop()
    const account = (await log.figures()).classes[0]
    note(`${report.transactions} transactions; ${JSON.stringify(account)}`)
    if (account?.stored !== 0 || account.delivered !== readings) throw new Error('not all of it is delivered')
    if (options.verify) await verified(broker.bootstrap, topics as typeof TOPICS, readings)
    const scaled = DAYS === 7 ? '' : `, from ${DAYS} days`
    return [
      line('P4', `${DAYS} days drained into Kafka, exactly once`, 'readings/s', readings / minutes / 60),
      line('P4', `a week drained into Kafka${scaled}`, 'min', (WEEK / readings) * minutes, [
        DRAIN_MINUTES_MAX,
        'the bound of 40 min',
      ]),
      line('P4', "drained into Kafka, CPU with the log's", 's per million', (user + system) / readings),
    ]
  } finally {
    await broker.down()
  }
}

async function verified(bootstrap: string, topics: typeof TOPICS, readings: number): Promise<void> {
  const report = await verifyTopics({ brokers: [bootstrap], device: 'box-1', topics, signal: new AbortController().signal })
  note(`read back: ${JSON.stringify(report.totals)}`)
  if (!report.ok || report.totals.proven !== readings) throw new Error('Kafka does not have each reading once')
}

const dir = mkdtempSync(join(tmpdir(), 'hf-bench-offline-'))
note(machine())
try {
  const first = await openBenchLog(dir, { bytesMax: BYTES_MAX })
  const begun = performance.now()
  const readings = await appendAll(first, batches(recordedPlant(TAGS, T0, options.data), begun))
  const filled = (performance.now() - begun) / 1000
  await first.seal()
  const sealed = (performance.now() - begun) / 1000
  const account = (await first.figures()).classes[0]
  if (account?.stored !== readings) throw new Error(`of ${readings} readings the log has ${JSON.stringify(account)}`)
  await first.close()
  const sizes = sizesOf(dir)
  note(`${whole(readings)} readings: ${JSON.stringify(sizes)}`)
  const { ms, log } = await firstAcknowledged(dir)
  const into = options.kafka ? await intoKafka(log, readings + 1) : []
  const rate = options.kafka ? undefined : await drained(log)
  await log.close()
  const all = sizes.segments + sizes.journal + sizes.ballast + sizes.rest
  const week = (sizes.segments / readings) * WEEK + sizes.journal + sizes.ballast + sizes.rest
  const scaled = DAYS === 7 ? '' : `, from ${DAYS} days`
  const lines: Line[] = [
    line('P4', `${DAYS} days offline, all files`, 'bytes', all),
    line('P4', `${DAYS} days offline, all files`, 'bytes a reading', all / readings),
    line('P4', `a week offline${scaled}`, 'bytes', week, [2e9, 'the bound of 2 GB']),
    line('P4', `${DAYS} days, taken in`, 'readings/s', readings / filled),
    line('P4', `${DAYS} days, taken in and sealed`, 's', sealed),
    line('P4', 'opened, first reading acknowledged', 'ms', ms, [5_000, 'the bound of 5 s']),
    ...into,
  ]
  if (rate)
    lines.push(
      line('P4', 'drained for nobody', 'readings/s', rate.readings / rate.seconds),
      line('P4', `a week drained for nobody${scaled}`, 's', (WEEK * rate.seconds) / rate.readings),
    )
  print(lines, options.json)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
process.exit(0)
