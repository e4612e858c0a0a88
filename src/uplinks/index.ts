// The kinds of uplinks: one line each.
import type { ReachOf } from '../core/reach.ts'
import { reachByList, reachByUrl } from '../core/reach.ts'
import type { UplinkKind } from '../core/uplink.ts'
import { BOX_PORT } from './box/settings.ts'

/**
 * By the key that names it in an uplink's settings; each brings its library with it, which no other kind's thread has use for. What `open` takes is what
 * the kind's own schema yields, secrets resolved.
 */
const kinds: Readonly<Record<string, () => Promise<UplinkKind<never>>>> = {
  kafka: async () => (await import('./kafka/index.ts')).kafka,
  box: async () => (await import('./box/index.ts')).box,
  mqtt: async () => (await import('./mqtt/index.ts')).mqtt,
}

/** For who has its settings and knows no more of them. */
export async function uplinkKind(name: string): Promise<UplinkKind<unknown>> {
  const load = kinds[name]
  if (!load) throw new Error(`there is no kind of uplink ${name}`)
  return (await load()) as unknown as UplinkKind<unknown>
}

/** Where its far end answers TCP, by what stands under that key. */
export const uplinkReach: Readonly<Record<string, ReachOf>> = {
  kafka: reachByList('brokers'),
  box: reachByUrl('url', { 'https:': BOX_PORT }),
  mqtt: reachByUrl('url', { 'mqtt:': 1883, 'mqtts:': 8883 }),
}
