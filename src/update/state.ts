// What an update is at, on disk: STATE/update.json, replaced as a whole before each step that cannot be taken back.
//
//   fetch ─► ready ─► install ─► reboot ═► try ─► (gone: the version stays)
//     │        │         │         ╚═ the other slot came up: it fell back
//     └────────┴─────────┴─► (gone: refused, failed, canceled)      try ─► back ═► the version before
//
// Always held: what `phase` says was begun may have been done any number of times, and doing it again is right. A boot is told from none by its id.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { UPDATE_ORIGINS, UPDATE_OUTCOMES, UPDATE_PHASES } from '../core/update.ts'

const job = z.object({
  /** Of the server's action; drawn for others. */
  id: z.string(),
  origin: z.enum(UPDATE_ORIGINS),
  phase: z.enum(UPDATE_PHASES),
  name: z.string(),
  by: z.string(),
  /** Where its bytes come from; null: they are in `file` already. */
  url: z.string().nullable(),
  file: z.string().nullable(),
  bytes: z.number().nullable(),
  sha256: z.string().nullable(),
  /** Of the server: where its index is. Of others it stands beside the bundle. */
  indexUrl: z.string().nullable().default(null),
  /** Known once it is checked. */
  version: z.string().nullable(),
  generation: z.number(),
  /** forced: as soon as it may; attempt: in a window; skip: not before somebody says so. */
  how: z.enum(['forced', 'attempt', 'skip']),
  /** Of the server: installing may begin now. */
  isWindowOpen: z.boolean(),
  /** A person said: now. */
  isAgreed: z.boolean(),
  /** The slot that it goes to, and the boot from which it was left. */
  target: z.string().nullable(),
  bootId: z.string().nullable(),
  /** Why it goes back. */
  why: z.string().nullable(),
})
export type Job = z.output<typeof job>

const reach = z.object({ host: z.string(), port: z.number() })
const way = z.object({
  address: z.string(),
  port: z.number(),
  /** The box's own port. */
  by: z.string(),
})
export type Way = z.output<typeof way>

const seen = z.object({
  name: z.string(),
  /** It gave or took readings. */
  isAtWork: z.boolean(),
  /** Where it answers from outside; empty: it has no such address. */
  reach: z.array(reach),
  /** By which of the box's ports it was reached. */
  ways: z.array(way).default([]),
})
export type SeenPart = z.output<typeof seen>

const baseline = z.object({
  sources: z.array(seen),
  uplinks: z.array(seen),
  /** The agent did not answer: without its disk, as a rule. */
  isAgentAway: z.boolean().default(false),
  /** What the log lies on was full. */
  isDiskFull: z.boolean().default(false),
})
/** How the data path was before. */
export type Baseline = z.output<typeof baseline>

const outcome = z.object({
  outcome: z.enum(UPDATE_OUTCOMES),
  version: z.string().nullable(),
  text: z.string(),
  at: z.number(),
})

const state = z.object({
  job: job.nullable(),
  baseline: baseline.nullable(),
  last: outcome.nullable(),
  /** What the server has not been told yet, oldest first. */
  reports: z.array(z.object({ action: z.string(), body: z.record(z.string(), z.unknown()) })),
  /** The server's action that was dealt with last: it is not begun twice. */
  done: z.string().nullable(),
})
export type UpdateState = z.output<typeof state>

const EMPTY: UpdateState = { job: null, baseline: null, last: null, reports: [], done: null }
const REPORTS_MAX = 50

export interface Store {
  now(): UpdateState
  /** On disk when it resolves. */
  put(change: Partial<UpdateState>): Promise<void>
}

/** A file that cannot be read counts as none: the slots say by themselves what runs. */
export async function openStore(
  file: string,
  write: (path: string, text: string) => Promise<void>,
  said: (text: string) => void,
): Promise<Store> {
  let current = await readFile(file, 'utf8').then(
    (text) => parsed(text, said),
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') said(`what the update was at cannot be read: ${error.code}`)
      return EMPTY
    },
  )
  let writing = Promise.resolve()
  return {
    now: () => current,
    put(change) {
      current = { ...current, ...change }
      current = { ...current, reports: current.reports.slice(-REPORTS_MAX) }
      const text = `${JSON.stringify(current)}\n`
      writing = writing.catch(() => undefined).then(() => write(file, text))
      return writing
    },
  }
}

function parsed(text: string, said: (text: string) => void): UpdateState {
  try {
    return state.parse(JSON.parse(text))
  } catch {
    said('what the update was at is damaged: it begins anew')
    return EMPTY
  }
}
