// The data path, in the foreground.
//
//   protocol threads ─batch─► ingest ─append─► log (writer, keeper threads) ─next─► forward ─send─► uplink threads ─► Kafka
//          ▲───────────durable──────┘                                  ◄──offer, commit──┘
//   view.sock, operate.sock ◄── status, query, tests; settings ─► agent-parts: what runs by them
//
// SIGTERM: sources stop, the open group commit is written, the uplinks are left to their next start; all within 5 s.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { IssueWatch } from './agent-issues.ts'
import { watchIssues } from './agent-issues.ts'
import type { AgentParts } from './agent-parts.ts'
import { openParts, restartsOf } from './agent-parts.ts'
import type { AgentCommands } from './agent-commands.ts'
import { openCommands } from './agent-commands.ts'
import { backupLater } from './agent-later.ts'
import { settingsService } from './agent-settings.ts'
import type { Logger } from './core/source.ts'
import { forgetLastWords, leaveLastWords } from './local-api/last-words.ts'
import { serveLocalApi } from './local-api/server.ts'
import { takeLock } from './log/lock.ts'
import { makeRoomToOpen } from './log/space.ts'
import type { AgentClock } from './machine/clock.ts'
import { openClock } from './machine/clock.ts'
import { bootId } from './machine/clock-boot.ts'
import { machineClock } from './machine/clock-parts.ts'
import { openLogger } from './machine/logger.ts'
import { keepHeapsSmall } from './machine/memory.ts'
import { startWatchdog } from './machine/watchdog.ts'
import { writeWhole } from './machine/whole-file.ts'
import { openAccepted } from './settings/accepted.ts'
import { deviceIdentity } from './settings/identity.ts'
import { unlessAccepted } from './workers/accepted-settings.ts'
import type { LogThreads } from './workers/log-threads.ts'
import { checkSettingsApart } from './workers/read-settings.ts'

export interface AgentOptions {
  readonly settings: string
  readonly dir: string
  readonly keyring: string
  readonly values?: string
  readonly version: string
  /** Which build this is, told by what is in it; absent where it runs from its source. */
  readonly build?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The log's, on their way already. */
  readonly threads?: LogThreads
}

/** The journal cannot be written or a thread of the log died: started again, the agent reads what is on disk. */
const EXIT_LOG_FAILED = 74
const STOP_MS_MAX = 4_500
const EXIT_STOPPED_LATE = 1

/** What uplinks have not got yet is looked at so often. */
const ETA_EVERY_MS = 2_000
/** The clock is looked at so often. */
const CLOCK_EVERY_MS = 1_000

/** Runs until the signal aborts. Resolves with the exit status. What ends it otherwise is left for whoever asks for the agent. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<number> {
  try {
    return await run(options, signal)
  } catch (error) {
    leaveLastWords(options.dir, error)
    throw error
  }
}

async function run(options: AgentOptions, signal: AbortSignal): Promise<number> {
  const logger = await openLogger('agent', options.env['LOG_LEVEL'] ?? 'info')
  mkdirSync(join(options.dir, 'log'), { recursive: true })
  const settings = settingsService(await settingsParts(options, logger))
  const checked = await settings.begin()
  for (const it of checked.notInForce) logger.warn({ path: it.path, line: it.line }, `not in force yet: ${it.text}`)
  makeRoomToOpen(join(options.dir, 'log'))
  const lock = takeLock(join(options.dir, 'log'), 'the agent')
  let parts: AgentParts | undefined
  let issues: IssueWatch | undefined
  let commands: AgentCommands | undefined
  const clock = openClock(
    machineClock(options.dir, (error) => logger.warn({}, `the time cannot be saved: ${error.message}`)),
    (step) => {
      parts?.clockStepped(step)
      issues?.clockStepped()
    },
  )
  const { dir, version, keyring } = options
  const around = {
    dir,
    version,
    keyring,
    clock,
    logger,
    logFailed: endWith(dir, logger, 'the log failed'),
    issues: () => [...settings.issues(), ...(commands?.issues() ?? [])],
  }
  const running = await openParts(checked, around, options.threads)
  parts = running
  const seen = await watchIssues({ dir, clock, logger, status: running.api.status })
  issues = seen
  let inForce = checked.settings
  const settingsApi = settings.serve(
    async (next) => {
      await running.change(next)
      inForce = next.settings
      await commands?.change()
      logger.info({}, 'new settings are in force')
    },
    (next) => restartsOf(inForce, next.settings),
  )
  commands = await openCommands({ dir, clock, logger, told: running.told, settings, settingsApi, query: running.api.query })
  const ticking = setInterval(() => {
    watchClock(clock, logger)
    running.look()
  }, CLOCK_EVERY_MS)
  const foretelling = setInterval(() => void running.foretell().catch(() => {}), ETA_EVERY_MS)
  const backups = backupLater({
    dir,
    version,
    device: () => inForce.device.id,
    settings,
    settingsApi,
    ledger: running.api.ledger,
    now: () => Date.now() * 1000,
  })
  const api = await serveLocalApi(
    options.dir,
    { ...running.api, ...settingsApi, ...backups, ...commands.api, issues: async () => seen.list() },
    logger,
  )
  forgetLastWords(options.dir)
  logger.info({ device: checked.settings.device.id, dir: options.dir }, 'the agent is up')
  const watchdog = startWatchdog(
    options.env,
    () => running.logAnswers(),
    (error) => logger.warn({}, `the watchdog is not told that all is well: ${error.message}`),
  )

  keepHeapsSmall()

  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  logger.info({}, 'stopping')
  watchdog.close()
  clearInterval(ticking)
  clearInterval(foretelling)
  settings.close()
  clock.save()
  const late = setTimeout(() => process.exit(EXIT_STOPPED_LATE), STOP_MS_MAX)
  const [, , closed] = await Promise.all([seen.close(), commands.close(), running.close()])
  await api.close()
  lock.release()
  forgetLastWords(options.dir)
  clearTimeout(late)
  logger.info({}, 'stopped')
  return closed ? 0 : EXIT_LOG_FAILED
}

async function settingsParts({ settings: file, dir, values, env, version, build }: AgentOptions, logger: Logger) {
  const request = { file, dir, deviceId: await deviceIdentity(dir), env, ...(values === undefined ? {} : { valuesFile: values }) }
  const check = (text?: string, ranBefore?: boolean, secrets?: Readonly<Record<string, string>>) =>
    checkSettingsApart({
      ...request,
      ranBefore: ranBefore === true,
      ...(text !== undefined && { text }),
      ...(secrets && { secrets }),
    })
  const notKept = (error: Error) => logger.warn({}, `the next start checks the settings anew: ${error.message}`)
  return {
    file,
    dir,
    env,
    logger,
    boot: bootId(),
    now: () => Date.now() * 1000,
    // CLOCK_MONOTONIC, which counts from the boot.
    monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
    stuck: endWith(dir, logger, 'neither the new settings nor those before can be put in force'),
    check,
    ...(build !== undefined && {
      checkAtStart: unlessAccepted(openAccepted({ ...request, build: `${version} ${build}` }, writeWhole), check, notKept),
    }),
  }
}

function endWith(dir: string, logger: Logger, what: string) {
  return (error: Error): void => {
    leaveLastWords(dir, new Error(`${what}: ${error.message}`))
    logger.error({ stack: error.stack, code: (error as { code?: string }).code }, `${what}: ${error.message}`)
    process.exit(EXIT_LOG_FAILED)
  }
}

/** A step is worth a line: whoever reads the records wonders about their times. */
function watchClock(clock: AgentClock, logger: Logger): void {
  const step = clock.check()
  if (step) logger.info({ offsetUs: step.offsetUs, trusted: step.trusted }, 'the clock stepped')
}
