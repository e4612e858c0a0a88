// Records of events of a list (core/events.ts), and of those that went before they could be sent.
import type { EventSlice } from '../../core/log.ts'
import { streamKey } from '../../core/stream.ts'
import type { EventRecord } from './events.ts'
import { eventRecord } from './events.ts'
import type { RecordStyle } from './readings.ts'

/** A record for each event; one for each run of numbers that no event has any more, which claims them all. */
export function* listEvents(
  { stream, from, to, rows }: EventSlice,
  style: RecordStyle,
  now: number,
  isMarked: (sequence: number) => boolean,
): Iterable<EventRecord> {
  const { device, epoch } = stream
  const about = { device, site: style.site, class: stream.class, epoch, ingest_ts: now }
  const record = (value: object, sequence: number | string, subject: string, marked: boolean) => {
    const name = { type: 'holdfast.audit', subject, idPrefix: `${streamKey(stream)}:`, sequence }
    return eventRecord(stream, `${device}/audit`, name, { type: 'audit', ...about, ...value }, style, now, marked)
  }
  const gone = (first: number, end: number) =>
    record(
      { ts: now, what: 'events-gone', seq_from: first, seq_to: end - 1, count: end - first },
      `${first}-${end - 1}`,
      'events-gone',
      isMarked(first),
    )
  let at = from
  for (const { sequence, text } of rows) {
    if (at < sequence) yield gone(at, sequence)
    const said = JSON.parse(text) as { readonly what: string }
    yield record({ ...said, seq: sequence }, sequence, said.what, isMarked(sequence))
    at = sequence + 1
  }
  if (at < to) yield gone(at, to)
}
