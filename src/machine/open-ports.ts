// What the firewall of the image lets in by the settings: zones.ts writes it when it lays the rules, the agent says it in its status.
import { readFileSync } from 'node:fs'
import type { OpenPort } from '../core/host.ts'

export const OPEN_PORTS_FILE = '/run/holdfast-open.json'

/** Undefined on a system whose firewall is not ours. */
export function openPorts(file = OPEN_PORTS_FILE): readonly OpenPort[] | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as readonly OpenPort[]
  } catch {
    return undefined
  }
}
