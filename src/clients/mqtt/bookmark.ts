// What we left at the broker, kept across restarts: without it a session that the broker lost while we were away would go unnoticed,
// and subscriptions of earlier settings would go on for ever.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { MqttAccess } from './connect.ts'

/** The filters subscribed at this broker under this client id; undefined when we never were there. */
export function readBookmark(path: string, { url, clientId }: MqttAccess): readonly string[] | undefined {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as { url?: unknown; clientId?: unknown; filters?: unknown }
    if (found.url !== url || found.clientId !== clientId || !Array.isArray(found.filters)) return undefined
    return found.filters.filter((it) => typeof it === 'string')
  } catch {
    // Missing, or cut short by a power failure: as if we never were there.
    return undefined
  }
}

export function writeBookmark(path: string, { url, clientId }: MqttAccess, filters: readonly string[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify({ url, clientId, filters }))
  renameSync(`${path}.new`, path)
}
