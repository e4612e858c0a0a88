// The notifiers' thread: each reads its events from the log and tells them.
//
//   read ─► notifier ─► target ─► far end
//             └─► numbers and counts ─save─► log
import type { MessagePort } from 'node:worker_threads'
import { parentPort, workerData } from 'node:worker_threads'
import type { FollowBegun, FollowNumbers, FollowRead, FollowTaken } from '../core/follow.ts'
import type { NotifyReport, NotifySaved, NotifySettings } from '../core/notify.ts'
import { notifyTags } from '../core/notify.ts'
import { notifyKinds } from '../notify/index.ts'
import type { Notifier } from '../notify/notifier.ts'
import { createNotifier } from '../notify/notifier.ts'
import { keepRunning, sleep } from '../pipeline/keep-running.ts'
import { systemClock } from './clock.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'

export interface NotifyWorkerData {
  readonly notifiers: readonly (NotifySettings & { readonly reads: readonly string[] })[]
  readonly device: string
  readonly site: string
  readonly cell?: SharedArrayBuffer
}

const BACKOFF = { firstMs: 1_000, minMs: 2_000, maxMs: 300_000 }
/** Each looks again after so long at the soonest, more seldom where there are many: commits may be far closer, and the keeper is others' too. */
const PACE_MS_MIN = 200
const PACE_EACH_MS = 100

const data = workerData as NotifyWorkerData
const port = parentPort as MessagePort
const main = caller(port)
const clock = systemClock(data.cell)
const logger = threadLogger(main, {})
const streams = streamServer(main)
const stop = new AbortController()
const paceMs = Math.max(PACE_MS_MIN, PACE_EACH_MS * data.notifiers.length)

interface Running {
  readonly notifier: Notifier
  readonly ended: Promise<void>
}

const running: ReadonlyMap<string, Running> = new Map(data.notifiers.map((it) => [it.name, start(it)]))

/** One that cannot be opened is a failure of its own, and tried again like any other. */
function start({ reads, ...settings }: NotifyWorkerData['notifiers'][number]): Running {
  const { name, kind } = settings
  const { device, site } = data
  const notifier = createNotifier({
    settings,
    device,
    site,
    log: {
      saved: () => main.call<NotifySaved | undefined>('saved', [name]),
      save: (_, saved) => main.call<boolean>('save', [name, saved]),
    },
    events: eventsOf(settings, reads),
    async open() {
      const openTarget = await notifyKinds[kind]?.()
      if (!openTarget) throw new Error(`there is no notifier of kind ${kind}`)
      return openTarget(settings.settings as never, { name, device })
    },
    now: clock.now,
    news: newsOf(name),
    logger,
  })
  const loop = {
    backoff: BACKOFF,
    random: Math.random,
    sleep,
    failed(error: unknown, waitMs: number) {
      const fields = { notifier: name, waitMs: Math.round(waitMs), code: (error as { code?: string }).code }
      logger.warn(fields, (error as Error).message)
      return undefined
    },
  }
  const ended = keepRunning((well) => notifier.run(well, stop.signal), loop, stop.signal)
  return { notifier, ended }
}

function eventsOf(settings: NotifySettings, classes: readonly string[]) {
  const tag = notifyTags(settings.on)
  return {
    reads: JSON.stringify([tag.toSorted(), classes.toSorted()]),
    async begin(numbers: FollowNumbers | 'now') {
      const from = numbers === 'now' ? { at: numbers } : { numbers }
      return (await main.call<FollowBegun>('begin', [from])).numbers
    },
    read: (numbers: FollowNumbers) => {
      const request: FollowRead = { numbers, tag, class: classes, form: ['raw'] }
      return main.call<FollowTaken>('read', [request, settings.name])
    },
  }
}

/** One question at a time is open at the log, however often it was given up. */
function newsOf(name: string) {
  let asked: Promise<unknown> | undefined
  return async (msMax: number, signal: AbortSignal): Promise<void> => {
    asked ??= main.call('more', [name]).finally(() => (asked = undefined))
    const over = new AbortController()
    await Promise.race([asked, sleep(msMax, AbortSignal.any([signal, over.signal]))])
    over.abort()
    await sleep(paceMs, signal)
  }
}

async function* test(signal: AbortSignal, name: string) {
  const it = running.get(name)
  if (it) yield* it.notifier.test(signal)
}

serve(port, {
  report: (): readonly NotifyReport[] => [...running.values()].map((it) => it.notifier.report()),
  test: streams.handler(async (signal, name: string) => test(signal, name)),
  cancel: streams.cancel,
  async stop() {
    stop.abort()
    const all = [...running.values()]
    await Promise.all(all.map((it) => it.ended))
    await Promise.all(all.map((it) => it.notifier.save()))
    await Promise.all(all.map((it) => it.notifier.close()))
    port.close()
  },
})
