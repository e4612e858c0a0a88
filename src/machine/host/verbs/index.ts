// All verbs of the root helper. Whoever asks for anything else is told no.
import type { Verb } from '../../verb.ts'
import type { HostParts } from '../verb.ts'
import { clockServers, clockSet } from './clock.ts'
import { factoryReset } from './factory-reset.ts'
import { networkApply, networkConfirm, networkRevert, networkShow } from './network.ts'
import { powerOff, reboot, serviceRestart } from './power.ts'
import { settingsWrite } from './settings-write.ts'
import { stickMount, stickUnmount } from './stick.ts'

export const VERBS: readonly Verb<HostParts>[] = [
  networkShow,
  networkApply,
  networkConfirm,
  networkRevert,
  clockSet,
  clockServers,
  serviceRestart,
  reboot,
  powerOff,
  stickMount,
  stickUnmount,
  settingsWrite,
  factoryReset,
]
