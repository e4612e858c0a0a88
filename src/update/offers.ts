// What people ask of the updater: the verbs, on the course of the one update that there is.
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import type { HealthCheck, UpdateApi, UpdateStatus } from '../core/update.ts'
import type { Course } from './course.ts'
import { BUNDLE_BYTES_MAX } from './download.ts'
import type { Follow } from './follow.ts'
import { newJob } from './follow.ts'
import type { Minimum } from './minimum.ts'
import { forget } from './part.ts'
import type { Slots } from './slots.ts'
import type { Job, Store } from './state.ts'

export interface OfferParts {
  readonly course: Course
  readonly follow: Follow
  readonly store: Store
  readonly slots: Slots
  readonly minimum: Minimum
  readonly version: string
  readonly bundleFile: string
  /** Where the helper mounts a stick. */
  readonly stickDir: string
  checks(): readonly HealthCheck[]
  said(text: string): void
}

/** O_NOFOLLOW: whoever brings a stick chooses its links too. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW

export function updateOffers(parts: OfferParts): UpdateApi {
  const { course, follow, store, slots, minimum, bundleFile, said } = parts
  let seen: UpdateStatus['slots'] = []
  /** RAUC answers nobody while it writes a slot: till then, what it said last. */
  const viewed = (): Promise<UpdateStatus['slots']> =>
    slots.view().then(
      (it) => (seen = it),
      () => seen,
    )

  async function begin(job: Job): Promise<UpdateStatus> {
    const { job: other } = store.now()
    if (other) {
      const remedy = 'wait until it is over, or take it back: update cancel'
      throw new BadInput([{ where: 'update', text: `another one is under way: ${other.version ?? other.name}`, remedy }])
    }
    said(`${job.by} wants ${job.origin === 'slot' ? 'the other slot' : job.name}`)
    await store.put({ job })
    course.nudge()
    return status()
  }

  async function status(): Promise<UpdateStatus> {
    const { job, last } = store.now()
    const least = await minimum.read().catch(() => null)
    return {
      version: parts.version,
      slots: await viewed(),
      job: job && viewOf(job, course),
      checks: parts.checks(),
      last,
      server: follow.view(),
      minimum: least,
    }
  }

  return {
    status,
    async check() {
      await follow.check()
      return status()
    },
    take: (offset, base64) => take(bundleFile, store.now().job, offset, Buffer.from(base64, 'base64')),
    async install(from, by) {
      if ('stick' in from) return begin(await ofStick(parts.stickDir, from.stick, by))
      if ('url' in from) return begin({ ...newJob(randomUUID(), 'url', nameOf(from.url), by), url: from.url, isAgreed: true })
      return begin(await ofTaken(bundleFile, by))
    },
    async confirm(by) {
      const { job } = store.now()
      if (!job) await follow.agree(by)
      else {
        said(`${by} wants it now`)
        await store.put({ job: { ...job, isAgreed: true } })
        course.nudge()
      }
      return status()
    },
    async cancel(by) {
      await course.cancel(`taken back by ${by}`)
      return status()
    },
    async rollBack(by) {
      const other = (await slots.view()).find((it) => !it.isBooted)
      if (!other?.isGood) {
        const text = other ? `slot ${other.name} holds nothing that boots` : 'this box has one slot'
        throw new BadInput([{ where: 'update', text, remedy: 'install a bundle' }])
      }
      const name = `slot ${other.name}`
      return begin({
        ...newJob(randomUUID(), 'slot', name, by),
        file: name,
        phase: 'ready',
        version: other.version,
        isAgreed: true,
      })
    },
  }
}

function viewOf(job: Job, course: Course): UpdateStatus['job'] {
  const { origin, phase, name, version, by } = job
  return { origin, phase, name, version, by, ...course.progress() }
}

/** As it stands in the address, percent signs and all: it is shown on terminals. */
function nameOf(url: string): string {
  const { pathname, host } = new URL(url)
  return (pathname.split('/').at(-1) || host).slice(0, 120)
}

async function ofStick(dir: string, name: string, by: string): Promise<Job> {
  const file = join(dir, name)
  const found = await lstat(file).catch(() => undefined)
  if (!found?.isFile()) throw new BadInput([{ where: name, text: 'is no file of the stick that is mounted' }])
  return { ...newJob(randomUUID(), 'stick', name, by), file, bytes: found.size, isAgreed: true }
}

async function ofTaken(file: string, by: string): Promise<Job> {
  const found = await lstat(file).catch(() => undefined)
  if (!found?.isFile()) throw new BadInput([{ where: 'update', text: 'no bundle was handed over' }])
  return { ...newJob(randomUUID(), 'file', 'a file that was handed over', by), file, bytes: found.size, isAgreed: true }
}

async function take(file: string, job: Job | null, offset: number, piece: Buffer): Promise<{ bytes: number }> {
  if (job) throw new BadInput([{ where: 'update', text: 'another update is under way' }])
  if (offset + piece.length > BUNDLE_BYTES_MAX) throw new BadInput([{ where: 'bundle', text: 'is more than a slot takes' }])
  if (offset === 0) await forget(file)
  const handle = await open(file, FLAGS, 0o600)
  try {
    const { size } = await handle.stat()
    if (size !== offset) throw new BadInput([{ where: 'offset', text: `must be ${size}, which is where the last piece ended` }])
    await handle.write(piece, 0, piece.length, offset)
    return { bytes: size + piece.length }
  } finally {
    await handle.close()
  }
}
