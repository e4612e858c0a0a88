// What a broker says no to, as what the pipeline can react to: everything waits, or a message is refused for good.
import type { Explained } from '../../clients/mqtt/explain.ts'
import { explain } from '../../clients/mqtt/explain.ts'
import { Unreachable } from '../../core/errors.ts'

const DENIED: ReadonlySet<string> = new Set([
  'bad-credentials',
  'not-authorised',
  'client-id-refused',
  'client-certificate-refused',
])

export function asUnreachable(error: unknown, where: string): Unreachable {
  if (error instanceof Unreachable) return error
  const { code, text, remedy } = explain(error, where)
  return new Unreachable(code, text, { cause: error, remedy, isDenied: DENIED.has(code) })
}

export const PACKET_TOO_LARGE = 149
/** None of MQTT's: suspicion.ts. */
export const CONNECTION_CUT = 1_000

const NOT_AUTHORISED: Explained = {
  code: 'publish-denied',
  text: 'the broker does not let us publish',
  remedy: 'allow the topics for this user in the access list of the broker',
}
const TOO_LARGE: Explained = {
  code: 'record-too-large',
  text: 'the message is longer than the broker takes',
  remedy: 'raise the largest message that the broker takes',
}
const PUBLISH_REFUSED: Explained = {
  code: 'publish-refused',
  text: 'the broker refuses the message',
  remedy: 'look at the broker and its log',
}

const CUT: Explained = {
  code: 'message-cuts',
  text: 'the broker cuts the connection for this message each time',
  remedy:
    'is it longer than the broker takes, or its topic forbidden? Set packetBytesMax, and version: 5, by which a broker says why',
}

/** By the reason of a PUBACK. What is in here is about this message; any other reason says that the broker cannot now. */
const REFUSED: Readonly<Record<number, Explained>> = {
  128: PUBLISH_REFUSED,
  131: PUBLISH_REFUSED,
  135: NOT_AUTHORISED,
  144: {
    code: 'topic-refused',
    text: 'the broker refuses the name of the topic',
    remedy: 'change topics of the uplink, or the tag',
  },
  149: TOO_LARGE,
  [CONNECTION_CUT]: CUT,
  153: {
    code: 'payload-refused',
    text: 'the broker refuses the payload',
    remedy: 'what the broker checks payloads for, JSON has to pass',
  },
}

/** Undefined: the broker has it. */
export function refusalOf(reason: number): Explained | undefined {
  return reason >= 128 ? REFUSED[reason] : undefined
}

/** Whether another topic, or another setting of the broker, would change it: not so what is about the message alone. */
export function isOfPlace(reason: number): boolean {
  return reason === 128 || reason === 131 || reason === 135
}

export function isForAll(reason: number): boolean {
  return reason >= 128 && !REFUSED[reason]
}
