// A listener that the firewall keeps everybody from is no mistake of either: nobody would look there.
import type { BoxesSettings } from '../core/boxes.ts'
import type { OpenPort } from '../core/host.ts'
import type { Issue } from '../core/status.ts'

/** `open`: undefined on a system whose firewall is not ours. */
export function openIssues(boxes: BoxesSettings | undefined, open: readonly OpenPort[] | undefined): Issue[] {
  if (!boxes || !open || open.some((it) => it.port === boxes.listen.port)) return []
  const { host, port } = boxes.listen
  return [
    {
      code: 'boxes-not-open',
      severity: 'warning',
      text: `Other boxes cannot reach ${host}:${port}: the firewall of this box lets nobody in there`,
      remedy: `Write open: [${port}] into the entry of that port under network.ports, and put it in force.`,
    },
  ]
}
