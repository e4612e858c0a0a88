// One MQTT source: what a message is stands in mapping.ts, how it travels and is acknowledged in clients/mqtt/intake.ts.
import type { IPublishPacket } from 'mqtt'
import { accessOf, bookmarkPath } from '../../clients/mqtt/access.ts'
import { findBrokers } from '../../clients/mqtt/find.ts'
import { newIntake } from '../../clients/mqtt/intake.ts'
import { newSamples } from '../../clients/mqtt/samples.ts'
import { testBroker } from '../../clients/mqtt/steps.ts'
import { testHere } from '../../clients/mqtt/test-here.ts'
import { BatchBuilder } from '../../core/batch.ts'
import type { Micros } from '../../core/reading.ts'
import type { Protocol, Source, SourceContext, SourceStatus, TestStep } from '../../core/source.ts'
import { browseTopics } from './browse.ts'
import { compileMappings } from './mapping.ts'
import type { MqttSettings } from './settings.ts'
import { leastFilters } from './topics.ts'

export const mqttProtocol: Protocol<MqttSettings> = {
  name: 'mqtt',
  open,
  test,
  find: findBrokers,
}

function test(settings: MqttSettings, context: SourceContext, signal: AbortSignal): AsyncGenerator<TestStep> {
  return testBroker(accessOf(settings, context), leastFilters(settings.subscribe), signal)
}

function open(settings: MqttSettings, context: SourceContext): Source {
  const { clock, log } = context
  const builder = new BatchBuilder(context.origin, clock)
  const mappings = compileMappings(settings.subscribe, builder)
  const samples = newSamples(context, 'mqtt')
  const counts = { again: 0, retained: 0 }
  let unreadableCount = 0
  let unmappedCount = 0
  const intake = newIntake({
    access: accessOf(settings, context),
    filters: leastFilters(settings.subscribe),
    bookmark: bookmarkPath(context),
    context,
    builder,
    take,
  })

  function take(packet: IPublishPacket, now: Micros, isFull: boolean): void {
    if (packet.dup) counts.again++
    if (packet.retain) counts.retained++
    const unread = mappings.take(packet, now, isFull)
    if (unread === 0) return
    noteUnread(packet.topic, unread)
    samples.keep(packet.topic, packet.payload, unread < 0 ? 'unmapped' : mappings.problem(), now)
  }

  async function* read(signal: AbortSignal) {
    try {
      yield* intake.read(signal)
    } finally {
      samples.close()
    }
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

  function status(): SourceStatus {
    const { notes, details, ...rest } = intake.status()
    return {
      ...rest,
      ...((notes || unmappedCount > 0) && { notes: { ...notes, ...(unmappedCount > 0 && { unmapped: unmappedCount }) } }),
      details: { ...details, unreadable: unreadableCount, ...counts, ...samples.details() },
    }
  }

  return {
    read,
    status,
    onStalled: intake.onStalled,
    test: (signal) => testHere(intake, () => test(settings, context, signal), signal),
    browse: (request, signal) => browseTopics(accessOf(settings, context), request, signal),
  }
}
