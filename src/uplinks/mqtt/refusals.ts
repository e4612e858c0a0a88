// What becomes of messages that the broker refuses: one alone is refused for good and others go on; where nothing of a class gets in at all, the class
// waits for somebody to change that, and nothing of it is given up.
import type { Explained } from '../../clients/mqtt/explain.ts'
import { Blocked, Unreachable } from '../../core/errors.ts'
import type { Refusal } from '../../core/position.ts'
import { streamKey } from '../../core/stream.ts'
import type { Message } from './messages.ts'
import { isForAll, isOfPlace, refusalOf } from './errors.ts'
import type { Session } from './session.ts'

/** Where others of the class got in before, so many in a row may be refused until it counts as shut out. */
const IN_A_ROW_MAX = 20

export interface Refused {
  readonly message: Message
  readonly why: Explained
}

/** A gap record or an event has no place among what is parked. */
export function refusalsOf(refused: readonly Refused[]): Refusal[] {
  const data = refused.filter(({ message: { stream } }) => stream.form === 'raw' || stream.form === 'aggregate')
  return data.map(({ message, why }) => ({ stream: streamKey(message.stream), sequence: message.sequence, code: why.code }))
}

/** Classes are judged by form: each form has topics of its own. */
const groupOf = ({ stream }: Message) => `${stream.class}:${stream.form}`

export function judge() {
  /** By group: how many were refused since the last one that got in. Absent: none ever got in. */
  const inARow = new Map<string, number>()

  function shutOut(refused: ReadonlyMap<Message, number>, accepted: ReadonlySet<string>): Message[] {
    for (const group of accepted) inARow.set(group, 0)
    const ofPlace = [...refused].filter(([, reason]) => isOfPlace(reason)).map(([message]) => message)
    return ofPlace.filter((it) => {
      const group = groupOf(it)
      if (accepted.has(group)) return false
      const before = inARow.get(group)
      if (before !== undefined) inARow.set(group, before + 1)
      return before === undefined || before >= IN_A_ROW_MAX
    })
  }

  return {
    /** By the reason of each message's PUBACK. Throws Blocked or Unreachable. */
    of(reasons: ReadonlyMap<Message, number>, { where }: Pick<Session, 'where'>): Refused[] {
      const all = [...reasons.values()].find(isForAll)
      if (all !== undefined)
        throw new Unreachable('broker-unavailable', `${where}: the broker takes nothing now (reason ${all})`, {
          remedy: 'look at the broker; we try again',
        })
      const refused = new Map([...reasons].filter(([, reason]) => refusalOf(reason) !== undefined))
      const accepted = new Set([...reasons].filter(([it]) => !refused.has(it)).map(([it]) => groupOf(it)))
      const shut = shutOut(refused, accepted)
      const [first] = shut
      if (first) throw blocked(shut, refusalOf(refused.get(first) ?? 0) as Explained, where)
      return [...refused].map(([message, reason]) => ({ message, why: refusalOf(reason) as Explained }))
    },
  }
}

function blocked(shut: readonly Message[], { code, text, remedy }: Explained, where: string): Blocked {
  const topics = [...new Set(shut.map((it) => it.topic))]
  const classes = [...new Set(shut.map((it) => it.stream.class))]
  return new Blocked(code, `${where}: ${text} on ${topics.slice(0, 3).join(', ')}`, { topics, classes }, { remedy })
}
