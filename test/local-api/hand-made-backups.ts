// What the agent made by hand says of backups.
import type { BackupApi, OpenedBackup } from '../../src/core/backup.ts'
import type { SettingsApi } from '../../src/core/operator.ts'

const BACKUP: OpenedBackup = {
  device: 'hf-9c01',
  madeAt: 1_795_000_000_000_000,
  version: '0.1.0',
  settings: 'version: 1\ndevice: { id: hf-9c01 }\n',
  secrets: ['cloud'],
  keys: ['exports: the key that signs them', 'opcua: own certificate and key'],
  ledger: [],
  ledgerLines: 0,
  check: {
    problems: [],
    changes: [{ path: 'device.id', old: 'hf-7f3a', new: 'hf-9c01' }],
    restarts: ['agent'],
    warnings: ['replace hf-9c01?'],
  },
}

export function backups(settings: SettingsApi['settings']): BackupApi {
  return {
    backupSave: () =>
      Promise.resolve({ name: 'hf-7f3a-20261124T101500Z.backup.age', file: '-----BEGIN AGE ENCRYPTED FILE-----\n' }),
    backupOpen: () => Promise.resolve(BACKUP),
    backupRestore: settings,
  }
}
