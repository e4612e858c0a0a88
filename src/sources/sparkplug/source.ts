// One Sparkplug B host: the nodes of a broker (or of some groups there), read passively. The only thing that it says is STATE, and NCMD for a rebirth.
//
//   spBv1.0/# ─► clients/mqtt/intake ─► topics ─► wire ─► nodes ─► scope ─► values, tags ─► builder
//                                                        └─► requests ─► NCMD Node Control/Rebirth
import type { IPublishPacket } from 'mqtt'
import { accessOf } from '../../clients/mqtt/access.ts'
import type { MqttAccess } from '../../clients/mqtt/connect.ts'
import { newIntake } from '../../clients/mqtt/intake.ts'
import { newSamples } from '../../clients/mqtt/samples.ts'
import { isPassedOver } from '../../clients/mqtt/packet-guard.ts'
import { testBroker } from '../../clients/mqtt/steps.ts'
import { testHere } from '../../clients/mqtt/test-here.ts'
import { BatchBuilder } from '../../core/batch.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Micros } from '../../core/reading.ts'
import type { BrowseEntry, BrowseRequest, Protocol, Source, SourceContext, SourceStatus, TestStep } from '../../core/source.ts'
import { browseNodes } from './browse.ts'
import type { HostState } from './host-state.ts'
import { newHostState } from './host-state.ts'
import { newNodes } from './nodes.ts'
import type { SparkplugSettings } from './settings.ts'
import { newTags } from './tags.ts'
import { addressOf, commandTopic, filtersOf } from './topics.ts'
import { rebirthPayload } from './wire.ts'

const TICK_MS = 1_000

export const sparkplug: Protocol<SparkplugSettings> = {
  name: 'sparkplug',
  open,
  test,
}

function test(settings: SparkplugSettings, context: SourceContext, signal: AbortSignal): AsyncGenerator<TestStep> {
  return testBroker(connectionOf(settings, context, undefined), subscriptionsOf(settings), signal)
}

const subscriptionsOf = ({ groups, host }: SparkplugSettings) =>
  new Map(filtersOf(groups, host).map((it) => [it, { qos: 1 as const, isRetainedWanted: true }]))

/** The specification wants a clean session: what came while the host was away is not to be mistaken for what comes now. */
function connectionOf(settings: SparkplugSettings, context: SourceContext, state: HostState | undefined): MqttAccess {
  return { ...accessOf(settings, context), isClean: true, ...(state && { will: state.will }) }
}

function open(settings: SparkplugSettings, context: SourceContext): Source {
  const { clock, log } = context
  const builder = new BatchBuilder(context.origin, clock)
  const samples = newSamples(context, 'sparkplug')
  const state = settings.host === undefined ? undefined : newHostState(settings.host, () => Math.floor(clock.now() / 1000))
  const counts = { foreign: 0, retained: 0 }
  let isAway = false
  const tags = newTags(settings, builder)
  const nodes = newNodes({
    tags,
    builder,
    log,
    ask(group, node) {
      const client = intake.client()
      client?.publish(commandTopic(group, node), rebirthPayload(Math.floor(clock.now() / 1000)), { qos: 0 })
      return client !== undefined
    },
    unreadable({ group, node, device, kind }, payload, reason, now) {
      const where = [group, kind, node, ...(device === undefined ? [] : [device])].join('/')
      samples.keep(where, payload, reason, now)
      noteUnreadable(where, reason)
    },
  })
  const intake = newIntake({
    access: connectionOf(settings, context, state),
    filters: subscriptionsOf(settings),
    context,
    builder,
    take,
    up(client) {
      state?.online(client)
      if (isAway) nodes.returned(clock.monotonic())
      isAway = false
    },
    closed: () => (isAway = true),
    leaving: async (client) => state?.offline(client),
  })
  let unreadable = 0

  function noteUnreadable(where: string, reason: string): void {
    unreadable++
    // The first, the tenth, the hundredth …
    if (Number.isInteger(Math.log10(unreadable)))
      log.warn({ code: 'unreadable', count: unreadable }, `${where}: no Sparkplug B payload: ${reason}`)
  }

  function take(packet: IPublishPacket, now: Micros, isFull: boolean): void {
    const { topic, payload, retain } = packet
    if (topic === state?.topic) return state.heard(payload.toString(), intake.client(), clock.monotonic())
    const address = addressOf(topic)
    if (!address) counts.foreign++
    // Births are never kept by a broker that is set up well: one that was would be of a session long gone.
    else if (retain) counts.retained++
    else if (isPassedOver(payload)) builder.refuse(tags.anyClass, 'too-large', now)
    else nodes.take(address, payload as Buffer, { now, at: clock.monotonic(), isFull, isAgain: packet.dup === true })
  }

  function tick(): void {
    if (!intake.client()) return
    nodes.tick({ now: builder.now(), at: clock.monotonic(), isFull: false, isAgain: false })
    if (!builder.isEmpty) intake.settleSoon()
  }

  function status(): SourceStatus {
    const { notes, details, ...rest } = intake.status()
    const all = { ...notes, ...nodes.counts }
    return {
      ...rest,
      ...(Object.keys(all).length > 0 && { notes: all }),
      details: { ...details, ...nodes.figures(), unreadable, retainedIgnored: counts.retained, ...samples.details() },
    }
  }

  async function* read(signal: AbortSignal) {
    const timer = setInterval(tick, TICK_MS)
    try {
      yield* intake.read(signal)
    } finally {
      clearInterval(timer)
      samples.close()
    }
  }

  async function* browse(request: BrowseRequest): AsyncGenerator<BrowseEntry> {
    if (!intake.client()) throw new Unreachable('down', intake.status().lastError ?? 'there is no connection to the broker')
    yield* browseNodes(nodes.nodes(), request)
  }

  return {
    read,
    status,
    browse,
    onStalled: intake.onStalled,
    test: (signal) => testHere(intake, () => test(settings, context, signal), signal),
  }
}
