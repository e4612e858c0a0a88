// A log forwarded into Kafka by the route that the agent has, threads and all.
import type { ForwardReport } from '../../src/pipeline/forward-report.ts'
import { newReport } from '../../src/pipeline/forward-report.ts'
import { forward } from '../../src/pipeline/forward.ts'
import { kafkaSettingsSchema } from '../../src/uplinks/kafka/settings.ts'
import { systemClock } from '../../src/workers/clock.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { uplinkHost } from '../../src/workers/uplink-host.ts'
import { TOPICS } from '../kafka/broker.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

interface Destination {
  readonly bootstrap: string
  /** direct or kafkajs, or `blocks` by direct; its topics begin with this name. Any other is direct. */
  readonly client: string
  readonly device: string
}

export function forwarding(
  log: OpenLog,
  { bootstrap, client, device }: Destination,
): { readonly report: ForwardReport; stop(): Promise<void> } {
  const topics = Object.fromEntries(Object.entries(TOPICS).map(([role, name]) => [role, `${client}.${name}`]))
  const records = client === 'blocks' ? 'blocks' : 'readings'
  const access = { brokers: [bootstrap], insecure: 'loopback of a benchmark', topics }
  const parsed = kafkaSettingsSchema.parse({ ...access, client: client === 'kafkajs' ? client : 'direct' })
  const host = uplinkHost({ name: 'kafka', kind: 'kafka', settings: parsed, device, site: 'plant-1', records }, SILENT)
  const report = newReport()
  const stop = new AbortController()
  const over = forward(
    {
      uplink: 'kafka',
      admission: { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) },
      open: host.open,
      log: log.reader,
      clock: systemClock(),
      random: Math.random,
      lanes: { liveShare: 0.3, backlog: 'oldest-first', records },
      failed: (error) => void process.stderr.write(`${String(error)}\n`),
    },
    report,
    stop.signal,
  )
  return {
    report,
    async stop() {
      stop.abort()
      await over
    },
  }
}
