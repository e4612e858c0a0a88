// The uplinks at work, by the settings: a thread and a forward for each, the links that they take, and whose turn it is.
//
//   log ─next─► forward ─send─► uplink thread ─► Kafka
//               ◄── admission: links, windows, budgets, failover
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { QueryRow } from './core/agent-api.ts'
import type { CommandPlace, CommandReader } from './core/cloud-command.ts'
import { Unreachable } from './core/errors.ts'
import type { UplinkView } from './core/links.ts'
import type { Settings, UplinkSettings } from './core/settings.ts'
import { feedsOf } from './core/settings.ts'
import type { Logger, TestStep } from './core/source.ts'
import { openBudgetFile } from './machine/budget-file.ts'
import type { AgentClock } from './machine/clock.ts'
import { bootId } from './machine/clock-boot.ts'
import { machineInterfaces } from './machine/interfaces.ts'
import { createEta, openNumbers } from './pipeline/eta.ts'
import { createFailover } from './pipeline/failover.ts'
import { hasRival, newReport } from './pipeline/forward-report.ts'
import { feedLag, feedReader, isFeedsOnly, newFeed } from './pipeline/feed.ts'
import { forward } from './pipeline/forward.ts'
import { admittedRows } from './pipeline/links/admitted-rows.ts'
import type { UplinkAdmission } from './pipeline/links/admission.ts'
import { uplinkAdmission } from './pipeline/links/admission.ts'
import { commandReaders } from './pipeline/links/command-readers.ts'
import type { Links } from './pipeline/links/links.ts'
import { openLinks } from './pipeline/links/links.ts'
import { createUntold } from './pipeline/links/metering.ts'
import { uplinkView } from './pipeline/links/view.ts'
import type { Parts } from './pipeline/report.ts'
import { serves } from './pipeline/report.ts'
import { createTally } from './pipeline/tally.ts'
import type { OpenLog } from './workers/open-log.ts'
import type { UplinkHost } from './workers/uplink-host.ts'
import { uplinkHost } from './workers/uplink-host.ts'

export interface Delivery extends Pick<Parts, 'uplinks' | 'turn'> {
  /** Interfaces, windows and budgets as they are now. */
  look(): void
  views(): readonly UplinkView[]
  /** Undefined: there is none of that name. */
  test(name: string, signal: AbortSignal): AsyncIterable<TestStep> | undefined
  /** Commands that an uplink brings, by the first link that is up and within its budget: closed when that is another one. Rejects with Unreachable. */
  commands(name: string, from: CommandPlace | undefined): Promise<CommandReader>
  /** Rows once more, to a topic of an uplink, as long as its windows, links and budget let readings go. Rejects with Unreachable, or with BadInput where they never will. */
  replay(name: string, topic: string, rows: AsyncIterable<QueryRow>, signal: AbortSignal): Promise<number>
  /** What uplinks have not got yet, for their time until they have caught up. */
  foretell(): Promise<void>
  /** Nothing new is sent: resolves when the last transaction is done or has failed. */
  end(): Promise<void>
  /** Threads and counters; what still runs fails. */
  close(): Promise<void>
}

/** Once its thread has gone, a forward has this long to notice. */
const ENDS_MS_MAX = 5_000

export function openDelivery(settings: Settings, log: OpenLog, clock: AgentClock, dir: string, logger: Logger): Delivery {
  const links = linksOf(settings, dir, clock)
  const feeds = feedsOf(settings.uplinks)
  const uplinks = settings.uplinks.map((it) => {
    const report = newReport()
    return {
      name: it.name,
      host: hostOf(settings, it, clock, dir, logger),
      report,
      tally: createTally(clock.monotonic),
      eta: createEta(clock.monotonic),
      untold: createUntold(),
      hasRival: () => hasRival(report, clock),
      admission: admissionOf(settings, it, links, clock),
      lanes: it,
      ...(feeds.has(it.name) && { feed: newFeed(), lagOf: feedLag(clock.monotonic) }),
    }
  })
  const keepers = uplinks.filter((it) => !it.feed)
  const failover = createFailover({ ...settings, uplinks: keepers, clock })
  const anyOf = { classes: failover.classes, uplinks: keepers.map((it) => it.name) }
  const isAlone = (name: string) => isFeedsOnly(settings.delivery[name], feeds)
  const stop = new AbortController()
  const forwards = uplinks.map(({ name, host, report, lanes, admission, feed, untold }) =>
    forward(
      {
        uplink: name,
        admission: feed ? admission : failover.admission(name),
        ...(!feed && { anyOf }),
        open: host.open,
        carried: host.carried,
        untold,
        log: feed ? feedReader(log.reader, feed, isAlone) : log.reader,
        lanes,
        clock,
        random: Math.random,
        failed: (error, waitMs) => {
          const fields = { uplink: name, waitMs: Math.round(waitMs), code: (error as { code?: string }).code }
          logger.warn(fields, (error as Error).message)
        },
      },
      report,
      stop.signal,
    ),
  )
  const ended = Promise.allSettled(forwards).then(() => {})

  function uplinkOf(name: string) {
    const found = uplinks.find((it) => it.name === name)
    if (!found) throw new Unreachable('uplink-gone', `the settings have no uplink ${name}`)
    return found
  }

  const readers = commandReaders({
    way: (name) => uplinkOf(name).admission.testRoute(),
    open: (name, from, route) => uplinkOf(name).host.commands(from, route),
  })

  return {
    uplinks,
    turn: failover.turn,
    look() {
      links.look()
      readers.look()
    },
    views() {
      links.look()
      return uplinks.map((it) => uplinkView(it.name, it.admission, it.report))
    },
    test(name, signal) {
      const found = uplinks.find((it) => it.name === name)
      return found && testUplink(found, signal)
    },
    commands: readers.open,
    async replay(name, topic, rows, signal) {
      const { host, admission, untold } = uplinkOf(name)
      const admitted = admittedRows(rows, admission, { carried: host.carried, untold }, signal)
      try {
        return await host.replay(topic, admitted.rows, admitted.route, signal)
      } catch (error) {
        throw admitted.why() ?? error
      } finally {
        await admitted.close()
      }
    },
    async foretell() {
      const heads = await log.reader.heads()
      for (const { name, report, eta, feed, lagOf } of uplinks) {
        const mine = settings.classes.map((it) => it.name).filter((it) => serves(name, settings.delivery[it] ?? 'all-uplinks'))
        const inTurn = feed ? mine : mine.filter((it) => (failover.turn(it)?.holder ?? name) === name)
        const open = openNumbers(heads, report.delivered, inTurn)
        eta.add(report.state === 'up' ? open : undefined)
        if (feed && report.delivered.size > 0) feed.lag = lagOf?.(heads, report.delivered, mine)
      }
    },
    async end() {
      stop.abort()
      await ended
    },
    async close() {
      stop.abort()
      await Promise.all(uplinks.map((it) => it.host.close()))
      await Promise.race([ended, sleep(ENDS_MS_MAX, undefined, { ref: false })])
      await links.close()
    },
  }
}

function hostOf(
  { device, classes, delivery }: Settings,
  uplink: UplinkSettings,
  clock: AgentClock,
  dir: string,
  logger: Logger,
): UplinkHost {
  const { name, kind, settings, records, encoding } = uplink
  const cacheDir = join(dir, 'cache')
  const names = classes.map((it) => it.name)
  const served = names.filter((it) => serves(name, delivery[it] ?? 'all-uplinks'))
  const about = { name, kind, settings, records, encoding, device: device.id, site: device.site, cacheDir, classes: names }
  return uplinkHost({ ...about, served, cell: clock.cell }, logger)
}

function linksOf({ uplinks }: Settings, dir: string, clock: AgentClock): Links {
  const file = openBudgetFile(dir)
  const interfaces = machineInterfaces()
  return openLinks(uplinks, { ...interfaces, ...file, boot: bootId(), now: () => clock.now(), monotonic: clock.monotonic })
}

/** Classes that are none of an uplink's business are never sent to it. */
function admissionOf({ classes, delivery }: Settings, uplink: UplinkSettings, links: Links, clock: AgentClock): UplinkAdmission {
  return uplinkAdmission({
    uplink,
    classes: classes.map((it) => it.name),
    serves: (name) => serves(uplink.name, delivery[name] ?? 'all-uplinks'),
    links,
    now: () => clock.now(),
  })
}

/** By the link that a connection would take; a test is worth some kilobytes of any budget, but not of one that is spent. */
async function* testUplink(
  { host, admission }: { host: UplinkHost; admission: UplinkAdmission },
  signal: AbortSignal,
): AsyncIterable<TestStep> {
  const way = admission.testRoute()
  if (way === 'any') return yield* host.test(signal)
  if ('code' in way) return yield { step: 'link', ok: false, detail: `no link can be used: ${way.text}` }
  yield { step: 'link', ok: true, detail: `${way.link}, from ${way.localAddress}` }
  yield* host.test(signal, way)
}
