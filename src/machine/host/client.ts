// The root helper, as seen over its socket. Holds nothing open between calls.
import { Unreachable } from '../../core/errors.ts'
import type { HostApi, HostVerb, NetworkNow, Stick } from '../../core/host.ts'
import type { Answerer } from '../verb-client.ts'
import { askVerb } from '../verb-client.ts'
import { hostSocket } from './wire.ts'

const HELPER: Answerer = {
  away: { code: 'host-unreachable' },
  gone: { code: 'host-gone' },
  name: 'the helper of root',
  remedy: 'start it as root: holdfast host --data DIR',
}

/** Calls reject with Unreachable (code 'host-unreachable') where no helper answers. */
export function connectHost(dir: string): HostApi {
  const ask = <T>(verb: string, input: object): Promise<T> => askVerb(hostSocket(dir), HELPER, verb, input) as Promise<T>
  return {
    verbs: () =>
      ask<HostVerb[]>('verbs', {}).catch((error: unknown) => {
        if (error instanceof Unreachable && error.code === 'host-unreachable') return []
        throw error
      }),
    networkShow: () => ask<NetworkNow>('networkShow', {}),
    networkApply: (change) => ask<NetworkNow>('networkApply', change),
    networkConfirm: () => ask<NetworkNow>('networkConfirm', {}),
    networkRevert: () => ask<NetworkNow>('networkRevert', {}),
    clockSet: (ms) => ask<void>('clockSet', { ms }),
    clockServers: (servers) => ask<void>('clockServers', { servers }),
    serviceRestart: (name) => ask<void>('serviceRestart', { name }),
    reboot: () => ask<void>('reboot', {}),
    powerOff: () => ask<void>('powerOff', {}),
    stickMount: (write) => ask<Stick>('stickMount', { write }),
    stickUnmount: () => ask<void>('stickUnmount', {}),
    factoryReset: (how) => ask<void>('factoryReset', how),
    settingsWrite: (text, by) => ask<void>('settingsWrite', { text, by }),
  }
}
