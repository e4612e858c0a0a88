// Follows an update server: asks at its pace, begins and takes back what it says, and tells it how things go, across restarts.
import { setTimeout as sleep } from 'node:timers/promises'
import type { UpdateServerView } from '../core/update.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Course, CourseReport } from './course.ts'
import type { Ddi } from './ddi.ts'
import type { Artifact, Deployment } from './ddi-wire.ts'
import { sleepMs } from './ddi-wire.ts'
import type { Job, Store, UpdateState } from './state.ts'

export interface FollowParts {
  /** Undefined: the settings name no server. `ddi` rejects with Unreachable while no link may be used. */
  open(signal: AbortSignal): Promise<{ readonly url: string; ddi(): Promise<Ddi> } | undefined>
  readonly store: Store
  readonly course: Pick<Course, 'nudge' | 'cancel' | 'progress'>
  /** What the server is told of this box. */
  attributes(): Promise<Readonly<Record<string, string>>>
  now(): number
  said(text: string): void
}

export interface Follow {
  view(): UpdateServerView | null
  run(signal: AbortSignal): Promise<void>
  /** Resolves once the server was asked. Rejects with what it failed of. */
  check(): Promise<void>
  /** Kept until the server has it. */
  report(job: Job, what: CourseReport): Promise<void>
  /** Throws BadInput where the server asked nothing. */
  agree(by: string): Promise<void>
}

const REST_MS_MAX = 3_600_000
const BUNDLE = /\.raucb$/
const FINISHED: Readonly<Record<string, 'success' | 'failure'>> = { good: 'success' }
const TEXT_CHARS_MAX = 500
const ANSWER_MS_MAX = 120_000

export function createFollow(parts: FollowParts): Follow {
  const { store, course, said } = parts
  let view: UpdateServerView | null = null
  let wake = new AbortController()
  let question: { readonly id: string; readonly name: string } | undefined
  let pollMs = 60_000
  let fails = 0
  let asking: Promise<void> | undefined
  const ended = new AbortController()

  async function ask(): Promise<void> {
    const server = await parts.open(AbortSignal.any([ended.signal, AbortSignal.timeout(ANSWER_MS_MAX)]))
    if (!server) {
      view = null
      return
    }
    view = { lastContact: null, nextPoll: null, lastError: null, asks: null, ...view, url: server.url }
    const ddi = await server.ddi()
    await tell(ddi)
    const { config, _links = {} } = await ddi.base()
    pollMs = sleepMs(config?.polling?.sleep)
    if (_links.configData) await ddi.configData(_links.configData.href, await parts.attributes())
    if (_links.cancelAction) await cancellation(ddi, _links.cancelAction.href)
    if (_links.confirmationBase) await asked(ddi, _links.confirmationBase.href)
    else question = undefined
    if (_links.deploymentBase) await deployment(ddi, _links.deploymentBase.href)
    await tell(ddi)
    view = { ...view, lastContact: parts.now(), lastError: null }
  }

  async function tell(ddi: Ddi): Promise<void> {
    for (let [first] = store.now().reports; first; [first] = store.now().reports) {
      const { kind = 'deploymentBase', ...body } = first.body as { kind?: string }
      if (!(await ddi.feedback(kind, first.action, body))) said(`the update server wants to hear no more of ${first.action}`)
      await store.put({ reports: store.now().reports.filter((it) => it !== first) })
    }
  }

  const queue = (action: string, body: Readonly<Record<string, unknown>>, more: Partial<UpdateState> = {}) =>
    store.put({ ...more, reports: [...store.now().reports, { action, body }] })

  async function cancellation(ddi: Ddi, href: string): Promise<void> {
    const { id, cancelAction } = await ddi.cancellation(href)
    const { job } = store.now()
    const done = (execution: 'closed' | 'rejected', text: string) =>
      queue(id, { kind: 'cancelAction', ...statusBody(execution, 'success', text) })
    if (job?.id !== cancelAction.stopId || job.origin !== 'server') return done('closed', 'it is not under way here')
    try {
      await course.cancel('the server took it back')
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      return done('rejected', error.message)
    }
    // Of the action itself nothing more is said: that it is over, the answer to its end says.
    await store.put({ reports: store.now().reports.filter((it) => it.action !== cancelAction.stopId) })
    await done('closed', 'taken back')
  }

  async function asked(ddi: Ddi, href: string): Promise<void> {
    const { id, confirmation } = await ddi.confirmation(href)
    const name = bundleOf(confirmation)?.filename ?? 'an update'
    question = { id, name }
    said(`the update server asks whether ${name} may be installed`)
  }

  async function deployment(ddi: Ddi, href: string): Promise<void> {
    const { id, deployment: it } = await ddi.deployment(href)
    const { job, done, last } = store.now()
    const isWindowOpen = it.maintenanceWindow !== 'unavailable'
    if (job?.origin === 'server' && job.id === id) {
      if (job.isWindowOpen === isWindowOpen && job.how === it.update) return
      await store.put({ job: { ...job, isWindowOpen, how: it.update } })
      return course.nudge()
    }
    // Our last word of it was lost there.
    if (done === id) return void (await queue(id, overBody(last?.outcome ?? 'failed', last?.text ?? 'it was dealt with before')))
    if (job) return
    const artifact = bundleOf(it)
    const url = artifact && addressOf(artifact)
    if (!artifact || url === undefined) {
      const why = artifact ? 'there is no address with TLS for it' : 'there is no .raucb in it: this box takes bundles'
      return queue(id, statusBody('closed', 'failure', why), { done: id })
    }
    await store.put({ job: { ...jobOf(id, it, artifact, url, isWindowOpen), indexUrl: indexOf(it, artifact) } })
    course.nudge()
  }

  const once = (): Promise<void> => {
    asking ??= ask()
      .catch((error: Error) => {
        if (view) view = { ...view, lastError: error.message }
        throw error
      })
      .finally(() => (asking = undefined))
    return asking
  }

  return {
    view: () => (view === null ? null : { ...view, asks: question?.name ?? null }),
    check: once,
    async agree(by) {
      if (!question) throw new BadInput([{ where: 'update', text: 'nothing waits to be confirmed' }])
      const { id } = question
      question = undefined
      await queue(id, { kind: 'confirmationBase', confirmation: 'confirmed', details: [`agreed to by ${by}`] })
      await once()
      await once()
    },
    async report(job, what) {
      if (job.origin !== 'server') return
      if (what.kind === 'over') await queue(job.id, overBody(what.outcome.outcome, what.outcome.text))
      else await queue(job.id, statusBody('proceeding', 'none', what.text, what.share))
      wake.abort()
    },
    async run(signal) {
      signal.addEventListener('abort', () => ended.abort(), { once: true })
      while (!signal.aborted) {
        wake = new AbortController()
        const waitMs = await once().then(
          () => {
            fails = 0
            return pollMs * (0.9 + Math.random() / 5)
          },
          (error: Error) => {
            if (!(error instanceof Unreachable) && !signal.aborted) said(`following the update server failed: ${error.message}`)
            // Thousands come back at once: none of them in step with another.
            return Math.min(REST_MS_MAX, pollMs * 2 ** fails++) * (0.5 + Math.random())
          },
        )
        if (view) view = { ...view, nextPoll: parts.now() + Math.round(waitMs * 1000) }
        await sleep(waitMs, undefined, { signal: AbortSignal.any([wake.signal, signal]) }).catch(() => undefined)
      }
    },
  }
}

function bundleOf({ chunks }: Deployment): Artifact | undefined {
  return chunks.flatMap((it) => it.artifacts).find((it) => BUNDLE.test(it.filename))
}

/** It stands among the artifacts of its bundle. */
function indexOf({ chunks }: Deployment, { filename }: Artifact): string | null {
  const index = chunks.flatMap((it) => it.artifacts).find((it) => it.filename === `${filename}.index`)
  return (index && addressOf(index)) ?? null
}

/** By TLS alone: what lets us in goes along. */
function addressOf({ _links }: Artifact): string | undefined {
  return [_links.download, _links['download-http']].find((it) => it?.href.startsWith('https://'))?.href
}

function jobOf(id: string, { update }: Deployment, artifact: Artifact, url: string, isWindowOpen: boolean): Job {
  return {
    ...newJob(id, 'server', artifact.filename, 'server'),
    url,
    bytes: artifact.size,
    sha256: artifact.hashes.sha256?.toLowerCase() ?? null,
    how: update,
    isWindowOpen,
  }
}

/** As it begins, whoever wants it. */
export function newJob(id: string, origin: Job['origin'], name: string, by: string): Job {
  return {
    id,
    origin,
    name,
    by,
    phase: 'fetch',
    url: null,
    file: null,
    bytes: null,
    sha256: null,
    indexUrl: null,
    version: null,
    generation: 0,
    how: 'forced',
    isWindowOpen: true,
    isAgreed: false,
    target: null,
    bootId: null,
    why: null,
  }
}

function overBody(outcome: string, text: string) {
  return statusBody('closed', FINISHED[outcome] ?? 'failure', `${outcome}: ${text}`)
}

function statusBody(execution: string, finished: string, text: string, share?: number | null) {
  const progress = typeof share === 'number' ? { progress: { cnt: Math.round(share * 100), of: 100 } } : {}
  return { status: { execution, result: { finished, ...progress }, details: [text.slice(0, TEXT_CHARS_MAX)] } }
}
