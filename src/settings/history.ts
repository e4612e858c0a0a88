// Which settings there were, who made them, and the change that waits for its confirmation.
//
//   DIR/settings/history.json      the entries, the oldest first
//   DIR/settings/<revision>.yaml   each text, named by its SHA-256: never changed
//   DIR/settings/pending.json      a change that is taken back unless it is confirmed; of another boot of the machine: it is taken back
//
// The settings file itself stands where the agent was told. It is written after its entry, so that what is in force is always in the history;
// an entry behind the one in force never came into force.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SETTINGS_REVISIONS_MAX } from '../core/bounds.ts'
import type { SettingsEntry } from '../core/operator.ts'
import type { Micros } from '../core/reading.ts'

/** Of a text: SHA-256, hex. */
export const revisionOf = (text: string) => createHash('sha256').update(text).digest('hex')

export interface Recorded {
  readonly revision: string
  readonly at: Micros
  readonly by: string
  readonly note?: string
  readonly outcome?: 'reverted'
}

export interface Pending {
  readonly revision: string
  readonly previous: string
  readonly by: string
  /** When it is taken back, on the monotonic clock of that boot: ms. */
  readonly deadlineMs: number
  readonly boot: string
}

export interface SettingsHistory {
  entries(): Promise<readonly Recorded[]>
  /** Undefined: not kept, or its file is damaged. */
  text(revision: string): Promise<string | undefined>
  /** The text is kept before the entry says so. */
  add(entry: Recorded, text: string): Promise<void>
  /** The last entry of that revision. */
  mark(revision: string, outcome: 'reverted'): Promise<void>
  pending(): Promise<Pending | undefined>
  setPending(pending: Pending | undefined): Promise<void>
}

/** `write` replaces a file as a whole, on disk by fsync when it resolves. */
export function openHistory(dir: string, write: (path: string, text: string, mode: number) => Promise<void>): SettingsHistory {
  const folder = join(dir, 'settings')
  const list = join(folder, 'history.json')
  const waiting = join(folder, 'pending.json')
  const fileOf = (revision: string) => join(folder, `${revision}.yaml`)

  async function save(entries: readonly Recorded[]): Promise<void> {
    const kept = entries.slice(-SETTINGS_REVISIONS_MAX)
    await write(list, `${JSON.stringify(kept, undefined, 1)}\n`, 0o640)
    const needed = new Set(kept.map((it) => it.revision))
    for (const { revision } of entries.slice(0, -SETTINGS_REVISIONS_MAX))
      if (!needed.has(revision)) await rm(fileOf(revision), { force: true })
  }

  async function entries(): Promise<Recorded[]> {
    const found = await readJson(list)
    return Array.isArray(found) ? found.filter(isRecorded) : []
  }

  return {
    entries,
    async text(revision) {
      const text = await readFile(fileOf(revision), 'utf8').catch(() => undefined)
      return text !== undefined && revisionOf(text) === revision ? text : undefined
    },
    async add(entry, text) {
      await mkdir(folder, { recursive: true, mode: 0o750 })
      await write(fileOf(entry.revision), text, 0o640)
      await save([...(await entries()), entry])
    },
    async mark(revision, outcome) {
      const all = await entries()
      const at = all.findLastIndex((it) => it.revision === revision)
      if (at >= 0) await save(all.with(at, { ...(all[at] as Recorded), outcome }))
    },
    async pending() {
      const found = await readJson(waiting)
      return isPending(found) ? found : undefined
    },
    async setPending(pending) {
      await mkdir(folder, { recursive: true, mode: 0o750 })
      if (pending) await write(waiting, JSON.stringify(pending), 0o640)
      else await rm(waiting, { force: true })
    },
  }
}

/** What the entries became, the youngest first. */
export function outcomes(entries: readonly Recorded[], current: string, pending: Pending | undefined): SettingsEntry[] {
  const last = entries.findLastIndex((it) => it.revision === current)
  const waiting = entries.findLastIndex((it) => it.revision === pending?.revision)
  return entries
    .map(({ outcome, ...it }, at): SettingsEntry => {
      const waits = at === waiting
      // One that waits behind what is in force is just being taken back.
      const isBack = at > last || (at < last && waits)
      return { ...it, outcome: outcome ?? (isBack ? 'reverted' : at < last ? 'replaced' : waits ? 'pending' : 'current') }
    })
    .toReversed()
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    // Missing, or damaged: the settings file itself is what counts.
    return undefined
  }
}

const has = <K extends string>(value: unknown, ...keys: K[]): value is Record<K, string> =>
  typeof value === 'object' && value !== null && keys.every((key) => typeof (value as Record<string, unknown>)[key] === 'string')
const isRecorded = (value: unknown): value is Recorded =>
  has(value, 'revision', 'by') && /^[0-9a-f]{64}$/.test(value.revision) && Number.isSafeInteger((value as unknown as Recorded).at)
const isPending = (value: unknown): value is Pending =>
  has(value, 'revision', 'previous', 'by', 'boot') && Number.isFinite((value as unknown as Pending).deadlineMs)
