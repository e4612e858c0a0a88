import { z } from 'zod'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { secretName } from './shapes/operator.ts'
import { document, lines } from './text.ts'

const remove = operation({
  name: 'secrets remove',
  access: 'admin',
  summary: 'forget a secret',
  input: z.strictObject({ name: secretName }),
  output: z.object({}),
  audited: ['name'],
  async run({ name }, { agent }) {
    await agent.removeSecret(name)
    return {}
  },
})

export const secretsRemove: Command = {
  name: 'secrets remove',
  role: 'operate',
  summary: remove.summary,
  arguments: ['NAME'],
  options: {},
  operation: remove,
  async run(context) {
    const name = context.args[0] as string
    await context.agent.removeSecret(name)
    if (context.json) await document(context, { name })
    else await lines(context.out, [`${name} is forgotten`])
    return DONE
  },
}
