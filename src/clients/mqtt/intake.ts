// What every source over MQTT is, whatever its messages mean.
//
//   socket ─► mqtt.js ─ message ─► take ─► builder ─ read ─► { batch, durable }
//                 (no PUBACK)  └─► held ids ◄──────────────────────────┘ after the fsync: PUBACKs, in order, as one write
//
// What always holds: a PUBACK goes out only after the batch with its message is durable; a connection that ends forgets the ids that wait
// (the broker sends those messages again). Full: QoS 1 waits unread in the socket, QoS 0 is counted as overflow.
import type { IPublishPacket, MqttClient } from 'mqtt'
import type { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import type { Micros } from '../../core/reading.ts'
import type { SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import type { MqttAccess } from './connect.ts'
import { WITHOUT_PUBACK } from './connect.ts'
import type { Mark } from './held.ts'
import { newHeld } from './held.ts'
import type { Subscribed } from './link.ts'
import { newLink } from './link.ts'
import { newWindow } from './window.ts'

const QUEUE_BYTES_MAX = 16_000_000
/** When the source ends: so long PUBACKs of what was handed out may still go out. */
const DRAIN_MS_MAX = 2_000

interface Parked {
  readonly packet: IPublishPacket
  readonly done: (error?: Error) => void
}

export interface IntakeParts {
  readonly access: MqttAccess
  readonly filters: ReadonlyMap<string, Subscribed>
  /** Where is noted what the broker's session holds; absent: it keeps none. */
  readonly bookmark?: string
  readonly context: SourceContext
  readonly builder: BatchBuilder
  /** Puts a message's readings into the builder. `isFull`: there is no room, they are to be counted as refused for 'overflow' instead. */
  take(packet: IPublishPacket, now: Micros, isFull: boolean): void
  /** Connected and subscribed. */
  up?(client: MqttClient): void
  /** The connection has ended. */
  closed?(): void
  /** The last words, before we leave. */
  leaving?(client: MqttClient): Promise<void>
}

export interface Intake {
  read(signal: AbortSignal): AsyncGenerator<SourceItem>
  onStalled(listener: () => void): void
  /** Something stands in the builder that no message has brought. */
  settleSoon(): void
  /** While connected. */
  client(): MqttClient | undefined
  status(): SourceStatus
  /** Calls back with each message that comes, until another listener or none is given. */
  onNext(listener: ((packet: IPublishPacket) => void) | undefined): void
}

export function newIntake(parts: IntakeParts): Intake {
  const { access, builder } = parts
  const { clock, log } = parts.context
  const held = newHeld()
  const window = newWindow()
  const inFlight: Mark[] = []
  let client: MqttClient | undefined
  let stalledListener = () => {}
  let nextListener: ((packet: IPublishPacket) => void) | undefined
  let parked: Parked | undefined
  let pinging: NodeJS.Timeout | undefined
  let windowTimer: NodeJS.Timeout | undefined
  let isStopping = false
  let isReady = false
  let isSettling = false
  let heldAtSettling = 0
  let releaseUpTo: Mark | undefined
  let wake = () => {}

  const link = newLink({
    access,
    filters: parts.filters,
    bookmark: parts.bookmark,
    log,
    opening: (opened) => (client = opened),
    message,
    up: (opened) => parts.up?.(opened),
    leaving: async (opened) => parts.leaving?.(opened),
    closed() {
      parts.closed?.()
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
    parts.take(packet, builder.now(), isFull)
    nextListener?.(packet)
    if (packet.qos > 0) held.hold(packet.messageId as number)
    settleSoon()
    done(WITHOUT_PUBACK)
  }

  function settleSoon(): void {
    if (isSettling) return
    isSettling = true
    setImmediate(settle)
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
    pinging = setInterval(ping, access.keepAliveMs / 2)
  }

  function unpark(): Parked | undefined {
    clearInterval(pinging)
    const it = parked
    parked = undefined
    return it
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
    // Not by a clock beside it: a timer counts from when its turn of the loop began, so it may be early, and nothing would wake this again.
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      wake()
    }, DRAIN_MS_MAX)
    while (inFlight.length > 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve))
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
    const { details, ...rest } = link.status()
    const size = window.size()
    return { ...rest, details: { ...details, unacknowledged: held.count(), ...(size !== undefined && { window: size }) } }
  }

  return {
    read,
    status,
    settleSoon,
    onNext: (listener) => void (nextListener = listener),
    onStalled: (listener) => void (stalledListener = listener),
    client: () => (client?.connected ? client : undefined),
  }
}
