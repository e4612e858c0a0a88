// A box's backup: one text, encrypted by a passphrase, that makes of new hardware the box that was there before. Readings are not in it: they are in the
// log and with the uplinks.
import type { LedgerLine, SettingsCheck, SettingsNow } from './operator.ts'
import type { Micros } from './reading.ts'

/** What of a backup may be shown: no secret's text, no key. */
export interface BackupView {
  /** Whose it is. */
  readonly device: string
  readonly madeAt: Micros
  /** Of the software that made it. */
  readonly version: string
  /** Its settings, with `device.id` in them. */
  readonly settings: string
  /** Names. */
  readonly secrets: readonly string[]
  /** What else makes the box known to others, by what it is for: `OPC UA client certificate`. */
  readonly keys: readonly string[]
  /** What was given up until then, the youngest first. */
  readonly ledger: readonly LedgerLine[]
  /** There were so many lines; `ledger` has the youngest. */
  readonly ledgerLines: number
}

/** … and what this box would do with it. */
export interface OpenedBackup extends BackupView {
  /** Against the settings in force, with the backup's own secrets. Its warnings ask whether this box replaces that one. */
  readonly check: SettingsCheck
}

export interface BackupRequest {
  readonly passphrase: string
}

export interface BackupFile {
  /** `hf-7f3a-20261124T101500Z.backup.age` */
  readonly name: string
  /** An age file in its text form ("-----BEGIN AGE ENCRYPTED FILE-----"): `age -d` opens it anywhere. */
  readonly file: string
}

export interface BackupOpen {
  readonly file: string
  readonly passphrase: string
}

export interface BackupRestore extends BackupOpen {
  /** Of the settings that the difference was shown against: refused (code `settings-changed`) when others have come since. */
  readonly base: string
  readonly by: string
}

export interface BackupApi {
  /** Rejects with BadInput: a passphrase that is too short. */
  backupSave(request: BackupRequest): Promise<BackupFile>
  /** Changes nothing. Rejects with BadInput: another passphrase, damaged, not a backup, of a later version. */
  backupOpen(request: BackupOpen): Promise<OpenedBackup>
  /** Secrets, keys and settings, all or none of them. Rejects as `backupOpen` and `settingsApply` do. */
  backupRestore(request: BackupRestore): Promise<SettingsNow>
}
