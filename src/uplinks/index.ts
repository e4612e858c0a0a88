// The kinds of uplinks: one line each.
import type { ReachOf } from '../core/reach.ts'
import { reachByList, reachByUrl } from '../core/reach.ts'
import type { UplinkKind } from '../core/uplink.ts'
import { box } from './box/index.ts'
import { BOX_PORT } from './box/settings.ts'
import { kafka } from './kafka/index.ts'
import { mqtt } from './mqtt/index.ts'

/** By the key that names it in an uplink's settings. What `open` takes is what the kind's own schema yields, secrets resolved. */
export const uplinkKinds: Readonly<Record<string, UplinkKind<never>>> = { kafka, box, mqtt }

/** Where its far end answers TCP, by what stands under that key. */
export const uplinkReach: Readonly<Record<string, ReachOf>> = {
  kafka: reachByList('brokers'),
  box: reachByUrl('url', { 'https:': BOX_PORT }),
  mqtt: reachByUrl('url', { 'mqtt:': 1883, 'mqtts:': 8883 }),
}
