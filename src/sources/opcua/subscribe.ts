// One subscription for each publishing interval; in it one monitored item for each tag, made in calls that the server can take.
import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientMonitoredItemGroup,
  type ClientSession,
  ClientSubscription,
  DataChangeFilter,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  type NodeId,
  type NotificationMessage,
  type StatusCode,
  TimestampsToReturn,
} from 'node-opcua-client'
import type { TagState } from './decode.ts'
import { type EventListener, type MissingEvents, monitorEvents } from './event-items.ts'
import type { EventState } from './events.ts'
import { askAgain, endRepublish, type MessageCounter, markOf, messageCounter, repeats } from './messages.ts'
import { inChunks, type Limits } from './limits.ts'
import { NODE_UNKNOWN, resolveNode, type ServerFacts } from './nodes.ts'
import { keepAliveCount } from './settings.ts'

/** The subscription outlives the session by this: it is never the first to go. */
const LIFETIME_MARGIN_MS = 10_000

export interface Listener extends EventListener {
  /** Every value, in the order of the server. */
  data(state: TagState, value: DataValue): void
  /** Data or keep-alive. */
  sign(subscription: number): void
  /** A message with values of these tags is late. */
  late(states: readonly TagState[]): void
  /** So many messages with values of these tags never came. */
  lost(states: readonly TagState[], messages: number): void
  /** The same of messages with events. */
  lostEvents(states: readonly EventState[], messages: number): void
  /** The subscription of these was heard. */
  eventsHeard(states: readonly EventState[]): void
  /** The subscription is no longer what it was: begin anew. */
  ended(why: string): void
}

/** A tag that gets no values, and why. */
export interface Missing {
  readonly state: TagState
  readonly status: StatusCode
}

export interface Subscribed {
  readonly missing: readonly Missing[]
  readonly missingEvents: readonly MissingEvents[]
  /** Tags whose deadband the server would not have. */
  readonly withoutDeadband: readonly TagState[]
  /** The least that the server grants of what was asked, over all tags. */
  readonly queueSizeMin: number
  /** The longest time between two signs of life, as the server has it, ms. */
  readonly keepAliveMs: number
  readonly subscriptions: number
  /** No message is late. */
  isWhole(): boolean
}

interface Item {
  readonly state: TagState
  readonly nodeId: NodeId
}

/** What is to be subscribed. */
export interface Wish {
  readonly tags: readonly TagState[]
  readonly events: readonly EventState[]
  readonly sessionTimeoutMs: number
  /** Of the events. */
  readonly publishingMs: number
}

export async function subscribe(
  session: ClientSession,
  facts: ServerFacts,
  { tags, events, sessionTimeoutMs, publishingMs: eventsEveryMs }: Wish,
  listener: Listener,
): Promise<Subscribed> {
  endRepublish(session)
  const missing: Missing[] = []
  const withoutDeadband: TagState[] = []
  const items: Item[] = []
  for (const state of tags) {
    const nodeId = resolveNode(state.tag.node, facts.namespaces)
    if (nodeId) items.push({ state, nodeId })
    else missing.push({ state, status: NODE_UNKNOWN })
  }
  let queueSizeMin = Number.POSITIVE_INFINITY
  let keepAliveMs = 0
  const counters: MessageCounter[] = []
  const byPublishing = Map.groupBy(items, (it) => it.state.tag.publishingMs)
  const open = async (publishingMs: number, signs: Signs) => {
    const subscription = await openSubscription(session, publishingMs, sessionTimeoutMs)
    counters.push(watch(subscription, counters.length, signs, listener))
    keepAliveMs = Math.max(keepAliveMs, subscription.publishingInterval * subscription.maxKeepAliveCount)
    return subscription
  }
  for (const [publishingMs, group] of byPublishing) {
    const states = group.map((it) => it.state)
    const subscription = await open(publishingMs, {
      late: () => listener.late(states),
      lost: (messages) => listener.lost(states, messages),
    })
    const outcome = await monitorAll(subscription, group, facts.limits, listener)
    missing.push(...outcome.missing)
    withoutDeadband.push(...outcome.withoutDeadband)
    queueSizeMin = Math.min(queueSizeMin, outcome.queueSizeMin)
  }
  const missingEvents: MissingEvents[] = []
  if (events.length > 0) {
    const subscription = await open(eventsEveryMs, {
      heard: () => listener.eventsHeard(events),
      lost: (messages) => listener.lostEvents(events, messages),
    })
    missingEvents.push(...(await monitorEvents(session, subscription, facts, events, listener)))
  }
  const isWhole = () => counters.every((it) => it.missing().length === 0)
  return { missing, missingEvents, withoutDeadband, queueSizeMin, keepAliveMs, subscriptions: counters.length, isWhole }
}

async function openSubscription(
  session: ClientSession,
  publishingMs: number,
  sessionTimeoutMs: number,
): Promise<ClientSubscription> {
  // The library throws out of a callback when the server grants a session shorter than it likes. The watchdog looks after that.
  ClientSubscription.ignoreNextWarning = true
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: publishingMs,
    requestedMaxKeepAliveCount: keepAliveCount(publishingMs),
    requestedLifetimeCount: Math.max(
      3 * keepAliveCount(publishingMs),
      Math.ceil((sessionTimeoutMs + LIFETIME_MARGIN_MS) / publishingMs),
    ),
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  })
  await new Promise<void>((resolve, reject) => {
    subscription.once('started', () => resolve())
    subscription.once('error', reject)
  })
  return subscription
}

/** What is told of one subscription's messages. */
interface Signs {
  heard?(): void
  late?(): void
  lost(messages: number): void
}

function watch(subscription: ClientSubscription, at: number, signs: Signs, listener: Listener): MessageCounter {
  const counter = messageCounter()
  const isRepeated = repeats()
  const again = askAgain(subscription, counter, (messages) => signs.lost(messages))
  subscription.on('raw_notification', (message: NotificationMessage) => {
    // No message of a subscription has this number: it is no sign of life.
    if (message.sequenceNumber === 0) return
    listener.sign(at)
    signs.heard?.()
    // A keep-alive bears the number of the message that is to come.
    if (!message.notificationData?.length) return
    const before = counter.missing().length
    const lost = counter.take(message.sequenceNumber)
    if (counter.missing().length + lost > before) signs.late?.()
    if (lost > 0) signs.lost(lost)
    // What the library hands to the items is read after this.
    if (isRepeated(message.sequenceNumber, markOf(message))) message.notificationData = []
    again.due()
  })
  subscription.on('terminated', again.stop)
  // Made anew by the library after a cut: with namespace indices that may be another server's by now.
  subscription.on('subscriptionId_changed', () => listener.ended('the server lost the subscription'))
  subscription.on('status_changed', (status: StatusCode) => {
    if (status.isBad()) listener.ended(`the server ended the subscription (${status.name})`)
  })
  subscription.on('terminated', () => listener.ended('the subscription ended'))
  subscription.on('error', (error: Error) => listener.ended(error.message))
  subscription.on('internal_error', () => {})
  return counter
}

interface Outcome {
  readonly missing: Missing[]
  readonly withoutDeadband: TagState[]
  readonly queueSizeMin: number
}

async function monitorAll(
  subscription: ClientSubscription,
  items: readonly Item[],
  limits: Limits,
  listener: Listener,
): Promise<Outcome> {
  const outcome = { missing: [] as Missing[], withoutDeadband: [] as TagState[], queueSizeMin: Number.POSITIVE_INFINITY }
  // What one call asks for is the same for all of its items.
  const alike = Map.groupBy(items, ({ state: { tag } }) => JSON.stringify([tag.samplingMs, tag.queueSize, tag.deadband]))
  for (const group of alike.values()) {
    const refused: Item[] = []
    const make = (list: readonly Item[], filtered: boolean) =>
      inChunks(limits, 'items', list, (chunk) => monitor(subscription, chunk, filtered, listener))
    for (const { item, status, queueSize } of await make(group, true)) {
      if (status.isGood()) outcome.queueSizeMin = Math.min(outcome.queueSizeMin, queueSize)
      else if (item.state.tag.deadband && isAboutFilter(status)) refused.push(item)
      else outcome.missing.push({ state: item.state, status })
    }
    for (const { item, status } of await make(refused, false)) {
      if (status.isGood()) outcome.withoutDeadband.push(item.state)
      else outcome.missing.push({ state: item.state, status })
    }
  }
  return outcome
}

/** BadMonitoredItemFilterUnsupported, BadFilterNotAllowed, BadDeadbandFilterInvalid: the node has no range, or no number. */
function isAboutFilter(status: StatusCode): boolean {
  return /Filter/.test(status.name)
}

interface Made {
  readonly item: Item
  readonly status: StatusCode
  readonly queueSize: number
}

async function monitor(
  subscription: ClientSubscription,
  items: readonly Item[],
  filtered: boolean,
  listener: Listener,
): Promise<Made[]> {
  const { tag } = (items[0] as Item).state
  const group: ClientMonitoredItemGroup = await subscription.monitorItems(
    items.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value })),
    {
      samplingInterval: tag.samplingMs,
      queueSize: tag.queueSize,
      discardOldest: true,
      filter: filtered && tag.deadband ? deadbandFilter(tag.deadband) : null,
    },
    TimestampsToReturn.Both,
  )
  group.on('changed', (_item: ClientMonitoredItemBase, value: DataValue, at: number) =>
    listener.data((items[at] as Item).state, value),
  )
  return items.map((item, at) => {
    const made = group.monitoredItems[at] as ClientMonitoredItemBase & { statusCode: StatusCode }
    return { item, status: made.statusCode, queueSize: made.monitoringParameters.queueSize }
  })
}

function deadbandFilter({ kind, value }: { kind: 'absolute' | 'percent'; value: number }): DataChangeFilter {
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: kind === 'percent' ? DeadbandType.Percent : DeadbandType.Absolute,
    deadbandValue: value,
  })
}
