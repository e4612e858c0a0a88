// A box's backup: what it is made of, and what becomes of one that is brought back. Loaded when somebody asks (agent-later.ts).
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { namedSettings } from './agent-named.ts'
import type { SettingsService } from './agent-settings.ts'
import type { BackupContents } from './backup/contents.ts'
import { isKeyFile, KEY_FILE_BYTES_MAX, KEY_FILES_MAX } from './backup/contents.ts'
import { BACKUP_CHARS_MAX, BACKUP_LEDGER_LINES_MAX, LEDGER_LINES_MAX, PASSPHRASE_CHARS_LEAST } from './core/bounds.ts'
import type { BackupApi, BackupView } from './core/backup.ts'
import { BadInput } from './core/errors.ts'
import type { LedgerLine, SettingsApi } from './core/operator.ts'
import type { LogApi } from './core/log-files.ts'
import type { Micros } from './core/reading.ts'
import { allSecrets } from './settings/secrets.ts'
import type { BackupThread } from './workers/backup-host.ts'

export interface BackupParts {
  /** DIR. */
  readonly dir: string
  readonly version: string
  /** Of the settings in force. */
  device(): string
  readonly settings: Pick<SettingsService, 'checkBrought' | 'applyBrought'>
  readonly settingsApi: Pick<SettingsApi, 'settings'>
  readonly ledger: LogApi['ledger']
  readonly thread: BackupThread
  now(): Micros
}

/** Folders below DIR in which the files of isKeyFile are. */
const KEY_FOLDERS = ['export', 'protocols']

export function backupApi(parts: BackupParts): BackupApi {
  const { dir, thread, settings } = parts

  async function contents(): Promise<BackupContents> {
    const { text } = await parts.settingsApi.settings()
    const device = parts.device()
    const lines = await ledgerLines(parts.ledger)
    return {
      device,
      madeAt: parts.now(),
      version: parts.version,
      settings: (await namedSettings(text, device)).text,
      secrets: await allSecrets(dir),
      files: await keyFiles(dir),
      ledger: lines.slice(0, BACKUP_LEDGER_LINES_MAX),
      ledgerLines: lines.length,
    }
  }

  return {
    async backupSave({ passphrase }) {
      if (passphrase.length < PASSPHRASE_CHARS_LEAST)
        refuse(
          'passphrase',
          `has fewer than ${PASSPHRASE_CHARS_LEAST} characters`,
          'whoever has the file may guess for years: take some words',
        )
      const made = await contents()
      const file = await thread.seal(made, passphrase)
      if (file.length > BACKUP_CHARS_MAX) refuse('settings', 'are too large for a backup', 'keep them as a file')
      const at = new Date(made.madeAt / 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
      return { name: `${made.device}-${at}Z.backup.age`, file }
    },
    async backupOpen({ file, passphrase }) {
      const opened = await thread.open(file, passphrase)
      return { ...viewOf(opened), check: await settings.checkBrought(opened.settings, opened) }
    },
    async backupRestore({ file, passphrase, base, by }) {
      const opened = await thread.open(file, passphrase)
      return settings.applyBrought({ text: opened.settings, base, by, note: `backup of ${opened.device}` }, opened)
    },
  }
}

function viewOf({ device, madeAt, version, settings, secrets, files, ledger, ledgerLines: lines }: BackupContents): BackupView {
  const names = Object.keys(secrets).toSorted()
  return { device, madeAt, version, settings, secrets: names, keys: keysOf(Object.keys(files)), ledger, ledgerLines: lines }
}

/** By what they are for: the files themselves say nothing to a person. */
function keysOf(paths: readonly string[]): string[] {
  const of = (path: string) => {
    const [top = '', protocol = '', , kind = ''] = path.split('/')
    if (top === 'export') return 'exports: the key that signs them'
    return `${protocol}: ${kind === 'own' ? 'own certificate and key' : 'certificates that it trusts'}`
  }
  return [...new Set(paths.map(of))].toSorted()
}

/** The youngest first. */
async function ledgerLines(ledger: LogApi['ledger']): Promise<LedgerLine[]> {
  const lines: LedgerLine[] = []
  for await (const it of ledger({ limit: LEDGER_LINES_MAX }, new AbortController().signal)) lines.push(it)
  return lines
}

async function keyFiles(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const folder of KEY_FOLDERS) {
    const entries = await readdir(join(dir, folder), { recursive: true, withFileTypes: true }).catch(() => [])
    for (const it of entries) {
      const path = join(it.parentPath, it.name).slice(dir.length + 1)
      if (!it.isFile() || !isKeyFile(path) || Object.keys(found).length >= KEY_FILES_MAX) continue
      const bytes = await readFile(join(dir, path))
      if (bytes.length <= KEY_FILE_BYTES_MAX) found[path] = bytes.toString('base64')
    }
  }
  return found
}

function refuse(where: string, text: string, remedy: string): never {
  throw new BadInput([{ where, text, remedy }])
}
