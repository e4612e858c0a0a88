import { BadInput } from '../core/errors.ts'
import { backupOf, headLines } from './backup-show.ts'
import type { Command } from './command.ts'
import { DONE, WRONG_USAGE } from './command.ts'
import { operation } from './operation.ts'
import { checkLines } from './settings-diff.ts'
import { backupRestore as input } from './shapes/backup.ts'
import { settingsNow } from './shapes/operator.ts'
import { document, lines } from './text.ts'

const restore = operation({
  name: 'backup restore',
  access: 'admin',
  summary: 'settings, secrets and keys of a backup in force here: all of them or none',
  input,
  output: settingsNow,
  audited: ['base'],
  run: (request, { agent, by }) => agent.backupRestore({ ...request, by }),
})

export const backupRestore: Command = {
  name: 'backup restore',
  role: 'operate',
  summary: 'put a backup in force, showing what changes: its passphrase from standard input',
  arguments: ['FILE'],
  options: {
    replace: { value: 'NAME', summary: 'this box takes the place of the one of that name, which must be off for good' },
  },
  operation: restore,
  async run(context) {
    const { agent, options } = context
    const file = await backupOf(context, 'restore')
    const opened = await agent.backupOpen(file)
    const { revision: base } = await agent.settings()
    if (opened.check.problems.length > 0) {
      await (context.json
        ? document(context, opened.check)
        : lines(context.err, checkLines(opened.check, { ...context, out: context.err })))
      return WRONG_USAGE
    }
    const { device } = await agent.status()
    if (opened.device !== device && options['replace'] !== opened.device)
      throw new BadInput([
        {
          where: '--replace',
          text: `this is the backup of ${opened.device}, and this box is ${device}: nothing was changed`,
          remedy: `where ${opened.device} is off for good and this box takes its place: --replace ${opened.device}`,
        },
      ])
    const now = await agent.backupRestore({ ...file, base, by: 'cli' })
    if (context.json) await document(context, now)
    else
      await lines(context.out, [
        ...headLines(opened, context),
        ...checkLines(opened.check, context),
        `in force: revision ${now.revision.slice(0, 12)}`,
        'next: the network (holdfast network set), users on the page',
      ])
    return DONE
  },
}
