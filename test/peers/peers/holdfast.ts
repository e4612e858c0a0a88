import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer } from '../peer.ts'
import { DRILL_TOPIC } from '../peer.ts'

const CLI = join(import.meta.dirname, '../../../src/cli.ts')

const SUBSCRIBE = {
  S1: '{ topic: "plant/{line}/{sensor}", qos: 1, tag: "{line}/{sensor}", value: value, time: ts, class: process }',
  S2: '{ topic: plant/batch, qos: 1, items: "$", tag: "{$.tag}", value: value, time: ts, class: process }',
}

export const holdfast: Peer = {
  name: 'holdfast',
  missing: () => undefined,
  setup({ dir, mqttPort, kafkaPort, shape }) {
    const buffer = join(dir, 'buffer')
    const settings = join(dir, 'settings.yaml')
    mkdirSync(buffer)
    writeFileSync(
      settings,
      `version: 1
device: { id: drill }
log: { bytesMax: 20GB }
classes: [{ name: process }]
sources:
  - name: broker
    protocol: mqtt
    url: mqtt://127.0.0.1:${mqttPort}
    insecure: drill on loopback
    subscribe:
      - ${SUBSCRIBE[shape]}
uplinks:
  - name: cloud
    kafka:
      brokers: ["127.0.0.1:${kafkaPort}"]
      insecure: drill on loopback
      headers: id
      topics: { telemetry: ${DRILL_TOPIC}, aggregates: ${DRILL_TOPIC}, gaps: ${DRILL_TOPIC}, events: ${DRILL_TOPIC} }
`,
    )
    return { command: process.execPath, args: [CLI, 'agent', '--settings', settings, '--data', buffer], buffer }
  },
  *decode(value) {
    const { tag, ts } = JSON.parse(value.toString()) as { tag?: string; ts: number }
    // A checkpoint has no tag.
    if (tag !== undefined) yield [tag, ts / 1000]
  },
}
