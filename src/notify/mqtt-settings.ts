// What stands under `mqtt:` of a notifier. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { brokerKeys, checkBroker } from '../clients/mqtt/broker-settings.ts'

const TOPIC_ALLOWED = 'must be a topic without +, # and control characters, with {device} and {site} where wanted'

export const mqttSettingsSchema = z
  .strictObject({
    ...brokerKeys,
    /** Only 5 tells why a message is refused. */
    version: z.literal(['3.1.1', 5], { error: 'must be 3.1.1 or 5' }).default(5),
    topic: z
      .string({ error: TOPIC_ALLOWED })
      .min(1, { error: TOPIC_ALLOWED })
      .max(500, { error: TOPIC_ALLOWED })
      .refine((it) => !/[+#\p{Cc}{}]|^\$/u.test(it.replaceAll('{device}', '').replaceAll('{site}', '')), { error: TOPIC_ALLOWED })
      .default('holdfast-notify/{device}'),
    /** Whether the broker keeps the last one for whoever subscribes later. */
    retain: z.boolean().default(false),
  })
  .superRefine((it, context) => checkBroker(it, (key, message) => context.addIssue({ code: 'custom', path: [key], message })))

export type MqttNotifySettings = z.output<typeof mqttSettingsSchema>
