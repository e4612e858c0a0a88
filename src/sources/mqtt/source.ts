// One MQTT source.
//
//   socket ─► mqtt.js ─ message ─► mapping ─► builder ─ read ─► { batch, durable }
//                 (no PUBACK)  └─► held ids ◄──────────────────────────┘ after the fsync: PUBACKs, in order, as one write
//
// What always holds: a PUBACK goes out only after the batch with its message is durable; a connection that ends forgets the ids that wait
// (the broker sends those messages again). Full: QoS 1 waits unread in the socket, QoS 0 is counted as overflow.
import type { IPublishPacket, MqttClient } from 'mqtt'
import { WITHOUT_PUBACK } from '../../clients/mqtt/connect.ts'
import { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import type { Protocol, Source, SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import { accessOf, bookmarkPath } from './access.ts'
import type { Mark } from './held.ts'
import { newHeld } from './held.ts'
import { newLink } from './link.ts'
import { compileMappings } from './mapping.ts'
import type { MqttSettings } from './settings.ts'
import { testMqtt } from './test-steps.ts'
import { leastFilters } from './topics.ts'
import { newWindow } from './window.ts'

const QUEUE_BYTES_MAX = 16_000_000
/** When the source ends: so long PUBACKs of what was handed out may still go out. */
const DRAIN_MS_MAX = 2_000

export const mqttProtocol: Protocol<MqttSettings> = { name: 'mqtt', open, test: testMqtt }

interface Parked {
  readonly packet: IPublishPacket
  readonly done: (error?: Error) => void
}

function open(settings: MqttSettings, context: SourceContext): Source {
  const { clock, log } = context
  const builder = new BatchBuilder(context.origin, clock)
  const mappings = compileMappings(settings.subscribe, builder)
  const held = newHeld()
  const window = newWindow()
  const inFlight: Mark[] = []
  let client: MqttClient | undefined
  let stalledListener = () => {}
  let parked: Parked | undefined
  let pinging: NodeJS.Timeout | undefined
  let windowTimer: NodeJS.Timeout | undefined
  let isStopping = false
  let isReady = false
  let isSettling = false
  let heldAtSettling = 0
  let releaseUpTo: Mark | undefined
  let unreadableCount = 0
  let unmappedCount = 0
  let wake = () => {}

  const link = newLink({
    access: accessOf(settings, context),
    filters: leastFilters(settings.subscribe),
    bookmark: bookmarkPath(context),
    log,
    opening: (opened) => (client = opened),
    message,
    closed() {
      held.forget()
      heldAtSettling = 0
      unpark()
      parked = undefined
      window.reset()
      armWindow()
    },
  })

  function message(packet: IPublishPacket, done: (error?: Error) => void): void {
    // What is not taken in is not acknowledged either: it comes again in the next session.
    if (isStopping) return
    const isFull = builder.count >= SOURCE_QUEUE_READINGS_MAX || builder.bytesHeld >= QUEUE_BYTES_MAX
    if (isFull && packet.qos > 0) return park({ packet, done })
    const unread = mappings.take(packet.topic, packet.payload as Buffer, builder.now(), isFull)
    if (unread !== 0) noteUnread(packet.topic, unread)
    if (packet.qos > 0) held.hold(packet.messageId as number)
    if (!isSettling) {
      isSettling = true
      setImmediate(settle)
    }
    done(WITHOUT_PUBACK)
  }

  /** Not calling `done` stops the reading of the socket. PINGRESP cannot be read then, so the library must not wait for one. */
  function park(it: Parked): void {
    parked = it
    const ping = () => {
      if (!client?.connected) return
      client.sendPing()
      client.reschedulePing(true)
    }
    ping()
    pinging = setInterval(ping, settings.keepAlive / 2)
  }

  function unpark(): Parked | undefined {
    clearInterval(pinging)
    const it = parked
    parked = undefined
    return it
  }

  function noteUnread(topic: string, count: number): void {
    const isUnmapped = count < 0
    const total = isUnmapped ? ++unmappedCount : (unreadableCount += count)
    const before = isUnmapped ? total - 1 : total - count
    // The first, the tenth, the hundredth …: a line each, however many come.
    if (Math.ceil(Math.log10(before + 1)) === Math.ceil(Math.log10(total + 1))) return
    const text = isUnmapped
      ? 'no entry of subscribe has this topic'
      : 'cannot be read as the settings say: stored as bad, or refused'
    log.warn({ topic, count: total, code: isUnmapped ? 'unmapped' : 'unreadable' }, `message on ${topic}: ${text}`)
  }

  /** After the event-loop turn that brought messages: one chunk of the socket becomes one batch. */
  function settle(): void {
    isSettling = false
    const count = held.count()
    if (count > heldAtSettling) stalledWhen(window.arrived(count, clock.monotonic()))
    heldAtSettling = count
    isReady = true
    wake()
  }

  function stalledWhen(isStalled: boolean): void {
    armWindow()
    // One turn later: what waits here has been handed out by then, if anybody pulls.
    if (isStalled) setImmediate(() => stalledListener())
  }

  function armWindow(): void {
    clearTimeout(windowTimer)
    const due = window.dueAt()
    if (due === undefined) return
    const delay = Math.max(1, Math.ceil(due - clock.monotonic()))
    windowTimer = setTimeout(() => stalledWhen(window.tick(clock.monotonic())), delay)
  }

  function handOut(): SourceItem | undefined {
    isReady = false
    const mark = held.mark()
    if (builder.isEmpty) {
      acknowledgeEmpty(mark)
      return undefined
    }
    inFlight.push(mark)
    const batch = builder.take(builder.now())
    const waiting = unpark()
    if (waiting) message(waiting.packet, waiting.done)
    return { batch, durable: () => becameDurable(mark) }
  }

  /** Messages without a reading (an empty list) are acknowledged in their turn. */
  function acknowledgeEmpty(mark: Mark): void {
    const last = inFlight.at(-1)
    if (last?.connection === mark.connection) last.upTo = mark.upTo
    else releaseLater(mark)
  }

  function becameDurable(mark: Mark): void {
    inFlight.shift()
    releaseLater(mark)
    wake()
  }

  /** Batches of one commit become durable one after the other: one write for all their PUBACKs. */
  function releaseLater(mark: Mark): void {
    if (releaseUpTo === undefined) process.nextTick(release)
    releaseUpTo = mark
  }

  function release(): void {
    const before = held.count()
    const bytes = releaseUpTo && held.release(releaseUpTo)
    releaseUpTo = undefined
    if (!bytes || !client?.connected || client.stream.destroyed) return
    client.stream.write(bytes)
    heldAtSettling = held.count()
    window.released(before, heldAtSettling, clock.monotonic())
    armWindow()
  }

  async function untilReady(): Promise<void> {
    if (isReady || isStopping) return
    await new Promise<void>((resolve) => (wake = resolve))
  }

  async function drained(): Promise<void> {
    const timer = setTimeout(() => wake(), DRAIN_MS_MAX)
    const until = clock.monotonic() + DRAIN_MS_MAX
    while (inFlight.length > 0 && clock.monotonic() < until) await new Promise<void>((resolve) => (wake = resolve))
    clearTimeout(timer)
    // The write of the last PUBACKs is a tick away.
    await new Promise(setImmediate)
  }

  async function* read(signal: AbortSignal): AsyncGenerator<SourceItem> {
    const stop = new AbortController()
    let bug: unknown
    const onAbort = () => {
      isStopping = true
      wake()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    const running = link.run(stop.signal).catch((error: unknown) => {
      bug = error
      onAbort()
    })
    try {
      for (;;) {
        await untilReady()
        if (isStopping) break
        const item = handOut()
        if (item) yield item
      }
      if (bug !== undefined) throw bug
      // QoS 0 would be lost otherwise; QoS 1 would come twice.
      const last = handOut()
      if (last) yield last
      await drained()
    } finally {
      isStopping = true
      signal.removeEventListener('abort', onAbort)
      clearTimeout(windowTimer)
      clearInterval(pinging)
      stop.abort()
      await running
    }
  }

  function status(): SourceStatus {
    const { notes, details, ...rest } = link.status()
    const size = window.size()
    return {
      ...rest,
      ...((notes || unmappedCount > 0) && { notes: { ...notes, ...(unmappedCount > 0 && { unmapped: unmappedCount }) } }),
      details: {
        ...details,
        unacknowledged: held.count(),
        unreadable: unreadableCount,
        ...(size !== undefined && { window: size }),
      },
    }
  }

  return { read, status, onStalled: (listener) => (stalledListener = listener) }
}
