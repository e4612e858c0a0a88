// One opener at a time. The lock is SQLite's own on a file that holds nothing else: the kernel frees it with the process, however that ends.
// (A lock on the journal itself would shut out our own keeper, which reads beside the writer.)
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BadInput, Unreachable } from '../core/errors.ts'

export interface Lock {
  release(): void
}

const DISK_FULL_REMEDY = 'delete what other programs have left there: the log begins by itself once there is room'

/** Takes the lock of a log's folder or throws BadInput that names who holds it. `who` is told to those who come later. */
export function takeLock(dir: string, who: string): Lock {
  const note = join(dir, 'lock.holder')
  const db = new Database(join(dir, 'lock'), { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    const { code } = cause as { code?: string }
    if (code === 'SQLITE_FULL')
      throw new Unreachable('disk-full', `the disk that the log lies on is full: ${dir}`, { cause, remedy: DISK_FULL_REMEDY })
    if (code !== 'SQLITE_BUSY') throw cause
    const holder = existsSync(note) ? readFileSync(note, 'utf8').trim() : 'another process'
    throw new BadInput([{ where: dir, text: `the log is in use by ${holder}`, remedy: 'stop it, or use another data directory' }])
  }
  writeFileSync(note, `${who}, process ${process.pid}\n`)
  return {
    release: () => {
      db.exec('ROLLBACK')
      db.close()
    },
  }
}
