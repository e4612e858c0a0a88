import { z } from 'zod'
import { SECRET_CHARS_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { secretName, secretText } from './shapes/operator.ts'
import { document, lines } from './text.ts'

const set = operation({
  name: 'secrets set',
  access: 'admin',
  summary: 'store the text of a secret; what uses it starts anew',
  input: z.strictObject({ name: secretName, text: secretText }),
  output: z.object({}),
  audited: ['name'],
  async run({ name, text }, { agent }) {
    await agent.setSecret(name, text)
    return {}
  },
})

export const secretsSet: Command = {
  name: 'secrets set',
  role: 'operate',
  summary: 'store a secret: its text from standard input',
  arguments: ['NAME'],
  options: {},
  operation: set,
  async run(context) {
    const name = context.args[0] as string
    await context.agent.setSecret(name, await textOf(context))
    if (context.json) await document(context, { name })
    else await lines(context.out, [`${name} is stored`])
    return DONE
  },
}

/** One line feed at its end is the terminal's, not the secret's. */
async function textOf({ parts }: CommandContext): Promise<string> {
  const text = (await parts.standardInput(SECRET_CHARS_MAX)).replace(/\r?\n$/, '')
  if (text !== '' && text.length <= SECRET_CHARS_MAX) return text
  const what = text === '' ? 'is empty' : `is longer than ${SECRET_CHARS_MAX} characters`
  throw new BadInput([{ where: 'standard input', text: what, remedy: 'holdfast secrets set NAME < FILE' }])
}
