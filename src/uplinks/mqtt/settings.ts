// What stands under `mqtt:` of an uplink. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import type { BrokerSettings } from '../../clients/mqtt/broker-settings.ts'
import { brokerKeys, checkBroker } from '../../clients/mqtt/broker-settings.ts'

const PLACES = ['device', 'site', 'class', 'tag'] as const
const TOPIC_CHARS_MAX = 500

/** `{tag}`'s slashes are levels of the topic, as `{site}`'s are. */
function template(places: readonly (typeof PLACES)[number][], must?: 'tag') {
  const named = places.map((it) => `{${it}}`)
  const allowed = `must be a topic without +, # and control characters, with ${named.join(', ')} where wanted`
  return z
    .string({ error: allowed })
    .min(1, { error: allowed })
    .max(TOPIC_CHARS_MAX, { error: `must be at most ${TOPIC_CHARS_MAX} characters` })
    .refine((it) => !/[+#\p{Cc}{}]|^\$/u.test(named.reduce((rest, place) => rest.replaceAll(place, ''), it)), { error: allowed })
    .refine((it) => must === undefined || it.includes(`{${must}}`), { error: 'must have {tag}: each tag has its own last value' })
}

const topics = z.strictObject({
  telemetry: template(PLACES, 'tag').default('holdfast/{device}/{class}/{tag}'),
  aggregates: template(PLACES, 'tag').default('holdfast-aggregates/{device}/{class}/{tag}'),
  events: template(['device', 'site']).default('holdfast-events/{device}'),
  gaps: template(['device', 'site', 'class']).default('holdfast-gaps/{device}/{class}'),
})

export const mqttSettingsSchema = z
  .strictObject({
    ...brokerKeys,
    /** Only 5 tells why a message is refused. */
    version: z.literal(['3.1.1', 5], { error: 'must be 3.1.1 or 5' }).default(5),
    qos: z.literal(1, { error: 'must be 1: of QoS 0 nobody knows whether it arrived, and QoS 2 is not spoken' }).default(1),
    /** Whether the broker keeps the last value of each tag for whoever subscribes later. */
    retain: z.boolean().default(true),
    topics: topics.prefault({}),
  })
  .superRefine((it, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    checkBroker(it, (key, message) => problem([key], message))
    const all = Object.entries(it.topics)
    for (const [n, [key, topic]] of all.entries()) {
      const before = all.slice(0, n).find(([, other]) => other === topic)
      if (before) problem(['topics', key], `is that of ${before[0]} too: what differs needs topics of its own`)
    }
  })

/** As the uplink is opened with: secrets resolved. */
export interface MqttUplinkSettings extends BrokerSettings {
  readonly retain: boolean
  readonly topics: Readonly<Record<'telemetry' | 'aggregates' | 'events' | 'gaps', string>>
}
