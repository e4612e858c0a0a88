// A backup's thread: scrypt takes a core for a second, and its memory ends with the thread.
import { parentPort, workerData } from 'node:worker_threads'
import { sealBackup, unsealBackup } from '../backup/container.ts'
import { contentsText, parseContents } from '../backup/contents.ts'
import type { BackupAnswer, BackupRequest } from './backup-host.ts'
import { packed } from './port.ts'

async function answer(request: BackupRequest): Promise<BackupAnswer> {
  try {
    const { passphrase } = request
    if ('contents' in request) return { file: await sealBackup(contentsText(request.contents), passphrase) }
    return { contents: parseContents(await unsealBackup(request.file, passphrase)) }
  } catch (error) {
    return { error: packed(error) }
  }
}

parentPort?.postMessage(await answer(workerData as BackupRequest))
