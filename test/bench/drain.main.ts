// Drains a log into Kafka by the route that the agent has, threads and all, and says how it went; or sends small transactions one after another.
// Started by drain.ts.   DIR BOOTSTRAP CLIENT|blocks|warm DEVICE READINGS   ·   live BOOTSTRAP CLIENT DEVICE SECONDS
import { openFor, NEVER } from '../uplinks/kafka/cluster.ts'
import type { Client } from '../uplinks/kafka/cluster.ts'
import { batchOf, doubles, positionOf, rawStream } from '../uplinks/kafka/slices.ts'
import { forwarding } from './forwarding.ts'
import { quantile } from './lines.ts'
import { openBenchLog } from './log.ts'

const [what = '', bootstrap = '', client = '', device = '', much = ''] = process.argv.slice(2)
const LIVE_READINGS = 100
const WARM_COMMITS = 50
const LOOK_MS = 5

async function drained(dir: string, readings: number): Promise<object> {
  const log = await openBenchLog(dir)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const { report, stop } = forwarding(log, { bootstrap, client, device })
  while (report.readings < readings) await new Promise((done) => setTimeout(done, LOOK_MS))
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  // The checkpoint that says that all is there.
  while (report.lane.live + report.lane.backlog < readings || (await log.figures()).classes.some((it) => it.stored > 0))
    await new Promise((done) => setTimeout(done, 100))
  await new Promise((done) => setTimeout(done, 3_000))
  await stop()
  return { readings: report.readings, seconds, cpuSeconds: (user + system) / 1e6, transactions: report.transactions }
}

/** One transaction after the other, each as soon as the one before is committed. */
async function live(seconds: number): Promise<object> {
  const stream = rawStream(device)
  const uplink = await openFor(bootstrap, device, { client: client as Client })
  await uplink.position(NEVER)
  const took: number[] = []
  let cpu = process.cpuUsage()
  let begun = performance.now()
  for (let n = 0; performance.now() - begun < seconds * 1000; n++) {
    if (n === WARM_COMMITS) {
      took.length = 0
      cpu = process.cpuUsage()
      begun = performance.now()
    }
    const batch = batchOf(doubles(stream, n * LIVE_READINGS, LIVE_READINGS))
    const from = performance.now()
    await uplink.send(batch, positionOf(n + 1, stream, (n + 1) * LIVE_READINGS), NEVER)
    took.push(performance.now() - from)
  }
  const { user, system } = process.cpuUsage(cpu)
  await uplink.close()
  return {
    commitsPerSecond: (took.length * 1000) / (performance.now() - begun),
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    cpuSecondsPerCommit: (user + system) / 1e6 / took.length,
  }
}

process.stdout.write(JSON.stringify(what === 'live' ? await live(Number(much)) : await drained(what, Number(much))))
process.exit(0)
