// What the settings know of protocols and of kinds of uplinks. zod alone: no protocol library is loaded.
import { spaceOf } from './log/space.ts'
import { notifySchemas } from './notify/settings.ts'
import { expressionProblem } from './rules/expression.ts'
import type { SettingsSchemas } from './settings/schema.ts'
import { protocols } from './sources/index.ts'
import { boxSettingsSchema } from './uplinks/box/settings.ts'
import { kafkaSettingsSchema, ownTopics } from './uplinks/kafka/settings.ts'
import { mqttSettingsSchema } from './uplinks/mqtt/settings.ts'

export const settingsSchemas: SettingsSchemas = {
  protocols: Object.fromEntries(
    await Promise.all(Object.entries(protocols).map(async ([name, it]) => [name, await it.settings()] as const)),
  ),
  uplinkKinds: { kafka: kafkaSettingsSchema, box: boxSettingsSchema, mqtt: mqttSettingsSchema },
  uplinkTopics: { kafka: ownTopics },
  uplinkTraits: {
    box: { inOrder: 'always' },
    mqtt: { inOrder: 'without-lanes', isFeed: true, guarantee: 'at-least-once' },
  },
  writables: Object.fromEntries(
    await Promise.all(
      Object.entries(protocols).flatMap(([name, it]) => (it.writable ? [it.writable().then((of) => [name, of] as const)] : [])),
    ),
  ),
  expressionProblem,
  notifyKinds: notifySchemas,
  readingBytesMax: (bytesMax) => spaceOf(bytesMax).segmentsBytesMax,
}
