// Records of events of a list (core/events.ts), and of those that went before they could be sent.
import type { EventSlice } from '../../core/log.ts'
import { streamKey } from '../../core/stream.ts'
import { listedEvents } from '../../records/events.ts'
import type { EventRecord } from './events.ts'
import { eventRecord } from './events.ts'
import type { RecordStyle } from './readings.ts'

export function* listEvents(
  slice: EventSlice,
  style: RecordStyle,
  now: number,
  isMarked: (sequence: number) => boolean,
): Iterable<EventRecord> {
  const { stream } = slice
  for (const { from, to, isGone, type, what, value } of listedEvents(slice, style.site, now)) {
    const sequence = isGone ? `${from}-${to - 1}` : from
    const name = { type: `holdfast.${type}`, subject: what, idPrefix: `${streamKey(stream)}:`, sequence }
    yield eventRecord(stream, `${stream.device}/${type}`, name, value, style, now, isMarked(from))
  }
}
