// What was done on the box, on its way to the uplinks: events of a list outside of the log (that of access), handed over in their order. Each keeps
// the list's own number, in a stream of the list's own: whoever is asked twice, or reads the list anew, changes nothing.
import type { AuditEvent } from './access.ts'

/** Each is offered again until it is taken: `next` of the answer says how far that is. */
export interface EventsOffer {
  /** Which list: 32 hexadecimal digits, for its whole life. */
  readonly list: string
  /** Events from this position on; what is missing between it and the first of them is gone. */
  readonly from: number
  readonly events: readonly AuditEvent[]
}

export interface EventsTaken {
  /** The position that is wanted next. On disk are all before it. */
  readonly next: number
}

/** As the log keeps it. `text`: JSON of what the record says of it. */
export interface LogEvent {
  readonly sequence: number
  readonly text: string
}

/** An offer as the log takes it. */
export interface LogEvents {
  readonly list: string
  readonly from: number
  readonly events: readonly LogEvent[]
}

/** Of a list's stream: it is of no class. */
export const EVENTS_CLASS = ''
