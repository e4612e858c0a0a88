// A listener that the firewall keeps everybody from is no mistake of either: nobody would look there.
import { OPEN_PORT_MIN } from '../core/bounds.ts'
import type { BoxesSettings } from '../core/boxes.ts'
import type { OpenPort } from '../core/host.ts'
import type { Issue } from '../core/status.ts'

/** `open`: undefined on a system whose firewall is not ours. */
export function openIssues(boxes: BoxesSettings | undefined, open: readonly OpenPort[] | undefined): Issue[] {
  if (!boxes || !open) return []
  const { host, port } = boxes.listen
  // Below, nothing of ours can listen at all, which is another issue; and no settings open it.
  if (isLoopback(host) || port < OPEN_PORT_MIN || open.some((it) => it.port === port)) return []
  return [
    {
      code: 'boxes-not-open',
      severity: 'warning',
      text: `Other boxes cannot reach ${host}:${port}: the firewall of this box lets nobody in there`,
      remedy: `Write open: [${port}] into the entry of that port under network.ports, and put it in force.`,
    },
  ]
}

/** Meant for this box alone. */
const isLoopback = (host: string) => host.startsWith('127.') || host === '::1'
