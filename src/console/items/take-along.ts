// The stick: the settings and the encrypted backup there and back, and readings out.
import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../../core/errors.ts'
import { backUpEncrypted, BACKUP_SUFFIX, restoreBackup } from '../encrypted-backup.ts'
import type { Item, Session } from '../parts.ts'
import { choice, deviceName, nameTyped } from '../questions.ts'
import { showChanges } from '../settings-changes.ts'
import { stickMissing, withStick } from '../stick.ts'
import { agentAway } from './status.ts'

const SUFFIX = '.settings.yaml'

export const takeAlong: Item = {
  number: 13,
  title: 'Back up / restore / export (USB)',
  missing: stickMissing,
  async run(session) {
    const { terminal } = session
    await terminal.print([
      ' b) back up the settings (no secrets: they are names in them)',
      ' k) encrypted backup (secrets and keys too: for the day on which this box dies)',
      ' r) restore settings or an encrypted backup',
      ' e) export readings that Kafka does not have',
    ])
    const what = await terminal.ask('Which (Enter: none): ')
    if (what === 'b') return withStick(session, true, (path) => backUp(session, path))
    if (what === 'k') return backUpEncrypted(session)
    if (what === 'r') return restore(session)
    if (what === 'e') return withStick(session, true, (path) => exportTo(session, path))
    return 'menu'
  },
}

async function backUp(session: Session, path: string): Promise<void> {
  const { terminal, parts, person } = session
  const at = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  const file = join(path, `${await deviceName(parts)}-${at}${SUFFIX}`)
  parts.access.audit('backup', person.name, {})
  await writeFile(file, await settingsNow(session), { flag: 'wx', flush: true })
  await terminal.print([`written: ${file}`, 'Secrets are not in it: on another box they are set anew (secrets set NAME).'])
}

/** Of the agent, else the file. */
async function settingsNow({ parts }: Session): Promise<string> {
  return parts.agent.settings().then(
    (it) => it.text,
    () => readFile(parts.settingsFile, 'utf8'),
  )
}

async function restore(session: Session): Promise<void> {
  const { terminal, person } = session
  if (person.role !== 'admin') throw new BadInput([{ where: person.name, text: 'restoring wants an admin' }])
  let found: { readonly name: string; readonly text: string } | undefined
  await withStick(session, false, async (path) => {
    const names = readdirSync(path).filter((it) => it.endsWith(SUFFIX) || it.endsWith(BACKUP_SUFFIX))
    if (names.length === 0) return terminal.print([`no file on it ends in ${SUFFIX} or ${BACKUP_SUFFIX}`])
    const name = await choice(terminal, names, 'Which')
    if (name !== undefined) found = { name, text: await readFile(join(path, name), 'utf8') }
  })
  if (found === undefined) return
  const { name, text } = found
  if (name.endsWith(BACKUP_SUFFIX)) await restoreBackup(session, text)
  else if ((await agentAway(session)) === undefined) await throughAgent(session, text)
  else await withoutAgent(session, text)
}

async function throughAgent(session: Session, text: string): Promise<void> {
  const { terminal, parts, person } = session
  const { agent } = parts
  const { revision } = await agent.settings()
  const check = await agent.settingsCheck(text)
  if (check.changes.length === 0 && check.problems.length === 0)
    return terminal.print(['these are the settings that are in force'])
  await showChanges(terminal, check)
  if (!(await nameTyped(session, 'puts other settings in force'))) return
  parts.access.audit('restore', person.name, {})
  await agent.settingsApply({ text, base: revision, by: person.name, note: 'restored from a stick, at the console' })
  await terminal.print(['in force'])
}

async function withoutAgent(session: Session, text: string): Promise<void> {
  const { terminal, parts, person, verbs } = session
  if (!verbs.includes('settingsWrite'))
    return terminal.print(['not on this system while the agent is down: no helper offers a verb that writes settings'])
  if (!(await nameTyped(session, 'replaces the settings; the agent reads them when it starts'))) return
  parts.access.audit('restore', person.name, {})
  await parts.host.settingsWrite(text, person.name)
  await terminal.print(['written'])
}

async function exportTo(session: Session, path: string): Promise<void> {
  const { terminal, parts, person } = session
  parts.access.audit('export', person.name, {})
  await terminal.during((signal) => parts.run(['export', path, '--settings', parts.settingsFile], terminal.out, signal))
}
