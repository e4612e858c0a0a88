// What an uplink may send at this moment. Asked before each transaction: windows open and close, links come and go, budgets run out, and
// another uplink may be the one that has a class now.
import type { Micros } from './reading.ts'

/** The way out of the box that a connection takes. A change of it is a new connection. */
export interface Route {
  /** The interface by its name. */
  readonly link: string
  /** Source address of every socket, DNS included. */
  readonly localAddress: string
}

/** Whether both are the same way out. */
export function isSameRoute(a: Route | undefined, b: Route | undefined): boolean {
  return a?.link === b?.link && a?.localAddress === b?.localAddress
}

export interface Admitted {
  /** Classes to leave out now. */
  readonly except: readonly string[]
  /** Bytes that the next transaction may take on the wire, both ways; Infinity where nothing bounds it. */
  readonly bytesMax: number
  /** Undefined: whatever way the system has. */
  readonly route: Route | undefined
  /** Nothing may go now, not even a connection. */
  readonly wait?: Wait | undefined
}

/** window, link, budget: see `text`. rate: the link has carried what it may for now. */
export type WaitCode = 'window' | 'link' | 'budget' | 'rate'

export interface Wait {
  readonly code: WaitCode
  readonly text: string
  /** Undefined: nobody knows. */
  readonly until: Micros | undefined
}

export interface Admission {
  now(): Admitted
  /**
   * Before the first byte of so many: where a budget counts, durable before it resolves. Undefined: there is no room for them in it.
   * Absent: nothing counts.
   */
  reserve?(route: Route | undefined, bytes: number): Promise<Grant | undefined>
  /** False: the way is gone, and what is under way there comes to nothing. Absent: always there. */
  holds?(route: Route): boolean
}

/** Bytes that may go. They are spent, whatever becomes of us, until somebody says what they were. */
export interface Grant {
  /** So many more have gone. False when that is beyond what the budget holds: stop. */
  spent(bytes: number): boolean
  /** Nothing more of it will go. */
  end(): void
}

/** The class of all that the box itself fetches and sends: updates, time, names. */
export const SYSTEM_CLASS = 'system'
