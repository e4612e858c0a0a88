import { z } from 'zod'
import type { SettingsEntry } from '../core/operator.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { revision, settingsEntry } from './shapes/operator.ts'
import { document, lines, table } from './text.ts'
import { formatTime } from './times.ts'

const history = operation({
  name: 'settings history',
  access: 'viewer',
  summary: 'who changed the settings when, and what became of it; the youngest first',
  input: nothing,
  output: z.array(settingsEntry),
  run: async (_, { agent }) => [...(await agent.settingsHistory())],
})

/** The CLI has it as `settings show --revision`. */
export const settingsTextOperation = operation({
  name: 'settings text',
  access: 'viewer',
  summary: 'the settings text of a revision of the history',
  input: z.strictObject({ revision }),
  output: z.object({ text: z.string() }),
  run: async ({ revision }, { agent }) => ({ text: await agent.settingsText(revision) }),
})

export const settingsHistory: Command = {
  name: 'settings history',
  role: 'view',
  summary: history.summary,
  arguments: [],
  options: {},
  operation: history,
  async run(context) {
    const seen = await context.agent.settingsHistory()
    if (context.json) await document(context, seen)
    else await lines(context.out, seen.length > 0 ? page(seen) : ['there is no change yet'])
    return DONE
  },
}

function page(seen: readonly SettingsEntry[]): string[] {
  const columns = [
    { title: 'REVISION' },
    { title: 'WHEN' },
    { title: 'BY', widthMax: 16 },
    { title: 'NOW' },
    { title: 'NOTE', widthMax: 18 },
  ]
  return table(
    columns,
    seen.map((it) => [it.revision.slice(0, 12), `${formatTime(it.at).slice(0, 16)}Z`, it.by, it.outcome, it.note ?? '']),
  )
}
