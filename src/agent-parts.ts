// All that runs by one settings file: the log, the sources, the uplinks. A change touches what it is about:
//
//   classes, bounds, delivery, uplinks' names ─► the log is closed and opened again, and all with it: what is on disk stays
//   uplinks ─► the uplinks; each goes on from its position in the cluster
//   sources ─► those sources
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Delivery } from './agent-delivery.ts'
import { openDelivery } from './agent-delivery.ts'
import { openIntake } from './agent-intake.ts'
import { airgapLater, modelsLater } from './agent-later.ts'
import type { AgentApi, QueryRow } from './core/agent-api.ts'
import type { BackupApi } from './core/backup.ts'
import type { CommandPlace, CommandReader, CommandsApi, Control } from './core/cloud-command.ts'
import type { ClockState } from './core/clock.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import type { EventsOffer, LogEvents } from './core/events.ts'
import type { LogWriter } from './core/log.ts'
import { notifyClasses } from './core/notify.ts'
import type { SettingsApi } from './core/operator.ts'
import type { Settings } from './core/settings.ts'
import { feedsOf } from './core/settings.ts'
import type { Logger } from './core/source.ts'
import type { ClassStatus, Issue } from './core/status.ts'
import { createFollow } from './log/follow.ts'
import { spaceOf } from './log/space.ts'
import type { AgentClock } from './machine/clock.ts'
import { bytesWrittenPerDay, hostWatch } from './machine/host.ts'
import { openPorts } from './machine/open-ports.ts'
import { protocolCertificates } from './machine/protocol-certificates.ts'
import type { ForecastParts } from './pipeline/forecast-request.ts'
import { forecastRequest, withWhatIf } from './pipeline/forecast-request.ts'
import { createLive } from './pipeline/live.ts'
import { query } from './pipeline/query.ts'
import { serves, statusOf } from './pipeline/report.ts'
import { scorerSocket } from './models/socket.ts'
import { forecast } from './retention/forecast.ts'
import { windowsOf } from './retention/ladder.ts'
import type { CheckedSettings } from './settings/read.ts'
import type { OpenLog } from './workers/open-log.ts'
import { boxesHost } from './workers/boxes-host.ts'
import { openLog } from './workers/open-log.ts'
import type { LogThreads } from './workers/log-threads.ts'
import type { NotifyHost } from './workers/notify-host.ts'
import { notifyHost } from './workers/notify-host.ts'
import type { RulesHost } from './workers/rules-host.ts'
import { rulesHost } from './workers/rules-host.ts'
import { ruleTestHost } from './workers/rule-test-host.ts'
import { scanHost } from './workers/scan-host.ts'

export type Checked = Pick<CheckedSettings, 'settings' | 'issues'>

export interface AgentParts {
  readonly api: Omit<AgentApi, keyof SettingsApi | keyof BackupApi | keyof CommandsApi | 'issues'>
  readonly told: ForCommands
  clockStepped(state: ClockState): void
  /** Interfaces, windows and budgets as they are now. */
  look(): void
  foretell(): Promise<void>
  /** Resolves once the log's writer has answered; at once while other settings are being put in force. */
  logAnswers(): Promise<unknown>
  /** Rejects when the log cannot be opened by them: then nothing runs, and other settings may be given. */
  change(next: Checked): Promise<void>
  /** Sources, the open group commit, the clean-stop mark. Whether the log was closed well. */
  close(): Promise<boolean>
}

/** What commands from the cloud act on, whatever settings are in force. Each rejects with Unreachable while others are being put in force. */
export interface ForCommands {
  settings(): Settings
  read(uplink: string, from: CommandPlace | undefined): Promise<CommandReader>
  replay(uplink: string, topic: string, rows: AsyncIterable<QueryRow>, signal: AbortSignal): Promise<number>
  control(source: string): Control
  writer(): LogWriter
  takeAnswers(offer: LogEvents): Promise<number>
}

export interface AgentAround {
  readonly dir: string
  readonly version: string
  /** Keys whose add-on runs models. */
  readonly keyring: string
  readonly clock: AgentClock
  readonly logger: Logger
  /** The log cannot be written any more, or a thread of it died: the process must end. */
  logFailed(error: Error): void
  /** Beside those of the settings. */
  issues(): readonly Issue[]
}

/** What does not end by itself in this time is cut off. */
const ENDS_MS_MAX = 3_000

/** `threads` are those of the first log. */
export async function openParts(atFirst: Checked, around: AgentAround, threads?: LogThreads): Promise<AgentParts> {
  const { dir, clock, logger, version } = around
  const startedAt = clock.now()
  const live = createLive()
  const host = hostWatch(dir)
  const logDir = join(dir, 'log')
  let now = atFirst
  let log = await open(now.settings, threads)
  let intake = openIntake(now.settings, { log: log.writer, clock, live, dir, logger })
  let delivery = openDelivery(now.settings, log, clock, dir, logger)
  let boxes = openBoxes(now.settings)
  let rules = openRules(now.settings)
  let notify = openNotify(now.settings)
  let rates = ratesOf(now.settings, log)
  let ruling: Promise<void> = Promise.resolve()
  /** Without a log nothing can be asked. */
  let isClosed = false
  let isLogOpen = true
  let isEnding = false
  /** The change that closed and opens it. */
  let changing: Promise<unknown> = Promise.resolve()

  function open(settings: Settings, by?: LogThreads): Promise<OpenLog> {
    const options = { ...writerOptions(logDir, settings), clock: { cell: clock.cell, state: clock.current() } }
    return openLog(options, (error) => around.logFailed(error), by)
  }

  /** Where other boxes come in. */
  function openBoxes(settings: Settings) {
    return settings.boxes && boxesHost(settings.boxes, log.boxes, clock, logger)
  }

  /** Nobody waits for them: they read what is in the log. */
  function openRules(settings: Settings): RulesHost | undefined {
    if (settings.rules.length === 0) return undefined
    return rulesHost({ rules: settings.rules, cell: clock.cell, models: modelsOf(settings) }, log.rules, logger)
  }

  function modelsOf({ models }: Settings) {
    return models && { ...models, socket: scorerSocket(dir) }
  }

  /** They wait for nobody either. */
  function openNotify(settings: Settings): NotifyHost | undefined {
    if (settings.notify.length === 0) return undefined
    const { id: device, site } = settings.device
    const notifiers = settings.notify.map((it) => ({ ...it, reads: notifyClasses(it.on, settings.rules) }))
    return notifyHost({ notifiers, device, site, cell: clock.cell }, log.follow, log.notify, logger)
  }

  function ratesOf(settings: Settings, of: OpenLog) {
    const made = classRates(settings, clock.monotonic)
    // A log that is closed at once has none.
    of.figures().then(
      (it) => made(it.classes),
      () => {},
    )
    return made
  }

  /** What is under way ends; whatever hangs is cut off in time. */
  async function stop(): Promise<void> {
    await Promise.race([
      Promise.allSettled([intake.stop(), delivery.end(), boxes?.close(), rerule(), notify?.stop()]),
      sleep(ENDS_MS_MAX, undefined, { ref: false }),
    ])
  }

  async function reopen(next: Checked): Promise<void> {
    isClosed = true
    await stop()
    await delivery.close()
    await log.close()
    isLogOpen = false
    await begin(next)
  }

  /** Whoever ends meanwhile closes what is open then: the next start is by these settings. */
  async function begin(next: Checked): Promise<void> {
    if (isEnding) return
    log = await open(next.settings)
    isLogOpen = true
    if (isEnding) return
    for (const it of now.settings.sources) live.forget(it.name)
    now = next
    intake = openIntake(next.settings, { log: log.writer, clock, live, dir, logger })
    delivery = openDelivery(next.settings, log, clock, dir, logger)
    boxes = openBoxes(next.settings)
    notify = openNotify(next.settings)
    rates = ratesOf(next.settings, log)
    isClosed = false
    await rerule()
  }

  /** Whatever hangs, it is closed in time: a stop without its mark would begin a new epoch at the next boot. */
  async function closeLog(): Promise<boolean> {
    try {
      await log.close()
      return true
    } catch (error) {
      logger.error({ stack: (error as Error).stack }, `the log failed: ${(error as Error).message}`)
      return false
    }
  }

  async function redeliver(next: Checked): Promise<void> {
    await Promise.race([delivery.end(), sleep(ENDS_MS_MAX, undefined, { ref: false })])
    await delivery.close()
    delivery = openDelivery(next.settings, log, clock, dir, logger)
  }

  /** By the settings as they are when its turn comes, one after another: of two rules' threads each would say every event. */
  function rerule(): Promise<void> {
    ruling = ruling
      .catch(() => {})
      .then(async () => {
        await rules?.stop()
        rules = isClosed || isEnding ? undefined : openRules(now.settings)
      })
    return ruling
  }

  async function renotify(next: Checked): Promise<void> {
    await notify?.stop()
    notify = openNotify(next.settings)
  }

  const openedLog = (): OpenLog => {
    if (!isClosed) return log
    throw new Unreachable('agent-restarting', 'new settings are being put in force', { remedy: 'Try again in a few seconds.' })
  }
  const openedDelivery = (): Delivery => (openedLog(), delivery)
  const sourceNamed = (name: string) => named(intake.sources(), name, 'source').host
  const airgap = airgapLater(dir, (own) => ({
    ...own,
    get log() {
      return openedLog().airgap
    },
    get device() {
      return now.settings.device.id
    },
    get site() {
      return now.settings.device.site
    },
    clock,
    epoch: async () => (await openedLog().figures()).epoch,
    get settings() {
      return now.settings.export
    },
    exceptOf: (name) => (now.settings.uplinks.some((it) => it.name === name) ? notServed(now.settings, name) : undefined),
  }))

  const api: AgentParts['api'] = {
    async status() {
      const [figures, machine, ofRules, ofNotify] = await Promise.all([
        openedLog().figures(),
        host(),
        rules?.report(),
        notify?.report(),
      ])
      for (const it of delivery.uplinks) it.tally.add(it.report.readings - it.tally.total, clock.now())
      const standingIssues = [...now.issues, ...around.issues(), ...(boxes?.issues() ?? [])]
      const { uplinks, turn } = delivery
      const parts = { settings: now.settings, version, startedAt, standingIssues, sources: intake.sources(), uplinks, turn }
      const optional = { boxes: boxes?.reports(), open: openPorts(), rules: ofRules, notify: ofNotify }
      return statusOf({ ...parts, ...optional }, figures, machine, clock.status(), clock.now())
    },
    testSource: (name, signal) => sourceNamed(name).test(name, signal),
    browseSource: ({ name, ...request }, signal) => sourceNamed(name).browse(name, request, signal),
    trustSource: ({ name, ...request }, signal) => sourceNamed(name).trust(name, request, signal),
    certificates: () => protocolCertificates(dir),
    takeEvents: async (offer) => ({
      next: (await openedLog().takeEvents(eventsFor(offer, clock.current().trusted))) + 1,
    }),
    scan: scanHost(() => now.settings.sources, logger),
    uplinks: async () => delivery.views(),
    testUplink: (name, signal) => delivery.test(name, signal) ?? noneNamed(name, 'uplink', now.settings.uplinks),
    testNotifier: (name, signal) =>
      (now.settings.notify.some((it) => it.name === name) && notify?.test(name, signal)) ||
      noneNamed(name, 'notifier', now.settings.notify),
    live: live.watch,
    forecast: async (offlineMs, whatIf) => {
      const parts = withWhatIf(await forecastParts(now.settings, openedLog(), rates), whatIf)
      const tried = await openedLog().tryAggregates(parts.classes.map((it) => ({ name: it.name, windowsMs: windowsOf(it) })))
      return forecast(forecastRequest({ ...parts, tried }, offlineMs))
    },
    query: (request, signal) => query(request, (page) => openedLog().query(page), signal),
    testRule: ruleTestHost({
      rules: () => now.settings.rules,
      models: () => modelsOf(now.settings),
      page: (request) => openedLog().query(request),
    }),
    follow: createFollow(() => openedLog().follow),
    logCheck: (signal) => openedLog().files.logCheck(signal),
    logRepair: (signal) => openedLog().files.logRepair(signal),
    logInspect: async (segment) => openedLog().files.logInspect(segment),
    logExport: (signal) => openedLog().files.logExport(signal),
    ledger: (request, signal) => openedLog().files.ledger(request, signal),
    logDays: async () => openedLog().files.logDays(),
    ...airgap,
    ...modelsLater({
      dir,
      keyring: around.keyring,
      keys: () => now.settings.models?.keys ?? [],
      changed: async () => {
        if (!isClosed && now.settings.rules.some((it) => it.model)) await rerule()
      },
    }),
  }
  const told: ForCommands = {
    settings: () => now.settings,
    read: async (uplink, from) => openedDelivery().commands(uplink, from),
    replay: async (uplink, topic, rows, signal) => openedDelivery().replay(uplink, topic, rows, signal),
    control: (source) => sourceNamed(source).control(source),
    writer: () => openedLog().writer,
    takeAnswers: async (offer) => openedLog().takeEvents(offer),
  }
  return {
    api,
    told,
    clockStepped: (state) => log.clockStepped(state),
    look: () => delivery.look(),
    foretell: () => (isClosed ? Promise.resolve() : delivery.foretell()),
    logAnswers: () => (isClosed ? Promise.resolve() : log.figures()),
    async change(next) {
      if (isEnding) return
      const isOtherLog = !isDeepStrictEqual(writerOptions(logDir, now.settings), writerOptions(logDir, next.settings))
      if (isClosed || isOtherLog) {
        const reopened = isClosed ? begin(next) : reopen(next)
        changing = reopened.catch(() => {})
        return reopened
      }
      const isOtherBoxes = !isDeepStrictEqual(now.settings.boxes, next.settings.boxes)
      const isElsewhere = !isDeepStrictEqual(deliveryOf(now.settings), deliveryOf(next.settings))
      const hasOtherRules = !isDeepStrictEqual(rulesOf(now.settings), rulesOf(next.settings))
      const tellsOthers = !isDeepStrictEqual(notifyOf(now.settings), notifyOf(next.settings))
      now = next
      if (isElsewhere) await redeliver(next)
      if (isOtherBoxes) {
        await boxes?.close()
        boxes = openBoxes(next.settings)
      }
      if (hasOtherRules) await rerule()
      if (tellsOthers) await renotify(next)
      await intake.change(next.settings.sources)
    },
    async close() {
      isEnding = true
      if (isClosed) {
        await changing
        return isLogOpen ? closeLog() : true
      }
      await stop()
      const closed = await closeLog()
      await delivery.close()
      return closed
    },
  }
}

/** As the records say it; positions of the list begin at 1. The clock that is trusted now need not have been when it happened: of long ago nobody knows. */
function eventsFor({ list, from, events }: EventsOffer, isTrusted: boolean): LogEvents {
  const quality = isTrusted ? 'synchronised' : 'relative'
  const said = events.map(({ position, at, what, by, address, detail }) => ({
    sequence: position - 1,
    text: JSON.stringify({ ts: at, what, by, address, detail, time_quality: quality }),
  }))
  return { list, from: from - 1, events: said }
}

/** What of the settings the uplinks run by; that they are there, and what they must have, the log knows too. */
const deliveryOf = ({ device, uplinks, failoverAfterMs }: Settings) => ({ device, uplinks, failoverAfterMs })

/** What of the settings the rules run by. */
const rulesOf = ({ rules, models }: Settings) => ({ rules, models })

/** What of the settings the notifiers run by. */
const notifyOf = ({ device, notify }: Settings) => ({ device, notify })

/** What of the settings the log runs by. */
function writerOptions(dir: string, { device, log, classes, delivery, uplinks, rules, notify }: Settings) {
  return {
    dir,
    device: device.id,
    bytesMax: log.bytesMax,
    commitBytes: log.commitBytes,
    commitEveryMinMs: log.commitEveryMinMs,
    keepDeliveredMs: log.keepDeliveredMs,
    classes,
    delivery,
    // What holds nothing back is none of the log's uplinks.
    uplinks: uplinks.map((it) => it.name).filter((it) => !feedsOf(uplinks).has(it)),
    rules: rules.length > 0,
    notifiers: notify.map((it) => ({ name: it.name, classes: notifyClasses(it.on, rules) })),
    raising: rules.flatMap((it) =>
      it.yields.raise ? [{ rule: it.name, reads: it.reads, beforeMs: it.yields.raise.beforeMs }] : [],
    ),
  }
}

/** Which parts a change starts anew: `agent` for all of it. */
export function restartsOf(now: Settings, next: Settings): string[] {
  if (!isDeepStrictEqual(writerOptions('', now), writerOptions('', next))) return ['agent']
  const changed = (
    kind: 'sources' | 'uplinks' | 'rules' | 'notify',
    before: readonly { name: string }[],
    after: readonly { name: string }[],
  ) => after.filter((it) => !before.some((one) => isDeepStrictEqual(one, it))).map((it) => `${kind}[${it.name}]`)
  const uplinks = isDeepStrictEqual(deliveryOf(now), deliveryOf(next)) ? [] : next.uplinks.map((it) => `uplinks[${it.name}]`)
  const boxes = isDeepStrictEqual(now.boxes, next.boxes) ? [] : ['boxes']
  const hasOtherModels = !isDeepStrictEqual(now.models, next.models)
  const rules = changed('rules', hasOtherModels ? now.rules.filter((it) => !it.model) : now.rules, next.rules)
  const notify = changed('notify', now.notify, next.notify)
  return [...uplinks, ...boxes, ...changed('sources', now.sources, next.sources), ...rules, ...notify]
}

function notServed({ classes, delivery }: Settings, uplink: string): string[] {
  return classes.map((it) => it.name).filter((it) => !serves(uplink, delivery[it] ?? 'all-uplinks'))
}

/** Readings accepted a second, by class, since these settings are in force. */
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

function named<T extends { readonly name: string }>(list: readonly T[], name: string, what: string): T {
  return list.find((it) => it.name === name) ?? noneNamed(name, what, list)
}

function noneNamed(name: string, what: string, list: readonly { readonly name: string }[]): never {
  const remedy = `${what}s: ${list.map((it) => it.name).join(', ') || 'none'}`
  throw new BadInput([{ where: name, text: `there is no ${what} of this name`, remedy }])
}
