import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { revision, settingsNow } from './shapes/operator.ts'
import { document, lines } from './text.ts'

const confirm = operation({
  name: 'settings confirm',
  access: 'admin',
  summary: 'keep the change that waits for its confirmation',
  input: z.strictObject({ revision }),
  output: settingsNow,
  audited: ['revision'],
  run: ({ revision }, { agent }) => agent.settingsConfirm(revision),
})

export const settingsConfirm: Command = {
  name: 'settings confirm',
  role: 'operate',
  summary: confirm.summary,
  arguments: [],
  options: {},
  operation: confirm,
  async run(context) {
    const { pending } = await context.agent.settings()
    if (!pending)
      throw new BadInput([
        { where: 'settings', text: 'no change waits for a confirmation', remedy: 'settings history says what became of it' },
      ])
    const now = await context.agent.settingsConfirm(pending.revision)
    if (context.json) await document(context, now)
    else await lines(context.out, [`confirmed: revision ${now.revision.slice(0, 12)} stays`])
    return DONE
  },
}
