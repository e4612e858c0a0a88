// An MQTT broker as an uplink: each reading a message with QoS 1, and a transaction is over when the broker has acknowledged the last one.
//
// There is no transaction at a broker and no position: what the log knows to be acknowledged is the position, and after a doubt the rest is sent again.
// So: at least once, each tag in its order. It retries nothing: after any doubt it is thrown away, and says what is acknowledged all the same.
import { Unreachable } from '../../core/errors.ts'
import type { Arrived, Refusal } from '../../core/position.ts'
import type { StreamIntervals } from '../../core/stream.ts'
import type { Uplink, UplinkBatch, UplinkContext } from '../../core/uplink.ts'
import { arrivedOf } from './arrived.ts'
import { CONNECTION_CUT, PACKET_TOO_LARGE } from './errors.ts'
import { lastValues } from './last-values.ts'
import type { Message } from './messages.ts'
import { messagesOf, refusalMessages } from './messages.ts'
import type { Refused } from './refusals.ts'
import { judge, refusalsOf } from './refusals.ts'
import type { Outgoing } from './session.ts'
import { openSession } from './session.ts'
import type { MqttUplinkSettings } from './settings.ts'
import { suspicionOf } from './suspicion.ts'

/** Header, length, the topic's length, packet number, properties. */
const PACKET_OVERHEAD_BYTES = 1 + 4 + 2 + 2 + 1
const NOTHING_KNOWN: StreamIntervals = new Map()

export async function openUplink(settings: MqttUplinkSettings, context: UplinkContext): Promise<Uplink> {
  const session = await openSession(settings, context)
  const { limits } = session
  const { log } = context
  const isRetaining = settings.retain && limits.isRetaining
  if (settings.retain && !limits.isRetaining)
    log.warn(
      { code: 'retain-unavailable' },
      `${session.where}: the broker keeps no last values; set retain: false, or allow them there`,
    )
  const values = lastValues(context.device)
  const judgement = judge()
  const suspicion = suspicionOf(context)

  async function learn(messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const asked = isRetaining ? values.unknown(messages) : []
    if (asked.length === 0) return
    const { kept, denied } = await session.kept(asked, signal)
    values.learn(asked, kept)
    if (denied.length > 0)
      log.warn(
        { code: 'kept-denied', topics: denied.length, first: denied[0] },
        `${session.where}: the broker does not let us see what it keeps: after a doubt an older value may stand there for a moment; let this user subscribe to its own topics`,
      )
  }

  /** Adds the reason of each PUBACK. */
  async function publish(messages: readonly Message[], reasons: Map<Message, number>, signal: AbortSignal): Promise<void> {
    const isOpen = (it: Message) => !reasons.has(it)
    const kept = isRetaining ? values.choose(messages.filter(isOpen), context.clock.now()) : new Set<Message>()
    for (const { messages: all, isAlone } of suspicion.portions(messages, limits.inFlightMax)) {
      const portion = all.filter(isOpen)
      const outgoing = portion.map((it): Outgoing => ({ topic: it.topic, payload: it.payload, retain: kept.has(it) }))
      const inFlightMax = isAlone ? 1 : limits.inFlightMax
      const acknowledged = (at: number, reason: number) => void reasons.set(portion[at] as Message, reason)
      try {
        await session.publish(outgoing, { inFlightMax, acknowledged }, signal)
      } catch (error) {
        const first = portion.find(isOpen)
        if (first && session.isCut()) suspicion.cut(first, isAlone)
        throw error
      }
    }
  }

  /** Once: who was too far away for it sees the hole all the same, and the box says what it was. */
  async function tell(refusals: readonly Refusal[], transaction: number, signal: AbortSignal): Promise<void> {
    const messages = refusalMessages(refusals, transaction, settings, context).filter(
      (it) => packetBytes(it) <= limits.packetBytesMax,
    )
    const outgoing = messages.map((it): Outgoing => ({ topic: it.topic, payload: it.payload, retain: false }))
    const { inFlightMax } = limits
    await session.publish(outgoing, { inFlightMax, acknowledged() {} }, signal).catch((error: unknown) => {
      log.warn({ code: (error as { code?: string }).code, count: refusals.length }, 'what was refused could not be told')
    })
  }

  async function send(batch: UplinkBatch, transaction: number, signal: AbortSignal): Promise<readonly Refusal[]> {
    const messages = messagesOf(batch, transaction, settings, context)
    const reasons = new Map<Message, number>()
    for (const it of messages) {
      if (packetBytes(it) > limits.packetBytesMax) reasons.set(it, PACKET_TOO_LARGE)
      else if (suspicion.isRefused(it)) reasons.set(it, CONNECTION_CUT)
    }
    await learn(
      messages.filter((it) => !reasons.has(it)),
      signal,
    )
    try {
      await publish(messages, reasons, signal)
    } catch (error) {
      throw withArrived(error, arrivedOf(batch.ranges ?? [], messages, reasons))
    }
    suspicion.clear()
    const inTurn = new Map(messages.map((it) => [it, reasons.get(it) ?? 0]))
    const refusals = refused(judgement.of(inTurn, session), context)
    await tell(refusals, transaction, signal)
    return refusals
  }

  return {
    // The log's own count is the position: nothing can be asked for there.
    position: (_signal, told = 0) => Promise.resolve({ transaction: told, delivered: NOTHING_KNOWN }),
    endOffsets: () => Promise.resolve({}),
    send: (batch, { transaction }, signal) => send(batch, transaction, signal),
    close: () => session.close(),
  }
}

function packetBytes({ topic, payload }: Message): number {
  return PACKET_OVERHEAD_BYTES + Buffer.byteLength(topic) + payload.length
}

function withArrived(error: unknown, arrived: Arrived): unknown {
  if (!(error instanceof Unreachable)) return error
  const { code, message, remedy, isDenied } = error
  return new Unreachable(code, message, { cause: error, remedy, isDenied, arrived })
}

function refused(found: readonly Refused[], { log }: Pick<UplinkContext, 'log'>): Refusal[] {
  const [first] = found
  if (first) {
    const { code, text, remedy } = first.why
    log.warn({ code, remedy, count: found.length, topic: first.message.topic }, `${first.message.topic}: ${text}`)
  }
  return refusalsOf(found)
}
