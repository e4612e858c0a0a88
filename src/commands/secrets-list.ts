import { z } from 'zod'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { secretEntry } from './shapes/operator.ts'
import { document, lines, table } from './text.ts'

const list = operation({
  name: 'secrets list',
  access: 'viewer',
  summary: 'the names of secrets, what uses them and where they come from; never their texts',
  input: nothing,
  output: z.array(secretEntry),
  run: async (_, { agent }) => [...(await agent.secrets())],
})

export const secretsList: Command = {
  name: 'secrets list',
  role: 'view',
  summary: 'names of secrets and what uses them; never their texts',
  arguments: [],
  options: {},
  operation: list,
  async run(context) {
    const seen = await context.agent.secrets()
    if (context.json) await document(context, seen)
    else if (seen.length === 0) await lines(context.out, ['there is no secret'])
    else {
      const columns = [{ title: 'NAME', widthMax: 24 }, { title: 'FROM' }, { title: 'USED BY', widthMax: 40 }]
      await lines(
        context.out,
        table(
          columns,
          seen.map((it) => [it.name, it.from, it.usedBy.join(', ')]),
        ),
      )
    }
    return DONE
  },
}
