// Answers, into the log and so to the uplinks: offered from where the log says that it is, again and again (core/events.ts). Nothing waits for it.
import { EVENTS_OFFERED_MAX } from '../core/bounds.ts'
import type { LogEvents } from '../core/events.ts'
import type { Journal } from './journal.ts'

export interface HandOverParts {
  readonly journal: Journal
  now(): number
  isTrusted(): boolean
  /** Says which number is wanted next. Rejects with Unreachable. */
  offer(events: LogEvents): Promise<number>
}

export function answersHandOver({ journal, now, isTrusted, offer }: HandOverParts) {
  /** Number of the list that the log wants; undefined: it has to be asked. */
  let next: number | undefined

  /** Whether there may be more at once. */
  return async function round(): Promise<boolean> {
    try {
      const list = journal.listId()
      next ??= await offer({ list, from: 0, events: [] })
      if (journal.wasSetBack(next + 1)) {
        next = undefined
        return true
      }
      const from = next
      const { events } = journal.answersFrom(from + 1, EVENTS_OFFERED_MAX)
      if (events.length > 0) next = await offer({ list, from, events })
      if (isTrusted()) journal.forget(now(), next + 1)
      // A log that takes nothing now is offered the same a while later.
      return next > from && events.length === EVENTS_OFFERED_MAX
    } catch (error) {
      // Who comes back may have another log.
      next = undefined
      throw error
    }
  }
}
