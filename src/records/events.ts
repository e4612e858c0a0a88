// What events say: those of a list (core/events.ts), and what a destination refused for good.
import type { EventSlice } from '../core/log.ts'
import type { Refusal } from '../core/position.ts'

export interface ListedEvent {
  /** [from, to): one number, or a run of numbers that no event has any more. */
  readonly from: number
  readonly to: number
  readonly isGone: boolean
  /** What the value is: `audit`, where the event does not say something else of itself. */
  readonly type: string
  readonly what: string
  readonly value: object
}

const GONE = 'events-gone'
const AUDIT = 'audit'

/** One for each event, in its own words; one for each run of numbers of events that went before they could be sent, which claims them all. */
export function* listedEvents({ stream, from, to, rows }: EventSlice, site: string, now: number): Iterable<ListedEvent> {
  const { device, epoch, class: name } = stream
  const about = { type: AUDIT, device, site, class: name, epoch, ingest_ts: now }
  const gone = (first: number, end: number): ListedEvent => {
    const range = { seq_from: first, seq_to: end - 1, count: end - first }
    return { from: first, to: end, isGone: true, type: AUDIT, what: GONE, value: { ...about, ts: now, what: GONE, ...range } }
  }
  let at = from
  for (const { sequence, text } of rows) {
    if (at < sequence) yield gone(at, sequence)
    const said = JSON.parse(text) as { readonly what: string; readonly type?: string }
    at = sequence + 1
    yield {
      from: sequence,
      to: at,
      isGone: false,
      type: said.type ?? AUDIT,
      what: said.what,
      value: { ...about, ...said, seq: sequence },
    }
  }
  if (at < to) yield gone(at, to)
}

/** Readings that count as delivered and are yet not at the destination. */
export function refusedValue(
  refusals: readonly Refusal[],
  about: { readonly device: string; readonly site: string; readonly uplink: string; readonly transaction: number },
  now: number,
): object {
  const { device, site, uplink, transaction } = about
  const readings = refusals.map(({ stream, sequence, code }) => ({ stream, seq: sequence, code }))
  return { type: 'refused', ts: now, device, site, uplink, transaction, readings }
}
