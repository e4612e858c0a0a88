// What is done at a command line, past page and console, stands in the same list as all else.
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { CliEvent } from './commands/dispatch.ts'

/** Where there is no list yet, or it is not this user's to write, nothing is written: no command fails because of it. */
export async function auditCli(dir: string, { what, detail }: CliEvent): Promise<void> {
  if (!existsSync(join(dir, 'access', 'access.db'))) return
  try {
    const { openAccess } = await import('./access/index.ts')
    const access = await openAccess(dir)
    access.audit({ what, by: 'cli', address: 'cli', detail: { ...detail, user: nameOfUser() } })
    access.close()
  } catch {
    // The log of the system has who became root.
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}
