// What stands around an uplink in these tests: settings as a file has them, a context, and a subscriber of the broker.
import type { IPublishPacket, MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { UplinkBatch, UplinkContext } from '../../../src/core/uplink.ts'
import type { MqttUplinkSettings } from '../../../src/uplinks/mqtt/settings.ts'
import { mqttSettingsSchema } from '../../../src/uplinks/mqtt/settings.ts'
import { contextOf } from '../kafka/slices.ts'

export interface Line {
  readonly level: string
  readonly code: unknown
  readonly text: string
}

export function settingsOf(port: number, more: object = {}): MqttUplinkSettings {
  return mqttSettingsSchema.parse({ url: `mqtt://127.0.0.1:${port}`, insecure: 'a test', ...more }) as MqttUplinkSettings
}

export function contextWith(lines: Line[] = [], device = 'hf-1'): UplinkContext {
  const line = (level: string) => (fields: object, text: string) =>
    void lines.push({ level, code: (fields as { code?: unknown }).code, text })
  return {
    ...contextOf(device, 'site'),
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
  }
}

export interface Heard {
  readonly topic: string
  readonly retain: boolean
  readonly json: Record<string, unknown>
}

export interface Subscriber {
  readonly heard: Heard[]
  readonly client: MqttClient
  end(): Promise<void>
}

/** Hears all that is published under these topics. */
export async function subscriber(port: number, options: object = {}, filter: string | string[] = '#'): Promise<Subscriber> {
  const heard: Heard[] = []
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 100, ...options })
  client.on('error', () => {})
  client.on('message', (topic, payload, packet) => heard.push(heardOf(topic, payload, packet)))
  await new Promise((resolve) => client.once('connect', resolve))
  if (filter.length > 0) await client.subscribeAsync(filter, { qos: 1 })
  return { heard, client, end: () => client.endAsync(true) }
}

function heardOf(topic: string, payload: Buffer, { retain }: IPublishPacket): Heard {
  return { topic, retain, json: payload.length === 0 ? {} : (JSON.parse(payload.toString()) as Heard['json']) }
}

/** What the broker keeps, by topic. */
export async function retained(port: number, filter = '#'): Promise<Map<string, Heard['json']>> {
  const { heard, client, end } = await subscriber(port, {}, filter)
  // The answer comes behind what is kept.
  await client.unsubscribeAsync(filter)
  await end()
  return new Map(heard.filter((it) => it.retain).map((it) => [it.topic, it.json]))
}

export const NEVER = new AbortController().signal

export const withSlices = (...parts: Pick<UplinkBatch, 'slices' | 'series'>[]): UplinkBatch => ({
  slices: parts.flatMap((it) => it.slices),
  series: new Map(parts.flatMap((it) => [...it.series])),
  maybeDuplicate: [],
})
