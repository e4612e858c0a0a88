import { readFile, stat } from 'node:fs/promises'
import type { BackupOpen, OpenedBackup } from '../core/backup.ts'
import { BACKUP_CHARS_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import { passphraseOf } from './backup-save.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { ledgerPage } from './log-ledger.ts'
import { operation } from './operation.ts'
import { checkLines } from './settings-diff.ts'
import { backupOpen, openedBackup } from './shapes/backup.ts'
import { document, lines, printable, wrap } from './text.ts'
import { formatTime } from './times.ts'

const open = operation({
  name: 'backup open',
  access: 'admin',
  summary: 'what a backup holds, but for what is secret, and what this box would do with it; nothing changes',
  input: backupOpen,
  output: openedBackup,
  audited: [],
  run: (input, { agent }) => agent.backupOpen(input),
})

export const backupShow: Command = {
  name: 'backup show',
  role: 'operate',
  summary: 'what a backup holds and what it would change here: its passphrase from standard input',
  arguments: ['FILE'],
  options: { ledger: { summary: 'the readings that its box had given up, line by line' } },
  operation: open,
  async run(context) {
    const opened = await context.agent.backupOpen(await backupOf(context, 'show'))
    if (context.json) await document(context, opened)
    else if (context.options['ledger'] === true)
      await lines(context.out, opened.ledger.length > 0 ? ledgerPage(opened.ledger) : ['nothing was given up'])
    else await lines(context.out, [...headLines(opened, context), ...checkLines(opened.check, context)])
    return DONE
  },
}

/** FILE, and its passphrase from standard input. */
export async function backupOf(context: CommandContext, word: string): Promise<BackupOpen> {
  const path = context.args[0] as string
  const refuse = (text: string): never => {
    throw new BadInput([{ where: path, text, remedy: 'name a file that holdfast backup save has written' }])
  }
  const { size } = await stat(path).catch((error: Error) => refuse(`cannot be read: ${error.message}`))
  if (size > BACKUP_CHARS_MAX) refuse('is larger than any backup')
  const file = await readFile(path, 'utf8').catch((error: Error) => refuse(`cannot be read: ${error.message}`))
  return { file, passphrase: await passphraseOf(context, `${word} ${path}`) }
}

export function headLines(it: OpenedBackup, { out }: CommandContext): string[] {
  return [
    `backup of ${it.device}, made ${formatTime(it.madeAt)} by version ${it.version}`,
    `secrets: ${it.secrets.join(', ') || 'none'}`,
    `keys: ${it.keys.join('; ') || 'none'}`,
    `given up until then: ${it.ledgerLines} ${it.ledgerLines === 1 ? 'line' : 'lines'} of its ledger`,
  ].flatMap((line) => wrap(printable(line), out.width))
}
