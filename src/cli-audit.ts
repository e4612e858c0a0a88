// What is done at a command line, past page and console, stands in the same list as all else.
import { existsSync, lstatSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { CliEvent } from './commands/dispatch.ts'

/** Where there is no list yet, or it is not this user's to write, nothing is written: no command fails because of it. */
export async function auditCli(dir: string, { what, detail }: CliEvent): Promise<void> {
  const folder = join(dir, 'access')
  if (!existsSync(join(folder, 'access.db'))) return
  try {
    const { openAccess } = await import('./access/index.ts')
    const user = nameOfUser()
    becomeOwnerOf(folder)
    const access = await openAccess(dir)
    access.audit({ what, by: 'cli', address: 'cli', detail: { ...detail, user } })
    access.close()
  } catch {
    // The log of the system has who became root.
  }
}

/** The folder is the panel's, and a link may lie in it: root goes no further there than the panel itself could. The command is over by now. */
function becomeOwnerOf(folder: string): void {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = lstatSync(folder)
  process.setgroups?.([gid])
  process.setegid?.(gid)
  process.seteuid?.(uid)
}

function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}
