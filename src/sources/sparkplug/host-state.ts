// STATE: tells edge nodes that their host is there, and by the broker's hand that it is gone. Nodes that wait for a host keep their data meanwhile.
import type { MqttClient } from 'mqtt'
import type { Will } from '../../clients/mqtt/connect.ts'
import { stateTopic } from './topics.ts'

/** Somebody else who says that we are off line (the will of our connection before, another host of our name): so often at most we say otherwise. */
const AGAIN_MS = 5_000

export interface HostState {
  /** For the next connection: its time is the one that STATE names as long as the connection lasts. */
  will(): Will
  online(client: MqttClient): void
  offline(client: MqttClient): Promise<void>
  /** A STATE message of our name. */
  heard(payload: string, client: MqttClient | undefined, now: number): void
  readonly topic: string
}

export function newHostState(host: string, nowMs: () => number): HostState {
  const topic = stateTopic(host)
  let timestamp = nowMs()
  let saidAt = -Infinity
  const message = (online: boolean) => Buffer.from(JSON.stringify({ online, timestamp }))
  const say = (client: MqttClient, online: boolean) => client.publishAsync(topic, message(online), { qos: 1, retain: true })
  return {
    topic,
    will() {
      timestamp = nowMs()
      return { topic, payload: message(false), qos: 1, retain: true }
    },
    // A connection that ends meanwhile says it by its will.
    online: (client) => void say(client, true).catch(() => {}),
    offline: async (client) => void (await say(client, false)),
    heard(payload, client, now) {
      if (!client || now - saidAt < AGAIN_MS || !saysOffline(payload)) return
      saidAt = now
      void say(client, true).catch(() => {})
    },
  }
}

function saysOffline(payload: string): boolean {
  try {
    return (JSON.parse(payload) as { online?: unknown } | null)?.online === false
  } catch {
    return payload === 'OFFLINE'
  }
}
