// One monitored item for each stream of events, all in a subscription of their own.
import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientSession,
  type ClientSubscription,
  coerceNodeId,
  DataType,
  MethodIds,
  ObjectTypeIds,
  type StatusCode,
  StatusCodes,
  TimestampsToReturn,
  Variant,
} from 'node-opcua-client'
import { eventFilter } from './event-fields.ts'
import { type EventState, signOf } from './events.ts'
import { NODE_UNKNOWN, resolveNode, type ServerFacts } from './nodes.ts'

export interface EventListener {
  /** `namespaces`: as the server numbers them in this session. */
  event(state: EventState, values: readonly Variant[], namespaces: readonly string[]): void
  /** The server had to drop events of this stream. */
  dropped(state: EventState): void
}

export interface MissingEvents {
  readonly state: EventState
  readonly status: StatusCode
}

/** Yields those that give no events. */
export async function monitorEvents(
  session: ClientSession,
  subscription: ClientSubscription,
  facts: ServerFacts,
  states: readonly EventState[],
  listener: EventListener,
): Promise<MissingEvents[]> {
  const missing: MissingEvents[] = []
  const refresh = () => refreshConditions(session, subscription)
  for (const state of states) {
    const listen = (values: readonly Variant[]) => {
      const sign = signOf(values)
      if (sign === undefined) listener.event(state, values, facts.namespaces)
      else if (sign === 'overflow') listener.dropped(state)
      else if (sign === 'refresh-required') void refresh()
      else state.isRefreshing = sign === 'refresh-start'
    }
    state.isRefreshing = false
    let status = await monitor(subscription, state, facts, state.tag.severity, listen)
    // By severity we can sort out ourselves.
    if (/Filter/.test(status.name) && state.tag.severity > 1) status = await monitor(subscription, state, facts, 1, listen)
    if (status.isGood()) state.missing = undefined
    else missing.push({ state, status })
  }
  if (missing.length < states.length) await refresh()
  return missing
}

async function monitor(
  subscription: ClientSubscription,
  { tag, fields }: EventState,
  { namespaces }: ServerFacts,
  severity: number,
  listen: (values: readonly Variant[]) => void,
): Promise<StatusCode> {
  const nodeId = resolveNode(tag.node, namespaces)
  if (!nodeId) return NODE_UNKNOWN
  const group = await subscription.monitorItems(
    [{ nodeId, attributeId: AttributeIds.EventNotifier }],
    { samplingInterval: 0, queueSize: tag.queueSize, discardOldest: true, filter: eventFilter(fields, severity, namespaces) },
    TimestampsToReturn.Neither,
  )
  // The library hands over an event's fields where a value's data would be.
  group.on('changed', (_item: ClientMonitoredItemBase, values: unknown) => {
    if (Array.isArray(values)) listen(values as Variant[])
  })
  const made = group.monitoredItems[0] as (ClientMonitoredItemBase & { statusCode: StatusCode }) | undefined
  return made?.statusCode ?? StatusCodes.BadUnexpectedError
}

/** Asks for the conditions as they are: events have no history. Many servers have no conditions, and nothing to call. */
async function refreshConditions(session: ClientSession, { subscriptionId }: ClientSubscription): Promise<void> {
  const call = {
    objectId: coerceNodeId(ObjectTypeIds.ConditionType),
    methodId: coerceNodeId(MethodIds.ConditionType_ConditionRefresh),
    inputArguments: [new Variant({ dataType: DataType.UInt32, value: subscriptionId })],
  }
  await session.call(call).catch(() => {})
}
