// What few boxes are ever asked for is loaded when somebody asks, and not at each start: backups, exports by stick and models, with what proves them.
import { join } from 'node:path'
import type { GiveParts } from './airgap/give.ts'
import type { BackupParts } from './agent-backup.ts'
import type { AirgapApi } from './core/airgap.ts'
import type { BackupApi } from './core/backup.ts'
import type { ModelsApi } from './core/model.ts'
import type { ModelStoreParts } from './models/store.ts'

/** As `airgapApi`, with the box's own key of `dir`. */
export function airgapLater(dir: string, partsOf: (own: Pick<GiveParts, 'key'>) => GiveParts): AirgapApi {
  const api = once(async () => {
    const [{ airgapApi }, { EXPORT_KEY_FILE, ownSigningKey }] = await Promise.all([
      import('./airgap/give.ts'),
      import('./airgap/keys.ts'),
    ])
    return airgapApi(partsOf({ key: () => ownSigningKey(join(dir, EXPORT_KEY_FILE)) }))
  })
  return {
    exportKey: async () => (await api()).exportKey(),
    async *exportFiles(request, signal) {
      yield* (await api()).exportFiles(request, signal)
    },
    fileIsWhole: async (manifest) => (await api()).fileIsWhole(manifest),
    takeReceipt: async (text) => (await api()).takeReceipt(text),
  }
}

/** As `backupApi`, with a thread of its own for each backup. */
export function backupLater(parts: Omit<BackupParts, 'thread'>): BackupApi {
  const api = once(async () => {
    const [{ backupApi }, { backupThread }] = await Promise.all([import('./agent-backup.ts'), import('./workers/backup-host.ts')])
    return backupApi({ ...parts, thread: backupThread() })
  })
  return {
    backupSave: async (request) => (await api()).backupSave(request),
    backupOpen: async (request) => (await api()).backupOpen(request),
    backupRestore: async (request) => (await api()).backupRestore(request),
  }
}

/** As `modelStore`. */
export function modelsLater(parts: ModelStoreParts): ModelsApi {
  const api = once(async () => (await import('./models/store.ts')).modelStore(parts))
  return {
    models: async () => (await api()).models(),
    addModel: async (piece) => (await api()).addModel(piece),
    removeModel: async (name) => (await api()).removeModel(name),
  }
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => (loading ??= load())
}
