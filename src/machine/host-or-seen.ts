// Where no helper of root runs the network can be seen all the same, as anybody sees it, and nothing of it can be changed.
import { Unreachable } from '../core/errors.ts'
import type { HostApi } from '../core/host.ts'
import { interfacesSeen, nameServersSeen } from './interfaces-seen.ts'

export function hostOrSeen(host: HostApi): HostApi {
  return {
    ...host,
    networkShow: () =>
      host.networkShow().catch((error: unknown) => {
        if (!(error instanceof Unreachable && error.code === 'host-unreachable')) throw error
        return { interfaces: interfacesSeen(), ports: [], pending: null, nameServers: nameServersSeen(), by: null }
      }),
  }
}
