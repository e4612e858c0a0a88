// One notifier at work: reads its events behind its numbers, and tells them or counts them (README.md). `run` goes on until the signal aborts or a
// message is not taken; called again it goes on where it was.
import { BadInput, Unreachable } from '../core/errors.ts'
import type {
  NotifiedEvent,
  Notification,
  NotifyEvents,
  NotifyLog,
  NotifyReport,
  NotifySaved,
  NotifySettings,
  NotifyTarget,
} from '../core/notify.ts'
import type { Logger, TestStep } from '../core/source.ts'
import { dueRepeats, held, hourAt, HOUR_US, newlyBegun, remembered, repeatedIn, repeatsDueAt, sumOf, toldNow } from './counts.ts'
import type { SeenEvent } from './event.ts'
import { eventsOf, idOf, isWanted, keyOf, stateOf } from './event.ts'
import { eventWords, gistOf, heldWords, testWords } from './words.ts'

export interface NotifierParts {
  readonly settings: NotifySettings
  readonly device: string
  readonly site: string
  readonly log: NotifyLog
  readonly events: NotifyEvents
  /** Called again until it resolves. */
  readonly open: () => Promise<NotifyTarget>
  /** Microseconds. */
  readonly now: () => number
  /** Resolves with the next commit, after so many ms, or when the signal aborts. */
  readonly news: (msMax: number, signal: AbortSignal) => Promise<void>
  readonly logger: Logger
}

export interface Notifier {
  run(well: () => void, signal: AbortSignal): Promise<void>
  /** What it has read is on disk when it resolves, if there is room. */
  save(): Promise<void>
  report(): NotifyReport
  test(signal: AbortSignal): AsyncIterable<TestStep>
  close(): Promise<void>
}

type Said = Pick<NotifyReport, 'code' | 'lastError' | 'remedy'>

/** Numbers that moved on without a message are saved so often. */
const SAVE_EVERY_US = 10_000_000
const QUIET_MS_MAX = 10_000
const NO_LOSS: ReadonlySet<string> = new Set(['refused', 'overflowed'])

export function createNotifier(parts: NotifierParts): Notifier {
  const { settings, device, site, log, events, now, logger } = parts
  const { name, language, perHourMax, repeatAfterMs, staleAfterMs } = settings
  const place = { device, site }
  let opening: Promise<NotifyTarget> | undefined
  let state: NotifySaved | undefined
  let savedAt = now()
  let isSaved = true
  let lastSent: number | null = null
  let failures = 0
  /** The next failure is one of what had been well. */
  let isGettingOn = (): void => {}
  let failure: Said = {}
  /** What the last message that was taken was refused by. */
  let partly: Said = {}

  function at(): NotifySaved {
    if (!state) throw new Error(`the notifier ${name} has not begun`)
    return state
  }

  function change(what: Partial<NotifySaved>): void {
    state = { ...at(), ...what }
    isSaved = false
  }

  async function save(): Promise<void> {
    if (isSaved || !state) return
    isSaved = await log.save(name, state)
    savedAt = now()
  }

  async function target(): Promise<NotifyTarget> {
    // A test may ask for it while it is being opened: one target for both.
    const mine = (opening ??= parts.open())
    try {
      return await mine
    } catch (cause) {
      if (opening === mine) opening = undefined
      const text = `it cannot be opened: ${(cause as Error).message}`
      throw new Unreachable('notify-not-opened', text, { cause, remedy: 'look at what stands in the settings for this notifier' })
    }
  }

  async function begin(): Promise<NotifySaved> {
    const found = await log.saved(name)
    if (found?.reads === events.reads) {
      try {
        return { ...found, numbers: await events.begin(found.numbers) }
      } catch (error) {
        if (!(error instanceof BadInput)) throw error
        logger.warn({ notifier: name }, `${error.problems[0]?.text ?? error.message}: it begins with what comes from now on`)
      }
    }
    const begun = newlyBegun(events.reads, await events.begin('now'))
    // What was counted is still to be told, and the hour is the same.
    const after = found ? { ...found, reads: begun.reads, numbers: begun.numbers } : begun
    // From here on the log keeps what is not told.
    isSaved = await log.save(name, after)
    return after
  }

  /** Numbers behind what was told are saved with it: the next start does not tell it again. */
  async function tell(message: Notification, after: Partial<NotifySaved>, signal: AbortSignal): Promise<void> {
    const refused = await (await target()).send(message, signal)
    const { sent, hour } = at()
    const { from, count } = hourAt(hour, now())
    change({ ...after, sent: sent + 1, hour: { from, count: count + 1 } })
    lastSent = now()
    isGettingOn()
    recover()
    partly = refused ? failureOf(refused) : {}
    await save()
  }

  /** All is told or counted. */
  function recover(): void {
    failures = 0
    failure = {}
  }

  const mayTell = () => hourAt(at().hour, now()).count < perHourMax

  async function tellHeld(signal: AbortSignal): Promise<void> {
    for (const kind of ['stale', 'limited'] as const) {
      const it = at()[kind]
      if (!it || !mayTell()) continue
      const id = `${device}:${name}:${kind}:${it.from}:${it.to}:${it.count}`
      const message = { id, kind, notifier: name, ...place, ...heldWords(language, place, kind, it), held: it }
      await tell(message, { [kind]: undefined }, signal)
    }
  }

  /** What was repeated is told when its quiet time is over, and another begins. */
  async function tellRepeated(signal: AbortSignal): Promise<void> {
    const due = dueRepeats(at().told, now(), repeatAfterMs)
    const sum = sumOf(due.map(([, it]) => it))
    if (!sum || !mayTell()) return
    const id = `${device}:${name}:repeated:${sum.from}:${sum.to}:${sum.count}`
    const each = due.map(([, it]) => [it.count, it.last?.title ?? ''] as const)
    const words = heldWords(language, place, 'repeated', sum, each)
    const told = toldNow(at().told, due, now())
    await tell({ id, kind: 'repeated', notifier: name, ...place, ...words, held: sum }, { told }, signal)
  }

  function hold(kind: 'stale' | 'limited', { received }: NotifiedEvent): void {
    change({ [kind]: held(at()[kind], received), heldBack: at().heldBack + 1 })
  }

  /** `numbers`: as they are behind it. */
  async function take(seen: SeenEvent, numbers: NotifySaved['numbers'], signal: AbortSignal): Promise<void> {
    const { event } = seen
    const key = keyOf(event)
    const { told } = at()
    const last = told[key]
    const state = stateOf(seen)
    if (now() - event.received > staleAfterMs * 1000) return hold('stale', event)
    const about = { state, title: gistOf(language, event), received: event.received }
    const again = repeatedIn(last, about, now(), repeatAfterMs)
    if (again) return change({ told: { ...told, [key]: again }, heldBack: at().heldBack + 1 })
    await tellHeld(signal)
    if (!mayTell()) return hold('limited', event)
    const repeats = last?.count ?? 0
    const words = eventWords(language, place, event, repeats)
    const message = { id: idOf(event), kind: 'event' as const, notifier: name, ...place, ...words, event }
    const { told: next, forgotten } = remembered(told, key, { at: now(), count: 0, state }, repeatAfterMs)
    const after = { numbers, told: next, limited: sumOf(forgotten, at().limited) }
    await tell({ ...message, ...(repeats > 0 && { repeats }) }, after, signal)
  }

  /** Whether there was anything. */
  async function step(signal: AbortSignal): Promise<boolean> {
    const taken = await events.read(at().numbers)
    for (const it of taken.steps) {
      if (it.gap && !NO_LOSS.has(it.gap.action)) change({ missed: at().missed + it.gap.count, missedAt: now() })
      for (const seen of eventsOf(it)) {
        const { event } = seen
        if (signal.aborted) return false
        const numbers = { ...at().numbers, [it.name]: event.sequence + 1 }
        if (isWanted(settings.on, event)) await take(seen, numbers, signal)
        if (at().numbers[it.name] !== event.sequence + 1) change({ numbers })
      }
      change({ numbers: { ...at().numbers, [it.name]: it.to } })
    }
    if (taken.steps.length > 0) change({ numbers: taken.numbers })
    if (taken.isCaughtUp) {
      await tellHeld(signal)
      await tellRepeated(signal)
      recover()
    }
    if (now() - savedAt > SAVE_EVERY_US || now() < savedAt) await save()
    return taken.steps.length > 0
  }

  function quietMs(): number {
    const { limited, stale, hour, told } = at()
    const hourEnds = hour.from + HOUR_US
    const repeats = Math.max(repeatsDueAt(told, repeatAfterMs), mayTell() ? 0 : hourEnds)
    const next = (limited ?? stale) ? Math.min(hourEnds, repeats) : repeats
    return Math.min(QUIET_MS_MAX, Math.max(0, (next - now()) / 1000))
  }

  return {
    async run(well, signal) {
      try {
        isGettingOn = well
        // What cannot be opened is known before there is something to tell.
        await target()
        state ??= await begin()
        while (!signal.aborted) {
          const isNews = await step(signal)
          well()
          if (!isNews) await parts.news(quietMs(), signal)
        }
      } catch (error) {
        if (signal.aborted) return
        failures++
        failure = failureOf(error)
        // What was counted meanwhile need not be read again.
        if (now() - savedAt > SAVE_EVERY_US) await save()
        throw error
      }
    },
    save,
    async *test(signal) {
      const id = `${device}:${name}:test:${now()}`
      yield* (await target()).test({ id, kind: 'test', notifier: name, ...place, ...testWords(language, place) }, signal)
    },
    close: async () => (await opening?.catch(() => undefined))?.close(),
    report: () => ({
      name,
      kind: settings.kind,
      state: failures > 0 ? 'waiting' : state ? 'up' : 'starting',
      sent: state?.sent ?? 0,
      heldBack: state?.heldBack ?? 0,
      missed: state?.missed ?? 0,
      lastMissed: state?.missedAt ?? null,
      lastSent,
      failures,
      ...(failures > 0 ? failure : partly),
    }),
  }
}

function failureOf(error: unknown): Said {
  const lastError = (error as Error).message
  if (!(error instanceof Unreachable)) return { lastError }
  return { code: error.code, lastError, ...(error.remedy !== undefined && { remedy: error.remedy }) }
}
