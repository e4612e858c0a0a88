import { z } from 'zod'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { document, lines } from './text.ts'

const remove = operation({
  name: 'models remove',
  access: 'admin',
  summary: 'takes a model off the box; rules that name it get no score',
  input: z.strictObject({ name: z.string().min(1).max(64) }),
  output: z.object({}),
  audited: ['name'],
  async run({ name }, { agent }) {
    await agent.removeModel(name)
    return {}
  },
})

export const modelsRemove: Command = {
  name: 'models remove',
  role: 'operate',
  summary: remove.summary,
  arguments: ['NAME'],
  options: {},
  operation: remove,
  async run(context) {
    const name = context.args[0] as string
    await context.agent.removeModel(name)
    if (context.json) await document(context, { name })
    else await lines(context.out, [`${name} is gone`])
    return DONE
  },
}
