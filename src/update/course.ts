// The course of one update, a phase at a time. Each phase is on disk before it is begun; after a kill the same phase is begun again.
//
//   fetch (by ranges) ─► inspect (signature, hardware, minimum) ─► ready (policy) ─► install ─► reboot ═► try (health) ─► good
//                                                                                                  ╚═► fell back   └─► back ═► fell back
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { HealthCheck, UpdateOutcome, UpdateWait } from '../core/update.ts'
import { forget } from './part.ts'
import type { Health } from './health.ts'
import type { Minimum } from './minimum.ts'
import { fetchWait, installWait } from './policy.ts'
import type { Surroundings } from './policy.ts'
import type { Slots } from './slots.ts'
import type { Baseline, Job, Store } from './state.ts'

export interface CourseParts {
  readonly slots: Slots
  readonly store: Store
  readonly minimum: Minimum
  /** Where a bundle is put together. */
  readonly bundleFile: string
  readonly bootId: string
  /** That runs. */
  readonly version: string
  fetch(job: Job, at: (bytes: number, all: number | null) => void, signal: AbortSignal): Promise<void>
  surroundings(job: Job): Promise<Surroundings>
  baseline(): Promise<Baseline | null>
  health(baseline: Baseline | null, signal: AbortSignal): Promise<Health>
  /** Resolves when it is under way; what comes after is another boot. */
  reboot(): Promise<void>
  now(): number
  said(text: string): void
  /** The server's is told, each time that it goes on or is over. */
  report(job: Job, what: CourseReport): Promise<void>
}

export type CourseReport =
  | { readonly kind: 'at'; readonly text: string; readonly share: number | null }
  | { readonly kind: 'over'; readonly outcome: UpdateOutcome }

export interface Progress {
  readonly share: number | null
  readonly text: string
  readonly bytes: number
  readonly bytesAll: number | null
  readonly wait: UpdateWait | null
}

export interface Course {
  progress(): Progress
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Something has changed: look again. */
  nudge(): void
  /** Throws BadInput where it is too late. */
  cancel(why: string): Promise<void>
}

const NOTHING: Progress = { share: null, text: '', bytes: 0, bytesAll: null, wait: null }
const LOOK_MS = 15_000
const REST_MS_MIN = 2_000
const REST_MS_MAX = 600_000

export function createCourse(parts: CourseParts): Course {
  const { store, slots, minimum, bundleFile, said } = parts
  let progress = NOTHING
  let wake = new AbortController()
  let phase = new AbortController()
  let rests = 0
  /** The job whose bytes the server knows to be fetched. */
  let begun: string | undefined
  let canceling: Promise<void> | undefined

  const show = (change: Partial<Progress>) => (progress = { ...NOTHING, ...change })
  const change = async (job: Job, to: Partial<Job>): Promise<void> => {
    // Taken back meanwhile: it must not come to life again.
    phase.signal.throwIfAborted()
    // What a person or the server has said of it meanwhile stays said.
    const { job: now } = store.now()
    await store.put({ job: { ...(now?.id === job.id ? now : job), ...to } })
    show({})
  }

  async function over(job: Job, outcome: UpdateOutcome['outcome'], text: string): Promise<void> {
    const end: UpdateOutcome = { outcome, version: job.version, text, at: parts.now() }
    said(`update ${job.version ?? job.name}: ${outcome}, ${text}`)
    await parts.report(job, { kind: 'over', outcome: end })
    await store.put({ job: null, last: end, baseline: null, ...(job.origin === 'server' && { done: job.id }) })
    show({})
    await forget(bundleFile)
  }

  /** Settings that cannot be read are no fault of the bundle. */
  const around = (job: Job): Promise<Surroundings> =>
    parts.surroundings(job).catch((cause: Error) => {
      throw cause instanceof BadInput ? new Unreachable('settings-wrong', cause.message, { cause }) : cause
    })

  /** A stick that was open when power was cut is open no more. */
  function bundleOf({ file, name }: Job): string {
    if (file === null || existsSync(file)) return file ?? bundleFile
    throw new Unreachable('install-failed', `it could not be installed: ${name} is gone; ask for it once more, with its stick in`)
  }

  async function fetching(job: Job, signal: AbortSignal): Promise<void> {
    if (job.file === null) {
      const wait = fetchWait(await around(job))
      if (wait) return pause(wait)
      // Not at each try: a server keeps so many words of an update and no more.
      if (begun !== job.id) await parts.report(job, { kind: 'at', text: 'its bytes are fetched', share: null })
      begun = job.id
      await parts.fetch(
        job,
        (bytes, all) => show({ share: all ? bytes / all : null, text: 'fetched', bytes, bytesAll: all }),
        signal,
      )
    }
    show({ text: 'its signature is checked' })
    const { version, generation } = await slots.inspect(bundleOf(job))
    await minimum.allows({ version, generation })
    rests = 0
    await change(job, { phase: 'ready', version, generation })
    await parts.report({ ...job, version }, { kind: 'at', text: `version ${version} is here and checked`, share: 1 })
  }

  async function ready(job: Job): Promise<void> {
    const wait = installWait(job, await around(job))
    if (wait) return pause(wait)
    const baseline = job.origin === 'slot' ? null : await parts.baseline()
    const target = (await slots.view()).find((it) => !it.isBooted)?.name ?? null
    await store.put({ baseline })
    await change(job, { phase: 'install', target })
  }

  async function installing(job: Job, signal: AbortSignal): Promise<void> {
    // Cut after it was written and before that was noted: what runs is it, and the other slot is the way back.
    if ((await slots.view()).find((it) => it.isBooted)?.name === job.target) return change(job, { phase: 'try' })
    await parts.report(job, { kind: 'at', text: 'it is being installed', share: 0 })
    if (job.origin === 'slot') await slots.activateOther()
    else await writing(job, signal)
    await change(job, { phase: 'reboot', bootId: parts.bootId })
    await parts.report(job, { kind: 'at', text: `installed in slot ${job.target}; the box starts anew`, share: 1 })
  }

  /** RAUC checks the signature of what it writes. That it is what was let in, and no older one put in its place, is seen here. */
  async function writing(job: Job, signal: AbortSignal): Promise<void> {
    const install = () => slots.install(bundleOf(job), (share, text) => show({ share, text }), signal)
    await install().catch(async (error: unknown) => {
      if (!(error instanceof Unreachable) || error.code !== 'install-failed') throw error
      // What passes (a loop device that somebody else took meanwhile) and what lasts look the same: once more, and it counts.
      said(`the update is installed once more: ${error.message}`)
      await sleep(REST_MS_MIN, undefined, { signal })
      await install()
    })
    const written = (await slots.view()).find((it) => it.name === job.target)?.version
    if (written === job.version) return
    await slots.discardOther()
    throw new Unreachable('install-failed', exchanged(written, job))
  }

  /** Here again in the boot from which it was left: the way there is begun once more. */
  async function rebooting(job: Job, signal: AbortSignal): Promise<void> {
    if (job.bootId === parts.bootId) {
      show({ text: 'the box starts anew' })
      await parts.reboot()
      return void (await sleep(LOOK_MS, undefined, { signal }))
    }
    const booted = (await slots.view()).find((it) => it.isBooted)?.name
    if (job.phase === 'reboot' && booted === job.target) return change(job, { phase: 'try' })
    await over(job, 'fell-back', job.why ?? 'the new version did not come up: the one before runs')
  }

  async function trying(job: Job, signal: AbortSignal): Promise<void> {
    const booted = (await slots.view()).find((it) => it.isBooted)?.name
    if (booted !== job.target) return over(job, 'fell-back', 'the new version ended before it had shown that it is well')
    // Power was cut before what RAUC had written was looked at.
    if (job.origin !== 'slot' && parts.version !== job.version) return goBack(job, exchanged(parts.version, job))
    show({ text: 'the new version shows whether it is well' })
    const { isWell, checks } = await parts.health(store.now().baseline, signal)
    if (!isWell && job.origin !== 'slot') return goBack(job, `not well in its time: ${textsOf(checks, 'waiting').join('; ')}`)
    await slots.markGood()
    const version = job.version ?? parts.version
    if (job.origin === 'slot') await minimum.lower(version)
    else await minimum.raise({ version, generation: job.generation })
    await over(job, 'good', goodText(checks))
  }

  async function goBack(job: Job, why: string): Promise<void> {
    // First what is remembered, then what is done: a box that dies in between is not left without a reason.
    await change(job, { phase: 'back', why: why.slice(0, 1_000), bootId: parts.bootId })
    await slots.markBad()
  }

  async function goingBack(job: Job, signal: AbortSignal): Promise<void> {
    if (job.bootId === parts.bootId) {
      await slots.markBad()
      return rebooting(job, signal)
    }
    const booted = (await slots.view()).find((it) => it.isBooted)?.name
    if (booted !== job.target) return rebooting(job, signal)
    // The boot loader has nothing better: going round for ever would help nobody.
    await over(job, 'failed', `${job.why}; the other slot does not boot either`)
  }

  const PHASES: Readonly<Record<Job['phase'], (job: Job, signal: AbortSignal) => Promise<void>>> = {
    fetch: fetching,
    ready,
    install: installing,
    reboot: rebooting,
    try: trying,
    back: goingBack,
  }

  async function pause(wait: UpdateWait, ms = LOOK_MS): Promise<void> {
    show({ text: wait.text, wait })
    await sleep(ms, undefined, { signal: AbortSignal.any([wake.signal, phase.signal]) }).catch(() => undefined)
  }

  /** What failed: again later, or never. */
  async function failed(job: Job, error: unknown): Promise<void> {
    if (error instanceof BadInput) return over(job, 'refused', error.message)
    if (!(error instanceof Unreachable)) return rest((error as Error).message)
    if (error.code === 'bundle-refused' || error.code === 'bundle-old') return over(job, 'refused', error.message)
    if (error.code === 'install-failed') return over(job, 'failed', error.message)
    await rest(error.message)
  }

  async function rest(text: string): Promise<void> {
    const ms = Math.min(REST_MS_MAX, REST_MS_MIN * 2 ** rests++) * (0.75 + Math.random() / 2)
    said(`the update waits ${Math.round(ms / 1000)} s: ${text}`)
    await pause({ code: 'rest', text }, ms)
  }

  return {
    progress: () => progress,
    nudge() {
      rests = 0
      wake.abort()
    },
    async cancel(why) {
      const { job } = store.now()
      if (!job) return
      if (job.phase !== 'fetch' && job.phase !== 'ready')
        throw new BadInput([
          { where: 'update', text: 'it is too late to take it back', remedy: 'boot the other slot afterwards: update rollback' },
        ])
      phase.abort()
      canceling = over(job, 'canceled', why)
      await canceling
    },
    async run(signal) {
      signal.addEventListener('abort', () => wake.abort(), { once: true })
      while (!signal.aborted) {
        // Before it is off the disk its phase must not be begun again.
        await canceling?.catch(() => undefined)
        canceling = undefined
        wake = new AbortController()
        phase = new AbortController()
        const { job } = store.now()
        if (!job) {
          await sleep(LOOK_MS, undefined, { signal: wake.signal }).catch(() => undefined)
          continue
        }
        const mine = AbortSignal.any([phase.signal, signal])
        await PHASES[job.phase](job, mine).catch((error: unknown) => (mine.aborted ? undefined : failed(job, error)))
      }
    },
  }
}

function exchanged(written: string | null | undefined, { version }: Job): string {
  return `${written ?? 'nothing'} was written, and ${version} was let in: it was exchanged`
}

function goodText(checks: readonly HealthCheck[]): string {
  const waiting = textsOf(checks, 'waiting')
  if (waiting.length > 0) return `it was asked for and stays, though not well in its time: ${waiting.join('; ')}`
  const excused = textsOf(checks, 'excused')
  return excused.length === 0 ? 'the data path is well' : `the data path is well, but for ${excused.join('; ')}`
}

function textsOf(checks: readonly HealthCheck[], state: HealthCheck['state']): string[] {
  return checks.filter((it) => it.state === state).map((it) => `${it.what}: ${it.text}`)
}
