// Updates as operators see them: what runs, what comes, how far it is, and why it waits. The updater offers these verbs on its own socket.
import type { Micros } from './reading.ts'

/** fetch: its bytes come; ready: whole and checked, it waits; try: it runs and has to show that it is well; back: it was not. */
export const UPDATE_PHASES = ['fetch', 'ready', 'install', 'reboot', 'try', 'back'] as const
export type UpdatePhase = (typeof UPDATE_PHASES)[number]

export const UPDATE_ORIGINS = ['server', 'url', 'stick', 'file', 'slot'] as const
/** Where it came from; slot: the one that was there before, by an explicit roll-back. */
export type UpdateOrigin = (typeof UPDATE_ORIGINS)[number]

/** link: no way out that carries class system; space: the disk is short; window: not now; agreement: a person has to confirm; rest: after a failure. */
export const UPDATE_WAITS = ['link', 'space', 'window', 'agreement', 'rest'] as const
export type UpdateWaitCode = (typeof UPDATE_WAITS)[number]

export interface UpdateWait {
  readonly code: UpdateWaitCode
  readonly text: string
}

export interface SlotView {
  /** `A` */
  readonly name: string
  readonly isBooted: boolean
  /** The one that the next boot takes. */
  readonly isNext: boolean
  /** The boot loader may take it. */
  readonly isGood: boolean
  /** Of what was installed there last; null: as it left the factory. */
  readonly version: string | null
}

export interface UpdateJobView {
  readonly origin: UpdateOrigin
  readonly phase: UpdatePhase
  /** Of its file. */
  readonly name: string
  /** Null: not known before its bytes are there. */
  readonly version: string | null
  readonly by: string
  /** 0 to 1 of this phase; null: nobody knows. */
  readonly share: number | null
  readonly text: string
  /** Fetched, of what has to be: of a bundle that is put together from what the box has, the rest alone. */
  readonly bytes: number
  readonly bytesAll: number | null
  readonly wait: UpdateWait | null
}

export const HEALTH_STATES = ['well', 'excused', 'waiting'] as const

/** One thing that has to be well before a version stays. excused: it was down before, or does not answer from outside either. */
export interface HealthCheck {
  /** `log`, `source press-3`, `uplink cloud` */
  readonly what: string
  readonly state: (typeof HEALTH_STATES)[number]
  readonly text: string
}

/** good: it runs and stays; fell-back: the version before runs again; refused: never installed; failed: could not be; canceled: taken back. */
export const UPDATE_OUTCOMES = ['good', 'fell-back', 'refused', 'failed', 'canceled'] as const

export interface UpdateOutcome {
  readonly outcome: (typeof UPDATE_OUTCOMES)[number]
  readonly version: string | null
  readonly text: string
  readonly at: Micros
}

export interface UpdateServerView {
  readonly url: string
  readonly lastContact: Micros | null
  readonly nextPoll: Micros | null
  readonly lastError: string | null
  /** A bundle that it wants somebody here to confirm. */
  readonly asks: string | null
}

export interface UpdateStatus {
  /** That runs. */
  readonly version: string
  readonly slots: readonly SlotView[]
  readonly job: UpdateJobView | null
  /** Of the version that runs: what has been seen since it began. */
  readonly checks: readonly HealthCheck[]
  readonly last: UpdateOutcome | null
  /** Null: the settings name none. */
  readonly server: UpdateServerView | null
  /** Below it no bundle is installed. */
  readonly minimum: { readonly generation: number; readonly version: string } | null
}

/** What a bundle is taken from. None of them is a path. */
export type UpdateSource =
  | { readonly url: string }
  /** A file of the stick that is mounted. */
  | { readonly stick: string }
  /** What `take` has put together. */
  | { readonly taken: true }

export interface UpdateApi {
  status(): Promise<UpdateStatus>
  /** Asks the server now, and not at its time. */
  check(): Promise<UpdateStatus>
  /** One piece of a bundle: at 0 a new one begins. Resolves with how many bytes are there. */
  take(offset: number, base64: string): Promise<{ readonly bytes: number }>
  install(from: UpdateSource, by: string): Promise<UpdateStatus>
  /** What waits for a window or an agreement is installed now. */
  confirm(by: string): Promise<UpdateStatus>
  cancel(by: string): Promise<UpdateStatus>
  /** Boots the other slot. */
  rollBack(by: string): Promise<UpdateStatus>
}

export type UpdateVerb = keyof UpdateApi
