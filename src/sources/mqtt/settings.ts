// The settings of one MQTT source: its `sources:` entry without name and protocol. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { brokerKeys, checkBroker } from '../../clients/mqtt/broker-settings.ts'
import { transformProblem } from './transform.ts'
import { capturesOf, shareOf, topicProblem } from './topics.ts'

const TAG_LENGTH_MAX = 400

/** Dotted: `value`, `data.temperature`, `readings.0.v`; `$` is the whole, a leading `$.` says nothing more. */
const path = z
  .string()
  .regex(/^(\$|(\$\.)?[^.\s{}]+(\.[^.\s{}]+)*)$/, { error: 'must be a path as value, data.value, or $ for the whole' })

const qos = z.literal([0, 1], {
  error: (issue) =>
    issue.input === 2
      ? 'must be 0 or 1: with 1 each message is acknowledged once it is on disk, and 2 would add nothing but round trips'
      : 'must be 0 or 1',
})

const subscription = z
  .strictObject({
    /** An MQTT topic filter; `{name}` captures one level. */
    topic: z.string().min(1).max(1_000),
    qos: qos.default(1),
    /** `{name}` is a level that the topic captures, `{$.path}` a field of the item. */
    tag: z.string().min(1).max(TAG_LENGTH_MAX),
    /** By default `value`, or the item itself where it is no object. */
    value: path.optional(),
    /** Epoch seconds, ms, µs or ISO 8601. By default, and where it is missing, the time of receipt. */
    time: path.optional(),
    quality: path.optional(),
    /** Where a payload holds many readings: the array of its items. */
    items: path.optional(),
    /** JSONata that makes one or many { value, tag?, time?, quality? } of a payload. `$topic` and `$levels` say where it came from. */
    transform: z.string().min(1).max(10_000).optional(),
    /** What the values are to be; by default what JSON says, numbers as double. */
    type: z.enum(['double', 'long', 'bool', 'string']).optional(),
    /** What the broker has kept of before we subscribed. */
    retained: z.enum(['take', 'skip'], { error: 'must be take or skip' }).default('take'),
    class: z.string().min(1),
    unit: z.string().min(1).max(40).optional(),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const wrongTopic = topicProblem(it.topic)
    if (wrongTopic !== undefined) problem('topic', wrongTopic)
    const captured = capturesOf(it.topic)
    for (const [whole, inner = ''] of it.tag.matchAll(/\{([^}]*)\}/g)) {
      if (!inner.startsWith('$') && !captured.includes(inner)) problem('tag', `${whole} is no level that the topic captures`)
      else if (inner.startsWith('$') && !/^\$\.[^.\s{}]+(\.[^.\s{}]+)*$/.test(inner))
        problem('tag', `${whole}: a field is named as {$.path}`)
    }
    const wrongTransform = it.transform === undefined ? undefined : transformProblem(it.transform)
    if (wrongTransform !== undefined) problem('transform', wrongTransform)
    for (const key of ['value', 'time', 'quality', 'items'] as const)
      if (it.transform !== undefined && it[key] !== undefined) problem(key, 'transform says it already')
    if (/[{}]/.test(it.tag.replaceAll(/\{[^}]*\}/g, ''))) problem('tag', 'a { or } stands alone')
  })

export const mqttSettings = z
  .strictObject({ ...brokerKeys, subscribe: z.array(subscription).min(1) })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    checkBroker(it, problem)
    if (new Set(it.subscribe.map(({ topic }) => shareOf(topic))).size > 1)
      problem(
        'subscribe',
        'all topics of a source are shared in one group ($share/GROUP/…), or none is: take a source for each group',
      )
  })

export type MqttSettings = z.output<typeof mqttSettings>
export type MqttSubscription = MqttSettings['subscribe'][number]
