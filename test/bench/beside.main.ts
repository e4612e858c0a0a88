// Forwards a log with what it holds, and live readings that come meanwhile, and says how that went. Started by beside.ts.
//   DIR BOOTSTRAP CLIENT DEVICE BACKLOG LIVE SECONDS        LIVE: readings a second, 0 for none
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { ForwardReport } from '../../src/pipeline/forward-report.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { forwarding } from './forwarding.ts'
import { quantile } from './lines.ts'
import { openBenchLog } from './log.ts'

const [dir = '', bootstrap = '', client = '', device = '', ...numbers] = process.argv.slice(2)
const [backlog = 0, live = 0, seconds = 0] = numbers.map(Number)
const LIVE_EVERY_MS = 50
const WARM_MS = 2_000
const LOOK_MS = 2
const ARRIVED_MS_MAX = 60_000
const CONNECTED_MS_MAX = 60_000
/** The rest of a backlog is taken for its end: what comes then has nothing beside it. */
const END_SHARE = 0.95

interface Sent {
  /** Live readings up to this batch. */
  readonly upTo: number
  readonly appended: number
  durable: number
  arrived: number
}

async function until(what: () => boolean, ms: number, say: string): Promise<void> {
  for (const end = performance.now() + ms; !what(); await sleep(LOOK_MS)) if (performance.now() > end) throw new Error(say)
}

/** Appends as many as `live` says, until told to stop; each batch with when it was given, durable, and at the destination. */
function liveReadings(log: OpenLog, report: ForwardReport) {
  const builder = new BatchBuilder(newOrigin(0))
  const each = (live * LIVE_EVERY_MS) / 1000
  const series = Array.from({ length: each }, (_, n) => builder.series({ tag: `live/${n}`, class: 'process', kind: 'double' }))
  const sent: Sent[] = []
  let next = 0
  const looking = setInterval(() => {
    for (let it = sent[next]; it && report.lane.live >= it.upTo; it = sent[++next]) it.arrived = performance.now()
  }, LOOK_MS)
  const adding = setInterval(() => {
    for (const it of series) builder.add(it, Date.now() * 1000, Math.random())
    const it = { upTo: (sent.at(-1)?.upTo ?? 0) + each, appended: performance.now(), durable: Infinity, arrived: Infinity }
    sent.push(it)
    log.writer.append(builder.take(Date.now() * 1000)).then(
      () => (it.durable = performance.now()),
      (error: unknown) => {
        throw error
      },
    )
  }, LIVE_EVERY_MS)
  return {
    sent,
    async end(): Promise<void> {
      clearInterval(adding)
      await until(() => sent.every((it) => it.arrived < Infinity), ARRIVED_MS_MAX, 'live readings do not arrive')
      clearInterval(looking)
    },
  }
}

function latencies(sent: readonly Sent[]): object {
  const whole = sent.map((it) => it.arrived - it.appended)
  const sending = sent.map((it) => Math.max(0, it.arrived - it.durable))
  return {
    batches: sent.length,
    p50: quantile(whole, 0.5),
    p99: quantile(whole, 0.99),
    sendingP50: quantile(sending, 0.5),
    sendingP99: quantile(sending, 0.99),
  }
}

const log = await openBenchLog(dir)
const { report, stop } = forwarding(log, { bootstrap, client, device })
// Before its first transaction nothing is live.
await until(() => report.state === 'up' || report.transactions > 0, CONNECTED_MS_MAX, 'the uplink does not connect')
const readings = live > 0 ? liveReadings(log, report) : undefined
await sleep(WARM_MS)
const [from, begun] = [report.lane.backlog, performance.now()]
const isOver = () => performance.now() - begun > seconds * 1000 || (backlog > 0 && report.lane.backlog > backlog * END_SHARE)
while (!isOver()) await sleep(LOOK_MS)
const [to, ended] = [report.lane.backlog, performance.now()]
await readings?.end()
await stop()
const within = readings?.sent.filter((it) => it.appended > begun && it.appended < ended) ?? []
const result = { perSecond: ((to - from) / (ended - begun)) * 1000, seconds: (ended - begun) / 1000, ...latencies(within) }
process.stdout.write(JSON.stringify(result))
process.exit(0)
