// Main's side of a backup's thread: one at a time, for each takes 64 MB.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { BackupContents } from '../backup/contents.ts'
import { Unreachable } from '../core/errors.ts'
import { unpacked } from './port.ts'

export type BackupRequest =
  | { readonly passphrase: string; readonly contents: BackupContents }
  | { readonly passphrase: string; readonly file: string }

export type BackupAnswer = { readonly file: string } | { readonly contents: BackupContents } | { readonly error: unknown }

const HEAP_MB = 256

export interface BackupThread {
  seal(contents: BackupContents, passphrase: string): Promise<string>
  /** Rejects with BadInput. */
  open(file: string, passphrase: string): Promise<BackupContents>
}

export function backupThread(): BackupThread {
  let isRunning = false
  async function ask(request: BackupRequest): Promise<BackupAnswer> {
    if (isRunning)
      throw new Unreachable('backup-running', 'a backup is being made or opened', { remedy: 'Try again in a few seconds.' })
    isRunning = true
    const thread = new Worker(new URL('./backup.ts', import.meta.url), {
      workerData: request,
      name: 'backup',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    try {
      const [answer] = (await once(thread, 'message')) as [BackupAnswer]
      if ('error' in answer) throw unpacked(answer.error)
      return answer
    } finally {
      await thread.terminate()
      isRunning = false
    }
  }
  return {
    seal: async (contents, passphrase) => ((await ask({ contents, passphrase })) as { file: string }).file,
    open: async (file, passphrase) => ((await ask({ file, passphrase })) as { contents: BackupContents }).contents,
  }
}
