import { resolve } from 'node:path'
import type { SourceContext } from '../../core/source.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { MqttAccess } from './connect.ts'

/** The secret store has had its turn: what is no text now is a bug. */
function text(given: string | { readonly secret: string } | undefined): string | undefined {
  if (typeof given === 'object') throw new Error(`the secret ${given.secret} was not resolved`)
  return given
}

/** The connection that keeps its session at the broker. */
export function accessOf(settings: BrokerSettings, { device, name }: Pick<SourceContext, 'device' | 'name'>): MqttAccess {
  const { tls } = settings
  return {
    url: settings.url,
    clientId: settings.clientId ?? `holdfast-${device}-${name}`,
    version: settings.version,
    keepAliveMs: settings.keepAlive,
    isClean: false,
    user: settings.user,
    password: text(settings.password),
    packetBytesMax: settings.packetBytesMax,
    tls: tls && { ca: text(tls.ca), cert: text(tls.cert), key: text(tls.key), serverName: tls.serverName },
  }
}

/** Where a source notes what the broker's session holds. */
export function bookmarkPath({ dir, name }: SourceContext): string {
  return resolve(dir, `mqtt-${name}.session.json`)
}
