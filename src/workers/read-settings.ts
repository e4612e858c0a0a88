// Settings are read in a thread of their own: what only that needs (zod, yaml, the protocols' schemas) ends with it.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { CheckedSettings } from '../settings/read.ts'
import { unpacked } from './port.ts'

export interface SettingsRequest {
  readonly file: string
  /** DIR, where the secrets are. */
  readonly dir: string
  /** Stands in where the file has no device.id. */
  readonly deviceId: string
  readonly valuesFile?: string
  /** Where secrets may be besides. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** As `readSettings` does; secrets are those of DIR and of `env`. Rejects with BadInput that names every problem. */
export async function readSettingsApart({ env, ...request }: SettingsRequest): Promise<CheckedSettings> {
  const thread = new Worker(new URL('./settings.ts', import.meta.url), { workerData: request, name: 'settings', env: { ...env } })
  try {
    const [found] = (await once(thread, 'message')) as [{ checked: CheckedSettings } | { error: unknown }]
    if ('error' in found) throw unpacked(found.error)
    return found.checked
  } finally {
    await thread.terminate()
  }
}
