// Settings are read in a thread of their own: what only that needs (zod, yaml, the protocols' schemas) ends with it.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { BadInput } from '../core/errors.ts'
import type { SettingsChange } from '../core/operator.ts'
import type { CheckedSettings } from '../settings/read.ts'
import { unpacked } from './port.ts'

/** Enough for eighty thousand tags; a text that was made to take more ends this thread and nothing else. */
const HEAP_MB_MAX = 1_024

export interface SettingsRequest {
  readonly file: string
  /** DIR, where the secrets are. */
  readonly dir: string
  /** Stands in where the file has no device.id. */
  readonly deviceId: string
  readonly valuesFile?: string
  /** As if this stood in the file. */
  readonly text?: string
  /** See `SettingsContext`. */
  readonly ranBefore?: boolean
  /** As if the store had these too, in place of those of the same name. */
  readonly secrets?: Readonly<Record<string, string>>
  /** Where secrets may be besides. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface SettingsAnswer {
  readonly checked?: CheckedSettings
  /** As `packed` made it. */
  readonly error?: unknown
  readonly changes: readonly SettingsChange[]
}

/** As `readSettings` does; secrets are those of DIR and of `env`. Rejects with BadInput that names every problem. */
export async function readSettingsApart(request: SettingsRequest): Promise<CheckedSettings> {
  const { checked } = await checkSettingsApart(request)
  if ('error' in checked) throw checked.error
  return checked.settings
}

export interface CheckedApart {
  readonly checked: { readonly settings: CheckedSettings } | { readonly error: unknown }
  /** What `text` would change. */
  readonly changes: readonly SettingsChange[]
}

/** The same, with what is wrong as a part of the answer. */
export async function checkSettingsApart({ env, ...request }: SettingsRequest, heapMb = HEAP_MB_MAX): Promise<CheckedApart> {
  const thread = new Worker(new URL('./settings.ts', import.meta.url), {
    workerData: request,
    name: 'settings',
    env: { ...env },
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  try {
    const [{ checked, error, changes }] = (await once(thread, 'message')) as [SettingsAnswer]
    return { checked: checked ? { settings: checked } : { error: unpacked(error) }, changes }
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw cause
    const text = `takes more than ${heapMb} MB of memory to check`
    return { checked: { error: new BadInput([{ where: request.file, text, remedy: 'make it smaller' }]) }, changes: [] }
  } finally {
    await thread.terminate()
  }
}
