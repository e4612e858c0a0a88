// What of a transaction that broke off the broker has: the acknowledged of each range, up to the first message of which nobody knows. A number without
// a message of its own (a hole of the range, one that is given up) goes with those before it.
import type { Arrived, Refusal } from '../../core/position.ts'
import type { StreamRange } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import { isOfPlace, refusalOf } from './errors.ts'
import type { Message } from './messages.ts'
import { refusalsOf } from './refusals.ts'

/** `reasons` of all that was answered, or was never sent. */
export function arrivedOf(
  ranges: readonly StreamRange[],
  messages: readonly Message[],
  reasons: ReadonlyMap<Message, number>,
): Arrived {
  const open = messages.filter((it) => !isSettled(reasons.get(it))).map(placeOf)
  const has = ranges.flatMap(({ stream, from, to }): StreamRange[] => {
    const first = open.reduce((least, it) => (isWithin(it, { stream, from, to }) ? Math.min(least, it.sequence) : least), to)
    return first > from ? [{ stream, from, to: first }] : []
  })
  const refused = messages.flatMap((message) => {
    const why = refusalOf(reasons.get(message) ?? 0)
    return why && has.some((it) => isWithin(placeOf(message), it)) ? [{ message, why }] : []
  })
  return { ranges: has, refused: refusalsOf(refused) }
}

type Place = Pick<Refusal, 'stream' | 'sequence'>

/** What is told to be elsewhere stands for numbers of another stream. */
function placeOf({ stream, sequence, about }: Message): Place {
  return { stream: about ?? streamKey(stream), sequence }
}

function isWithin({ stream, sequence }: Place, range: StreamRange): boolean {
  return stream === range.stream && sequence >= range.from && sequence < range.to
}

/** The broker has it, or never will, whatever else is said of the class. */
function isSettled(reason: number | undefined): boolean {
  return reason !== undefined && (reason < 128 || (refusalOf(reason) !== undefined && !isOfPlace(reason)))
}
