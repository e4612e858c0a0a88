// The sources at work, by the settings: one thread for each protocol, one ingest for each source.
//
//   protocol thread ─batch─► source ─► ingest ─append─► log
//
// A change of the settings ends the sources that are no more or are another now, and begins the new ones; the others do not notice.
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogWriter } from './core/log.ts'
import type { Settings, SourceSettings } from './core/settings.ts'
import type { Logger, Source } from './core/source.ts'
import { SMALL_BATCHES_IN_FLIGHT_MAX } from './core/bounds.ts'
import type { AgentClock } from './machine/clock.ts'
import { ingest } from './pipeline/ingest.ts'
import type { Live } from './pipeline/live.ts'
import type { Tally } from './pipeline/tally.ts'
import { createTally } from './pipeline/tally.ts'
import { protocols } from './sources/index.ts'
import type { ProtocolHost } from './workers/protocol-host.ts'
import { protocolHost } from './workers/protocol-host.ts'

export interface IntakeSource {
  readonly name: string
  readonly protocol: string
  readonly host: ProtocolHost
  readonly source: Source
  readonly tally: Tally
}

export interface Intake {
  /** In the order of the settings. */
  sources(): readonly IntakeSource[]
  change(sources: readonly SourceSettings[]): Promise<void>
  /** Sources hand out what they hold; resolves when all of it is in the log. */
  stop(): Promise<void>
}

export interface IntakeParts {
  readonly log: LogWriter
  readonly clock: AgentClock
  readonly live: Live
  readonly dir: string
  readonly logger: Logger
}

interface RunningHost {
  readonly host: ProtocolHost
  readonly stop: AbortController
  readonly ended: Promise<void>
}

const ENDS_MS_MAX = 2_000

const workerOf = (protocol: string) => (protocols[protocol] as NonNullable<(typeof protocols)[string]>).worker
const byWorkerOf = (sources: readonly SourceSettings[]) => Map.groupBy(sources, (it) => workerOf(it.protocol))

export function openIntake(settings: Settings, { log, clock, live, dir, logger }: IntakeParts): Intake {
  const hosts = new Map<string, RunningHost>()
  const ingests = new Map<string, { readonly source: Source; readonly end: Promise<void> }>()
  const tallies = new Map<string, Tally>()
  const sourcesEnded = new AbortController()
  const commitEveryMs = Math.min(...settings.classes.map((it) => it.commitEveryMs))
  let wanted = settings.sources

  function begin(worker: string, sources: readonly SourceSettings[]): void {
    const data = { sources, dir, device: settings.device.id, commitEveryMs, cell: clock.cell }
    const host = protocolHost(worker, data, log, logger, Math.random)
    const stop = new AbortController()
    hosts.set(worker, { host, stop, ended: host.run(stop.signal) })
  }

  async function end(worker: string): Promise<void> {
    const running = hosts.get(worker)
    running?.stop.abort()
    await running?.ended
    hosts.delete(worker)
  }

  const sourceOf = ({ name, protocol }: SourceSettings) => hosts.get(workerOf(protocol))?.host.sources.get(name) as Source

  /** An ingest for each source that has none, and an end of those whose source has ended. */
  async function follow(): Promise<void> {
    const gone = [...ingests].filter(([name, it]) => !wanted.some((one) => one.name === name && sourceOf(one) === it.source))
    // What waits for room in a log that gives nothing up goes in when there is room: nobody waits for that.
    if (gone.length > 0)
      await Promise.race([Promise.all(gone.map(([, it]) => it.end)), sleep(ENDS_MS_MAX, undefined, { ref: false })])
    for (const [name] of gone) {
      ingests.delete(name)
      live.forget(name)
    }
    for (const name of tallies.keys()) if (!wanted.some((it) => it.name === name)) tallies.delete(name)
    for (const it of wanted) if (!ingests.has(it.name)) start(it.name, sourceOf(it))
  }

  function start(name: string, source: Source): void {
    const tally = tallies.get(name) ?? createTally(clock.monotonic)
    tallies.set(name, tally)
    const taken: Parameters<typeof ingest>[2] = (batch) => {
      tally.add(batch.count, batch.received)
      // What goes in late is of a source that is no more.
      if (ingests.get(name)?.source === source) live.take(name, batch)
    }
    ingests.set(name, { source, end: ingest(source, log, taken, sourcesEnded.signal, SMALL_BATCHES_IN_FLIGHT_MAX) })
  }

  for (const [worker, sources] of byWorkerOf(wanted)) begin(worker, sources)
  for (const it of wanted) start(it.name, sourceOf(it))

  return {
    sources: () =>
      wanted.flatMap((it) => {
        const host = hosts.get(workerOf(it.protocol))?.host
        const source = host?.sources.get(it.name)
        // In the middle of a change it may have ended already.
        return host && source
          ? [{ name: it.name, protocol: it.protocol, host, source, tally: tallies.get(it.name) as Tally }]
          : []
      }),
    async change(sources) {
      const groups = byWorkerOf(sources)
      for (const worker of hosts.keys()) {
        const group = groups.get(worker)
        if (group) await hosts.get(worker)?.host.change(group)
        else await end(worker)
      }
      for (const [worker, group] of groups) if (!hosts.has(worker)) begin(worker, group)
      wanted = sources
      await follow()
    },
    async stop() {
      await Promise.allSettled([...hosts.keys()].map(end))
      sourcesEnded.abort()
      await Promise.allSettled([...ingests.values()].map((it) => it.end))
    },
  }
}
