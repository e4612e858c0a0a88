// A box's encrypted backup at the console: onto the stick, and from it. The agent alone can make one or open one.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenedBackup } from '../core/backup.ts'
import { BadInput } from '../core/errors.ts'
import { agentAway } from './items/status.ts'
import type { Session } from './parts.ts'
import { nameTyped, typedTwice } from './questions.ts'
import { showChanges } from './settings-changes.ts'
import { withStick } from './stick.ts'

export const BACKUP_SUFFIX = '.backup.age'

export async function backUpEncrypted(session: Session): Promise<void> {
  const { terminal, parts, person } = session
  if (person.role !== 'admin') throw new BadInput([{ where: person.name, text: 'an encrypted backup wants an admin' }])
  if (await needsAgent(session)) return
  await terminal.print([
    'Nobody can open it without its passphrase, and nobody can set another one.',
    'Long: six words by chance, or more. Keep it apart from the stick.',
  ])
  const passphrase = await typedTwice(terminal, 'passphrase')
  await terminal.flow(['encrypting ...'])
  const { name, file } = await terminal.during(() => parts.agent.backupSave({ passphrase }))
  await withStick(session, true, async (path) => {
    parts.access.audit('backup', person.name, { name })
    await writeFile(join(path, name), file, { flag: 'wx', flush: true })
    await terminal.print([`written: ${join(path, name)}`])
  })
}

export async function restoreBackup(session: Session, file: string): Promise<void> {
  const { terminal, parts, person } = session
  if (await needsAgent(session)) return
  // Asked for first: settings that come while it is being looked at make the restoring refused, not unseen.
  const { revision } = await parts.agent.settings()
  const found = await opened(session, file)
  if (!found) return
  const { backup, passphrase } = found
  await terminal.print(factsOf(backup))
  await showChanges(terminal, backup.check)
  if (!(await nameTyped(session, `makes this box ${backup.device}, with the settings, secrets and keys of the backup`))) return
  parts.access.audit('restore', person.name, { device: backup.device })
  await terminal.flow(['restoring ...'])
  const now = await parts.agent.backupRestore({ file, passphrase, base: revision, by: person.name })
  await terminal.print([
    `restored: this box is ${backup.device}`,
    ...(now.system.ports.length > 0 ? ['The addresses of the settings are not in force yet: item 2 sets them.'] : []),
    'Users and tokens are those of this box: they are added anew on the page.',
    'The box that this one replaces must not send any more.',
  ])
}

async function needsAgent(session: Session): Promise<boolean> {
  const why = await agentAway(session)
  if (why !== undefined) await session.terminal.print([`An encrypted backup needs the agent: ${why}`])
  return why !== undefined
}

/** Asked for until it is the right one. Undefined: nothing was typed. */
async function opened(
  { terminal, parts }: Session,
  file: string,
): Promise<{ readonly backup: OpenedBackup; readonly passphrase: string } | undefined> {
  for (;;) {
    const passphrase = await terminal.askSecret('Passphrase (not shown, Enter: none): ')
    if (passphrase === '') return undefined
    await terminal.flow(['opening ...'])
    try {
      return { backup: await terminal.during(() => parts.agent.backupOpen({ file, passphrase })), passphrase }
    } catch (error) {
      if (!(error instanceof BadInput) || error.problems[0]?.where !== 'passphrase') throw error
      await terminal.print(error.problems.map((it) => it.text))
    }
  }
}

function factsOf({ device, madeAt, version, secrets, keys, ledger, ledgerLines }: OpenedBackup): string[] {
  const readings = ledger.reduce((sum, it) => sum + it.count, 0)
  const youngest = ledger.length < ledgerLines ? `the youngest ${ledger.length} of ${ledgerLines} lines` : `${ledgerLines} lines`
  return [
    `backup of ${device}, made ${new Date(madeAt / 1000).toISOString().slice(0, 19)}Z by ${version}`,
    `secrets: ${secrets.join(', ') || 'none'}`,
    `keys: ${keys.join(', ') || 'none'}`,
    `given up until then: ${readings} readings (${youngest} of the ledger)`,
  ]
}
