import { z } from 'zod'
import { BACKUP_CHARS_MAX, PASSPHRASE_CHARS_LEAST, PASSPHRASE_CHARS_MAX } from '../../core/bounds.ts'
import type { BackupFile, BackupOpen, BackupRequest, BackupRestore, OpenedBackup } from '../../core/backup.ts'
import { ledgerLine } from './log.ts'
import { revision, settingsCheck } from './operator.ts'
import { count, micros, shapeOf } from './shape.ts'

const text = z.string()
const passphrase = text.max(PASSPHRASE_CHARS_MAX)

export const backupRequest = shapeOf<BackupRequest>()(z.strictObject({ passphrase: passphrase.min(PASSPHRASE_CHARS_LEAST) }))

export const backupFile = shapeOf<BackupFile>()(z.object({ name: text, file: text }))

const opening = { file: text.min(1).max(BACKUP_CHARS_MAX), passphrase: passphrase.min(1) }

export const backupOpen = shapeOf<BackupOpen>()(z.strictObject(opening))

/** Without `by`: whoever asks is known. */
export const backupRestore = shapeOf<Omit<BackupRestore, 'by'>>()(z.strictObject({ ...opening, base: revision }))

export const openedBackup = shapeOf<OpenedBackup>()(
  z.object({
    device: text,
    madeAt: micros,
    version: text,
    settings: text,
    secrets: z.array(text),
    keys: z.array(text),
    ledger: z.array(ledgerLine),
    ledgerLines: count,
    check: settingsCheck,
  }),
)
