// The data path, in the foreground.
//
//   protocol threads ─batch─► ingest ─append─► log (writer, keeper threads) ─next─► forward ─send─► uplink threads ─► Kafka
//          ▲───────────durable──────┘                                  ◄──offer, commit──┘
//   view.sock, operate.sock ◄── status, query, tests
//
// SIGTERM: sources stop, the open group commit is written, the uplinks are left to their next start; all within 5 s.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { airgapApi } from './airgap/give.ts'
import { EXPORT_KEY_FILE, ownSigningKey } from './airgap/keys.ts'
import type { AgentApi } from './core/agent-api.ts'
import { SMALL_BATCHES_IN_FLIGHT_MAX } from './core/bounds.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import type { SettingsApi, WatchApi } from './core/operator.ts'
import type { Settings, UplinkSettings } from './core/settings.ts'
import type { Logger, TestStep } from './core/source.ts'
import type { ClassStatus } from './core/status.ts'
import { serveLocalApi } from './local-api/server.ts'
import { takeLock } from './log/lock.ts'
import { spaceOf } from './log/space.ts'
import type { AgentClock } from './machine/clock.ts'
import { openClock } from './machine/clock.ts'
import { openBudgetFile } from './machine/budget-file.ts'
import { bootId } from './machine/clock-boot.ts'
import { machineClock } from './machine/clock-parts.ts'
import { bytesWrittenPerDay, hostWatch } from './machine/host.ts'
import { machineInterfaces } from './machine/interfaces.ts'
import { openLogger } from './machine/logger.ts'
import { keepHeapsSmall } from './machine/memory.ts'
import { createFailover } from './pipeline/failover.ts'
import { createEta, openNumbers } from './pipeline/eta.ts'
import { hasRival, newReport } from './pipeline/forward-report.ts'
import { forward } from './pipeline/forward.ts'
import { ingest } from './pipeline/ingest.ts'
import type { Parts } from './pipeline/report.ts'
import { serves, statusOf } from './pipeline/report.ts'
import { createTally } from './pipeline/tally.ts'
import { forecast } from './retention/forecast.ts'
import type { UplinkAdmission } from './pipeline/links/admission.ts'
import { uplinkAdmission } from './pipeline/links/admission.ts'
import type { Links } from './pipeline/links/links.ts'
import { openLinks } from './pipeline/links/links.ts'
import { uplinkView } from './pipeline/links/view.ts'
import { deviceIdentity } from './settings/identity.ts'
import type { CheckedSettings } from './settings/read.ts'
import { protocols } from './sources/index.ts'
import type { OpenLog } from './workers/open-log.ts'
import { openLog } from './workers/open-log.ts'
import type { ProtocolHost } from './workers/protocol-host.ts'
import { protocolHost } from './workers/protocol-host.ts'
import type { ForecastParts } from './pipeline/forecast-request.ts'
import { forecastRequest, withWhatIf } from './pipeline/forecast-request.ts'
import { query } from './pipeline/query.ts'
import { scanHost } from './workers/scan-host.ts'
import { readSettingsApart } from './workers/read-settings.ts'
import type { UplinkHost } from './workers/uplink-host.ts'
import { uplinkHost } from './workers/uplink-host.ts'

export interface AgentOptions {
  readonly settings: string
  readonly dir: string
  readonly values?: string
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The journal cannot be written or a thread of the log died: started again, the agent reads what is on disk. */
const EXIT_LOG_FAILED = 74
const STOP_MS_MAX = 4_500
const ENDS_MS_MAX = 3_000
const EXIT_STOPPED_LATE = 1

/** What uplinks have not got yet is looked at so often. */
const ETA_EVERY_MS = 2_000
/** The clock is looked at so often. */
const CLOCK_EVERY_MS = 1_000

/** Runs until the signal aborts. Resolves with the exit status. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<number> {
  keepHeapsSmall()
  const logger = await openLogger('agent', options.env['LOG_LEVEL'] ?? 'info')
  const logDir = join(options.dir, 'log')
  mkdirSync(logDir, { recursive: true })
  const checked = await readSettingsApart({
    file: options.settings,
    dir: options.dir,
    deviceId: await deviceIdentity(options.dir),
    env: options.env,
    ...(options.values === undefined ? {} : { valuesFile: options.values }),
  })
  for (const it of checked.notInForce) logger.warn({ path: it.path, line: it.line }, `not in force yet: ${it.text}`)
  const lock = takeLock(logDir, 'the agent')
  const clock = openClock(
    machineClock(options.dir, (error) => logger.warn({}, `the time cannot be saved: ${error.message}`)),
    (step) => log.clockStepped(step),
  )
  const log = await openLog(
    { ...writerOptions(logDir, checked.settings), clock: { cell: clock.cell, state: clock.current() } },
    (error) => {
      logger.fatal({ stack: error.stack, code: (error as { code?: string }).code }, `the log failed: ${error.message}`)
      process.exit(EXIT_LOG_FAILED)
    },
  )
  const links = linksOf(checked.settings, options.dir, clock)
  const ticking = setInterval(() => {
    watchClock(clock, logger)
    links.look()
  }, CLOCK_EVERY_MS)
  const agent = assemble(checked, log, links, clock, options, logger)
  const foretelling = setInterval(() => void agent.foretell().catch(() => {}), ETA_EVERY_MS)
  const api = await serveLocalApi(options.dir, agent.api, logger)
  logger.info({ device: checked.settings.device.id, dir: options.dir }, 'the agent is up')

  // Sources hand out what they hold when they are told to stop: ingest ends after them.
  const sourcesEnded = new AbortController()
  const hosts = Promise.allSettled(agent.hosts.map((it) => it.run(signal))).then(() => sourcesEnded.abort())
  const ends = [hosts, ...agent.ingests(sourcesEnded.signal), ...agent.forwards(signal)]
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  logger.info({}, 'stopping')
  clearInterval(ticking)
  clearInterval(foretelling)
  clock.save()
  const late = setTimeout(() => process.exit(EXIT_STOPPED_LATE), STOP_MS_MAX)
  // Whatever hangs, the log is closed in time: a stop without its mark would begin a new epoch at the next boot.
  await Promise.race([Promise.allSettled(ends), sleep(ENDS_MS_MAX, undefined, { ref: false })])
  const closed = await log.close().then(
    () => true,
    (error: unknown) => (logger.fatal({ stack: (error as Error).stack }, `the log failed: ${(error as Error).message}`), false),
  )
  await api.close()
  await links.close()
  lock.release()
  await Promise.all(agent.uplinkHosts.map((it) => it.close()))
  clearTimeout(late)
  logger.info({}, 'stopped')
  return closed ? 0 : EXIT_LOG_FAILED
}

function writerOptions(dir: string, { device, log, classes, delivery, uplinks }: Settings) {
  return {
    dir,
    device: device.id,
    bytesMax: log.bytesMax,
    commitBytes: log.commitBytes,
    commitEveryMinMs: log.commitEveryMinMs,
    keepDeliveredMs: log.keepDeliveredMs,
    classes,
    delivery,
    uplinks: uplinks.map((it) => it.name),
  }
}

/** A step is worth a line: whoever reads the records wonders about their times. */
function watchClock(clock: AgentClock, logger: Logger): void {
  const step = clock.check()
  if (step) logger.info({ offsetUs: step.offsetUs, trusted: step.trusted }, 'the clock stepped')
}

function linksOf({ uplinks }: Settings, dir: string, clock: AgentClock): Links {
  const file = openBudgetFile(dir)
  const interfaces = machineInterfaces()
  return openLinks(uplinks, { ...interfaces, ...file, boot: bootId(), now: () => clock.now(), monotonic: clock.monotonic })
}

function assemble(
  { settings, issues }: CheckedSettings,
  log: OpenLog,
  links: Links,
  clock: AgentClock,
  options: AgentOptions,
  logger: Logger,
) {
  const hosts = protocolHosts(settings, log, clock, options.dir, logger)
  const sources = settings.sources.map(({ name, protocol }) => {
    const host = hosts.get(workerOf(protocol)) as ProtocolHost
    return {
      name,
      protocol,
      host,
      source: host.sources.get(name) as NonNullable<ReturnType<typeof host.sources.get>>,
      tally: createTally(clock.monotonic),
    }
  })
  const uplinks = settings.uplinks.map((it) => {
    const host = uplinkHost(
      {
        name: it.name,
        kind: it.kind,
        settings: it.settings,
        device: settings.device.id,
        site: settings.device.site,
        records: it.records,
        encoding: it.encoding,
        cacheDir: join(options.dir, 'cache'),
        classes: settings.classes.map(({ name }) => name),
        cell: clock.cell,
      },
      logger,
    )
    const admission = admissionOf(settings, it, links, clock)
    const report = newReport()
    return {
      name: it.name,
      host,
      report,
      tally: createTally(clock.monotonic),
      eta: createEta(clock.monotonic),
      hasRival: () => hasRival(report, clock),
      admission,
      lanes: it,
    }
  })
  const failover = createFailover({ ...settings, uplinks, clock })
  const anyOf = { classes: failover.classes, uplinks: uplinks.map((it) => it.name) }
  const parts: Parts = {
    settings,
    version: options.version,
    startedAt: clock.now(),
    standingIssues: issues,
    sources,
    uplinks,
    turn: failover.turn,
  }
  const host = hostWatch(options.dir)
  const foretell = async (): Promise<void> => {
    const heads = await log.reader.heads()
    for (const { name, report, eta } of uplinks) {
      const mine = settings.classes.map((it) => it.name).filter((it) => serves(name, settings.delivery[it] ?? 'all-uplinks'))
      const inTurn = mine.filter((it) => (failover.turn(it)?.holder ?? name) === name)
      eta.add(report.state === 'up' ? openNumbers(heads, report.delivered, inTurn) : undefined)
    }
  }
  const rates = classRates(settings, clock.monotonic)
  void log.figures().then((it) => rates(it.classes))
  const api: AgentApi = {
    async status() {
      const [figures, machine] = await Promise.all([log.figures(), host()])
      for (const it of uplinks) it.tally.add(it.report.readings - it.tally.total, clock.now())
      return statusOf(parts, figures, machine, clock.status(), clock.now())
    },
    testSource: (name, signal) => named(sources, name, 'source').host.test(name, signal),
    browseSource: ({ name, ...request }, signal) => named(sources, name, 'source').host.browse(name, request, signal),
    trustSource: ({ name, ...request }, signal) => named(sources, name, 'source').host.trust(name, request, signal),
    scan: scanHost(settings.sources, logger),
    uplinks: async () => {
      links.look()
      return uplinks.map((it) => uplinkView(it.name, it.admission, it.report))
    },
    testUplink: (name, signal) => testUplink(named(uplinks, name, 'uplink'), signal),
    forecast: async (offlineMs, whatIf) =>
      forecast(forecastRequest(withWhatIf(await forecastParts(settings, log, rates), whatIf), offlineMs)),
    query: (request, signal) => query(request, log.query, signal),
    ...log.files,
    ...operatorApi(),
    ...airgapApi({
      log: log.airgap,
      key: () => ownSigningKey(join(options.dir, EXPORT_KEY_FILE)),
      device: settings.device.id,
      site: settings.device.site,
      clock,
      epoch: async () => (await log.figures()).epoch,
      settings: settings.export,
      exceptOf: (name) => (uplinks.some((it) => it.name === name) ? notServed(settings, name) : undefined),
    }),
  }
  return {
    api,
    foretell,
    hosts: [...hosts.values()],
    uplinkHosts: uplinks.map((it): UplinkHost => it.host),
    ingests: (signal: AbortSignal) =>
      sources.map(({ source, tally }) =>
        ingest(source, log.writer, (batch) => tally.add(batch.count, batch.received), signal, SMALL_BATCHES_IN_FLIGHT_MAX),
      ),
    forwards: (signal: AbortSignal) =>
      uplinks.map(({ name, host, report, lanes }) =>
        forward(
          {
            uplink: name,
            admission: failover.admission(name),
            anyOf,
            open: host.open,
            carried: host.carried,
            log: log.reader,
            lanes,
            clock,
            random: Math.random,
            failed: (error, waitMs) =>
              logger.warn(
                { uplink: name, waitMs: Math.round(waitMs), code: (error as { code?: string }).code },
                (error as Error).message,
              ),
          },
          report,
          signal,
        ),
      ),
  }
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

function notServed({ classes, delivery }: Settings, uplink: string): string[] {
  return classes.map((it) => it.name).filter((it) => !serves(uplink, delivery[it] ?? 'all-uplinks'))
}

/** Readings accepted a second, by class, since the agent began. */
function classRates({ classes }: Settings, monotonic: () => number) {
  const begun = monotonic()
  const first = new Map<string, number>()
  return (figures: readonly ClassStatus[]): ReadonlyMap<string, number> =>
    new Map(
      classes.map(({ name }) => {
        const accepted = figures.find((it) => it.name === name)?.accepted ?? 0
        if (!first.has(name)) first.set(name, accepted)
        return [name, ((accepted - (first.get(name) ?? 0)) * 1000) / Math.max(1000, monotonic() - begun)]
      }),
    )
}

async function forecastParts(settings: Settings, log: OpenLog, rates: ReturnType<typeof classRates>): Promise<ForecastParts> {
  const [state, figures, bands] = await Promise.all([log.state(), log.figures(), log.bands()])
  const { bytesMax } = settings.log
  const { segmentsBytesMax, segmentBytesMax } = spaceOf(bytesMax)
  return {
    bytesMax,
    blockBytesMax: segmentsBytesMax - segmentBytesMax,
    classes: state.classes,
    figures: figures.classes,
    bands,
    rates: rates(figures.classes),
    bytesWrittenPerDay: bytesWrittenPerDay(),
    flashEnduranceBytes: null,
  }
}

function operatorApi(): SettingsApi & WatchApi {
  const soon = (): never => {
    throw new Unreachable('not-built', 'not built yet')
  }
  return {
    settings: soon,
    settingsCheck: soon,
    settingsApply: soon,
    settingsConfirm: soon,
    settingsRevert: soon,
    settingsHistory: soon,
    settingsText: soon,
    secrets: soon,
    setSecret: soon,
    removeSecret: soon,
    live: soon,
    ledger: soon,
    logDays: soon,
  }
}

const workerOf = (protocol: string) => (protocols[protocol] as NonNullable<(typeof protocols)[string]>).worker

/** One thread for each protocol that a source needs. */
function protocolHosts(
  settings: Settings,
  log: OpenLog,
  clock: AgentClock,
  dir: string,
  logger: Logger,
): Map<string, ProtocolHost> {
  const byWorker = Map.groupBy(settings.sources, (it) => workerOf(it.protocol))
  const commitEveryMs = Math.min(...settings.classes.map((it) => it.commitEveryMs))
  return new Map(
    [...byWorker].map(([worker, sources]) => [
      worker,
      protocolHost(
        worker,
        { sources, dir, device: settings.device.id, commitEveryMs, cell: clock.cell },
        log.writer,
        logger,
        Math.random,
      ),
    ]),
  )
}

function named<T extends { readonly name: string }>(list: readonly T[], name: string, what: string): T {
  const found = list.find((it) => it.name === name)
  if (!found)
    throw new BadInput([
      {
        where: name,
        text: `there is no ${what} of this name`,
        remedy: `${what}s: ${list.map((it) => it.name).join(', ') || 'none'}`,
      },
    ])
  return found
}
