// A kind of command: what it does, and what becomes of one that a kill cut off.
import type { CommandAnswer } from '../core/cloud-command.ts'
import type { Held } from './journal.ts'

export interface Doing {
  /** On disk when it returns: from now on something may be done. `target`: what a rate is kept of. */
  begin(facts: object, target?: string): void
  /** The process is being ended. */
  readonly signal: AbortSignal
  /** Microseconds. */
  now(): number
}

export interface Outcome extends CommandAnswer {
  /** An audit event beside the answer: what was changed at a plant. */
  readonly audit?: Readonly<Record<string, string>>
}

export interface Kind {
  /** Nothing is done before `begin`. Unreachable: it may be tried again as long as the command is wanted; BadInput: refused. */
  run(command: Held, doing: Doing): Promise<Outcome>
  /** It was begun, and nobody knows how far it came. */
  resume(command: Held, doing: Doing): Promise<Outcome>
}
