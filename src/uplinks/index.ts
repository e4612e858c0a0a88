// The kinds of uplinks: one line each.
import type { UplinkKind } from '../core/uplink.ts'
import { kafka } from './kafka/index.ts'

/** By the key that names it in an uplink's settings. What `open` takes is what the kind's own schema yields, secrets resolved. */
export const uplinkKinds: Readonly<Record<string, UplinkKind<never>>> = { kafka }
