import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { document } from './text.ts'

export const schema: Command = {
  name: 'schema',
  role: 'local',
  summary: 'print the JSON Schema of the settings file',
  arguments: [],
  options: {},
  async run(context) {
    const { settingsJsonSchema } = await import('../settings/json-schema.ts')
    await document(context, settingsJsonSchema(await context.parts.schemas()))
    return DONE
  },
}
