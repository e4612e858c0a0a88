import { writeFile } from 'node:fs/promises'
import { PASSPHRASE_CHARS_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { backupFile, backupRequest } from './shapes/backup.ts'
import { document, lines } from './text.ts'

const save = operation({
  name: 'backup save',
  access: 'admin',
  summary: 'a backup of this box, encrypted by a passphrase: settings, secrets, keys, what was given up; no readings, no users',
  input: backupRequest,
  output: backupFile,
  audited: [],
  auditedAnswer: ['name'],
  run: (input, { agent }) => agent.backupSave(input),
})

export const backupSave: Command = {
  name: 'backup save',
  role: 'operate',
  summary: 'write a backup of this box, encrypted: its passphrase from standard input',
  arguments: ['FILE'],
  options: {},
  operation: save,
  async run(context) {
    const path = context.args[0] as string
    const { name, file } = await context.agent.backupSave({ passphrase: await passphraseOf(context, `save ${path}`) })
    // One that is there may be the only one of another box.
    await writeFile(path, file, { flag: 'wx', mode: 0o600, flush: true }).catch((error: NodeJS.ErrnoException) => {
      const isThere = error.code === 'EEXIST'
      const remedy = isThere ? 'name a file that is not there yet' : 'name a folder that you may write'
      throw new BadInput([{ where: path, text: isThere ? 'is there already' : `cannot be written: ${error.message}`, remedy }])
    })
    if (context.json) await document(context, { path, name })
    else await lines(context.out, [`written: ${path}`, 'without its passphrase nobody opens it: keep that elsewhere'])
    return DONE
  },
}

/** One line feed at its end is the terminal's. */
export async function passphraseOf({ parts }: CommandContext, usage: string): Promise<string> {
  const text = (await parts.standardInput(PASSPHRASE_CHARS_MAX)).replace(/\r?\n$/, '')
  if (text !== '' && text.length <= PASSPHRASE_CHARS_MAX) return text
  const what = text === '' ? 'is empty' : `is longer than ${PASSPHRASE_CHARS_MAX} characters`
  const remedy = `the passphrase comes from there: holdfast backup ${usage} < PASSPHRASE-FILE`
  throw new BadInput([{ where: 'standard input', text: what, remedy }])
}
