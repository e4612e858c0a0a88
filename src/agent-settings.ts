// Changes of the settings while the agent runs: checked, kept in the history, written, put in force; and taken back, by a person or by themselves.
//
//   text ─check─► history, pending ─► settings file ─► parts.change
//                                         ▲                │ fails
//                                         └── the text before ◄┘
//
// What must hold: the file on disk is the one in force, or the next start makes it so. A change that waits for its confirmation is taken
// back by the boot it was made in when its time is up, by any other at once.
import { readFile } from 'node:fs/promises'
import { BadInput, Unreachable } from './core/errors.ts'
import type { PendingChange, SettingsApi, SettingsApply, SettingsCheck, SettingsNow } from './core/operator.ts'
import { withoutSecrets } from './core/redact.ts'
import type { Settings } from './core/settings.ts'
import type { Logger } from './core/source.ts'
import type { Issue } from './core/status.ts'
import type { Brought } from './agent-restore.ts'
import { bring, settle as settleRestore, settleBrought, takeBackBrought } from './agent-restore.ts'
import { writeWhole as writeFile } from './machine/whole-file.ts'
import type { Pending } from './settings/history.ts'
import { openHistory, outcomes, revisionOf } from './settings/history.ts'
import { isName, NAME_ALLOWED } from './settings/names.ts'
import type { CheckedSettings, SettingsProblem } from './settings/read.ts'
import { changeSecret, openSecrets } from './settings/secrets.ts'
import type { CheckedApart } from './workers/read-settings.ts'

/** What a disk says that takes nothing, and what helps. */
const NOT_SAVED: Readonly<Record<string, string>> = {
  ENOSPC: 'make room: the log may be bounded lower (log.bytesMax), exports and old files in the data directory may go',
  EDQUOT: 'make room, or give the user of the agent more of the disk',
  EROFS:
    'the disk was made read-only, as a rule because it fails: look at diagnostics, restart the box, then have the disk exchanged',
  EIO: 'the disk fails: save what is needed, and have it exchanged',
}
const CHECKS_WAITING_MAX = 8
const NOT_CONFIRMED = 'not confirmed in time'
/** Taken back again where it failed: so long after, then twice as long. Each try is a line of the history, so they end; the next start takes back too. */
const AGAIN_MS = 5_000
const AGAIN_MS_MAX = 300_000
const WAITS = 'a change waits for its confirmation'
const SECRET_AS_BEFORE = 'look at what was typed: the secret is as it was'
const WAITS_REMEDY = 'confirm it, or take it back'

export interface SettingsParts {
  readonly file: string
  /** DIR. */
  readonly dir: string
  readonly boot: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  /** Microseconds. */
  now(): number
  /** Milliseconds since the boot: the same clock in every process of it. */
  monotonic(): number
  /** As if `text` stood in the file; absent: what stands there. `ranBefore`: see `SettingsContext`; `secrets`: see `SettingsRequest`. */
  check(text?: string, ranBefore?: boolean, secrets?: Brought['secrets']): Promise<CheckedApart>
  /** The same of what a start finds; absent: `check`. */
  checkAtStart?(text: string, ranBefore: boolean): Promise<CheckedApart>
  /** Neither new settings nor those before can be run: the process must end, its next start finds those before. */
  stuck(error: Error): void
}

export interface SettingsService {
  /** Takes back what must be, and says what to begin with. Rejects with BadInput. */
  begin(): Promise<CheckedSettings>
  /** From now on changes are put in force by `change`; where it rejects, the settings before are given to it again. */
  serve(change: (next: CheckedSettings) => Promise<void>, restartsOf: (next: CheckedSettings) => string[]): SettingsApi
  /** As `settingsCheck` and `settingsApply`, with what comes along: all of it is in force, or nothing. */
  checkBrought(text: string, brought: Brought): Promise<SettingsCheck>
  applyBrought(request: SettingsApply, brought: Brought): Promise<SettingsNow>
  /** As the text would be in force. Rejects with BadInput. */
  checked(text: string): Promise<Settings>
  issues(): readonly Issue[]
  close(): void
}

/** As a whole, or with what to do. */
async function writeWhole(path: string, text: string, mode?: number): Promise<void> {
  try {
    await writeFile(path, text, mode)
  } catch (cause) {
    throw notSaved(path, cause)
  }
}

/** Another name makes another box of it, for everybody else: whoever puts a file back is asked for that before it is. */
function takesPlace(now: string, next: string, secretsToo: boolean): string[] {
  if (now === next) return []
  return [
    `replace ${next}? By device.id this box, ${now} until now, takes its place, and numbers readings in an epoch of its own. A box that is called ${next} still must be off for good: of two with one name one is fenced off.${secretsToo ? '' : ' Its secrets are not in the settings: set those that are missing'}`,
  ]
}

function notSaved(path: string, cause: unknown): unknown {
  const { code = '' } = cause as NodeJS.ErrnoException
  const remedy = NOT_SAVED[code]
  if (remedy === undefined) return cause
  return new Unreachable('settings-not-saved', `nothing was changed: ${path} cannot be written (${code})`, { cause, remedy })
}

export function settingsService(parts: SettingsParts): SettingsService {
  const { file, dir, boot, logger } = parts
  const history = openHistory(dir, writeWhole)
  let pending: Pending | undefined
  let timer: NodeJS.Timeout | undefined
  let inForce: { readonly revision: string; readonly checked: CheckedSettings } | undefined
  const running = () => {
    if (!inForce) throw new Error('what to begin with is not known yet')
    return inForce
  }
  let change: (next: CheckedSettings) => Promise<void> = async () => {}
  let restarts: (next: CheckedSettings) => string[] = () => ['agent']
  let turn: Promise<unknown> = Promise.resolve()
  let checks: Promise<unknown> = Promise.resolve()
  let checksWaiting = 0

  /** One change after the other. */
  function inTurn<T>(what: () => Promise<T>): Promise<T> {
    const result = turn.then(what)
    turn = result.catch(() => {})
    return result
  }

  /** A check takes a core for a second: what people only ask goes one after the other, and changes do not wait for it. */
  async function checkInTurn(text: string, brought?: Brought): Promise<CheckedApart> {
    if (checksWaiting >= CHECKS_WAITING_MAX)
      throw new Unreachable('checks-busy', 'too many settings are being checked', { remedy: 'Try again in a few seconds.' })
    checksWaiting++
    const mine = checks.then(() => parts.check(text, false, brought?.secrets)).finally(() => checksWaiting--)
    checks = mine.catch(() => {})
    return mine
  }

  const read = () =>
    readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => refuse(file, `cannot be read: ${error.code ?? error.message}`))

  async function record(text: string, by: string, note?: string, outcome?: 'reverted'): Promise<void> {
    const more = { ...(note !== undefined && { note }), ...(outcome && { outcome }) }
    await history.add({ revision: revisionOf(text), at: parts.now(), by, ...more }, text)
  }

  /** Not before `leastMs`. */
  function arm(leastMs = 0): void {
    clearTimeout(timer)
    if (!pending) return
    const { revision, by } = pending
    const late = () => {
      logger.warn({ revision, by }, 'the settings were not confirmed in time and are taken back')
      void inTurn(() => takeBack(revision, 'holdfast', NOT_CONFIRMED)).catch((error: Error) => {
        logger.error({}, `settings cannot be taken back yet: ${error.message}`)
        const nextMs = Math.max(AGAIN_MS, 2 * leastMs)
        if (nextMs <= AGAIN_MS_MAX) arm(nextMs)
      })
    }
    timer = setTimeout(late, Math.max(leastMs, pending.deadlineMs - parts.monotonic()))
    timer.unref()
  }

  /** To the text before the change that waits, unless that one was confirmed or replaced meanwhile. */
  async function takeBack(revision: string, by: string, note: string): Promise<void> {
    if (pending?.revision !== revision) return
    const text =
      (await history.text(pending.previous)) ?? refuse('settings', 'the text before the change is not in the history any more')
    await putInForce(text, await checkedAgain(text), by, note)
    await history.mark(revision, 'reverted')
    await settle(undefined)
  }

  async function settle(next: Pending | undefined): Promise<void> {
    pending = next
    await history.setPending(next)
    arm()
  }

  async function checked(text: string, ranBefore = false, check = parts.check): Promise<CheckedSettings> {
    const { checked: found } = await check(text, ranBefore)
    if ('error' in found) throw found.error
    return found.settings
  }

  /** An update must not stop what ran: a text that was in force is checked for what cannot run at all. */
  async function checkedAgain(text: string): Promise<CheckedSettings> {
    return checked(text, await ranBefore(revisionOf(text)))
  }

  async function ranBefore(revision: string): Promise<boolean> {
    return (await history.entries()).some((it) => it.revision === revision && it.outcome === undefined)
  }

  /** The history, the file, then what runs. What cannot be run leaves everything as it was, and stands in the history as taken back. */
  async function putInForce(text: string, next: CheckedSettings, by: string, note?: string): Promise<void> {
    const before = { text: await read(), running: running() }
    const revision = revisionOf(text)
    await record(text, by, note)
    const undo = () => history.mark(revision, 'reverted')
    await writeWhole(file, text).catch(async (error) => {
      await undo()
      throw error
    })
    try {
      await change(next)
      inForce = { revision, checked: next }
    } catch (error) {
      logger.error({ stack: (error as Error).stack }, `the new settings cannot be put in force: ${(error as Error).message}`)
      await writeWhole(file, before.text)
      await undo()
      await change(before.running.checked).catch(parts.stuck)
      throw error
    }
  }

  async function now(): Promise<SettingsNow> {
    const text = await read()
    return {
      text,
      revision: revisionOf(text),
      pending: pendingNow(pending, parts.monotonic()),
      notInForce: running().checked.notInForce,
      system: running().checked.system,
    }
  }

  async function apply({ text, base, by, confirmWithinMs, note }: SettingsApply, brought?: Brought): Promise<SettingsNow> {
    const old = await read()
    const previous = revisionOf(old)
    if (base !== previous) await changedMeanwhile()
    if (pending) refuse('settings', WAITS, WAITS_REMEDY)
    const revision = revisionOf(text)
    if (revision === previous && !brought) return now()
    const next = await checked(text, false, (it, ran) => parts.check(it, ran, brought?.secrets))
    const ran = running().revision
    // Written by hand, and never in force: nobody goes back to it, and no later version takes it for one that ran.
    if (!(await history.text(previous))) await record(old, 'file', undefined, previous === ran ? undefined : 'reverted')
    const back = (await history.text(ran)) === undefined ? previous : ran
    if (confirmWithinMs !== undefined)
      await settle({ revision, previous: back, by, boot, deadlineMs: parts.monotonic() + confirmWithinMs })
    if (brought) await bring(dir, revision, brought)
    try {
      await putInForce(text, next, by, note)
    } catch (error) {
      if (brought) await takeBackBrought(dir)
      await settle(undefined)
      throw error
    }
    if (brought) await settleRestore(dir)
    return now()
  }

  async function changedMeanwhile(): Promise<never> {
    const by = (await history.entries()).at(-1)?.by ?? 'somebody'
    throw new BadInput([
      {
        where: 'settings-changed',
        text: `the settings were changed meanwhile, by ${by}: this change was made from an older text`,
        remedy: 'look at what is there now, and make the change from that',
      },
    ])
  }

  async function revert(revision: string | undefined, by: string): Promise<SettingsNow> {
    if (pending && revision === undefined) {
      await takeBack(pending.revision, by, 'taken back')
      return now()
    }
    const current = revisionOf(await read())
    const to =
      revision ?? (await history.entries()).findLast((it) => it.revision !== current && it.outcome === undefined)?.revision
    if (to === undefined) refuse('settings', 'there are no settings before these')
    const text = (await history.text(to)) ?? refuse(to, 'the history has no settings of this revision')
    await putInForce(text, await checkedAgain(text), by, `back to ${to.slice(0, 8)}`)
    await settle(undefined)
    return now()
  }

  async function check(text: string, brought?: Brought): Promise<SettingsCheck> {
    const { checked: found, changes } = await checkInTurn(text, brought)
    if ('error' in found) return { problems: problemsOf(found.error), changes, restarts: [], warnings: [] }
    const { issues, notInForce, settings } = found.settings
    const asks = takesPlace(running().checked.settings.device.id, settings.device.id, brought !== undefined)
    const warnings = [...asks, ...issues.map((it) => it.text), ...notInForce.map((it) => `${it.path}: ${it.text}`)]
    return { problems: [], changes, restarts: restarts(found.settings), warnings }
  }

  const api: SettingsApi = {
    settings: now,
    settingsCheck: (text) => check(text),
    settingsApply: (request) => inTurn(() => apply(request)),
    settingsConfirm: (revision) =>
      inTurn(async () => {
        if (pending?.revision !== revision) refuse(revision, 'no change of this revision waits for its confirmation')
        await settle(undefined)
        return now()
      }),
    settingsRevert: (revision, by) => inTurn(() => revert(revision, by)),
    async settingsHistory() {
      return outcomes(await history.entries(), revisionOf(await read()), pending)
    },
    settingsText: async (revision) =>
      (await history.text(revision)) ?? refuse(revision, 'the history has no settings of this revision'),
    async secrets() {
      const used = running().checked.secrets
      const store = await openSecrets(dir, parts.env)
      const names = [...new Set([...store.stored, ...used.map((it) => it.name)])].toSorted()
      return names.map((name) => ({
        name,
        usedBy: used.filter((it) => it.name === name).map((it) => it.path),
        from: store.stored.includes(name)
          ? ('store' as const)
          : store.get(name) === undefined
            ? ('missing' as const)
            : ('environment' as const),
      }))
    },
    async withoutSecrets(text) {
      const store = await openSecrets(dir, parts.env)
      const names = new Set([...store.stored, ...running().checked.secrets.map((it) => it.name)])
      return withoutSecrets([...names].flatMap((it) => store.get(it) ?? []))(text)
    },
    setSecret: (name, text) =>
      inTurn(async () => {
        if (!isName(name)) refuse(name, NAME_ALLOWED)
        const { stored, get } = await openSecrets(dir, parts.env)
        const old = stored.includes(name) ? get(name) : undefined
        await changeSecret(dir, name, text, writeWhole)
        await useSecrets(name).catch(async (error) => {
          // The next start must find what runs now.
          await changeSecret(dir, name, old, writeWhole)
          throw error
        })
      }),
    removeSecret: (name) =>
      inTurn(async () => {
        // The text before it may use the secret, and must stay possible.
        if (pending) refuse(name, WAITS, WAITS_REMEDY)
        const where = running().checked.secrets.filter((it) => it.name === name)
        if (where.length > 0)
          refuse(name, `the settings use it: ${where.map((it) => it.path).join(', ')}`, 'take it out of the settings first')
        await changeSecret(dir, name, undefined, writeWhole)
      }),
  }

  /** What uses it begins anew with the new text. */
  async function useSecrets(name: string): Promise<void> {
    const { revision, checked: before } = running()
    if (!before.secrets.some((it) => it.name === name)) return
    // Not what somebody has written into the file meanwhile.
    const next = await checkedAgain((await history.text(revision)) ?? (await read()))
    const lost = newlyLeftOut(before, next)
    if (lost.length > 0) throw new BadInput(lost.map((text) => ({ where: name, text, remedy: SECRET_AS_BEFORE })))
    try {
      await change(next)
    } catch (error) {
      await change(before).catch(parts.stuck)
      throw error
    }
    inForce = { revision, checked: next }
  }

  return {
    async begin() {
      const found = await history.pending()
      const text = await read()
      await settleBrought(dir, revisionOf(text))
      if (found && found.revision === revisionOf(text)) {
        if (found.boot === boot && found.deadlineMs > parts.monotonic()) pending = found
        else await revertAtStart(found)
      } else if (found) await history.setPending(undefined)
      const first = await read()
      const revision = revisionOf(first)
      inForce = { revision, checked: await checked(first, await ranBefore(revision), parts.checkAtStart) }
      if (!(await history.text(revision)) || !(await ranBefore(revision))) await record(first, 'file')
      return inForce.checked
    },
    serve(changeParts, restartsOf) {
      change = changeParts
      restarts = restartsOf
      arm()
      return api
    },
    checkBrought: check,
    applyBrought: (request, brought) => inTurn(() => apply(request, brought)),
    checked: async (text) => (await checked(text)).settings,
    issues: () => (pending ? [pendingIssue(pending, parts.monotonic())] : []),
    close: () => clearTimeout(timer),
  }

  async function revertAtStart(found: Pending): Promise<void> {
    const text = await history.text(found.previous)
    if (text === undefined)
      return logger.error({ revision: found.previous }, 'settings were not confirmed, but those before are not in the history')
    logger.warn({ revision: found.revision }, 'the settings were not confirmed in time and are taken back')
    await writeWhole(file, text)
    await history.mark(found.revision, 'reverted')
    await record(text, 'holdfast', NOT_CONFIRMED)
    await history.setPending(undefined)
  }
}

/** What ran until now and would be left out; one that was left out before may be so for another reason. */
function newlyLeftOut(before: CheckedSettings, next: CheckedSettings): string[] {
  const of = ({ issues }: CheckedSettings) => issues.flatMap((it) => it.leftOut ?? [])
  const known = new Set(of(before).map((it) => `${it.kind} ${it.name}`))
  const lost = of(next).filter((it) => !known.has(`${it.kind} ${it.name}`))
  return lost.map(({ kind, name, path, text }) => `with this secret ${kind} ${name} could not run: ${path}: ${text}`)
}

function pendingNow(pending: Pending | undefined, monotonicMs: number): PendingChange | null {
  if (!pending) return null
  const { revision, previous, by, deadlineMs } = pending
  return { revision, previous, by, revertsInMs: Math.max(0, Math.round(deadlineMs - monotonicMs)) }
}

function pendingIssue({ by, deadlineMs }: Pending, monotonicMs: number): Issue {
  const seconds = Math.max(0, Math.round((deadlineMs - monotonicMs) / 1000))
  return {
    code: 'settings-pending',
    severity: 'warning',
    text: `the settings of ${by} are taken back in ${seconds} s`,
    remedy: 'confirm them (holdfast settings confirm), or take them back now (holdfast settings revert)',
  }
}

function problemsOf(error: unknown): Awaited<ReturnType<SettingsApi['settingsCheck']>>['problems'] {
  if (!(error instanceof BadInput)) throw error
  return error.problems.map((it) => {
    const { line = 1, column = 1, path = '' } = it as Partial<SettingsProblem>
    return { path, line, column, text: it.text, ...(it.remedy !== undefined && { remedy: it.remedy }) }
  })
}

function refuse(where: string, text: string, remedy?: string): never {
  throw new BadInput([{ where, text, ...(remedy !== undefined && { remedy }) }])
}
