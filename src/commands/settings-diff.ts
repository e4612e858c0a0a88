import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import type { SettingsCheck } from '../core/operator.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, WRONG_USAGE } from './command.ts'
import { operation } from './operation.ts'
import { settingsCheck, settingsText } from './shapes/operator.ts'
import type { Paint } from './text.ts'
import { document, lines, painter, printable, remedyLines, wrap } from './text.ts'

const check = operation({
  name: 'settings check',
  access: 'technician',
  summary: 'what a settings text would change and what starts anew, or why it cannot be',
  input: z.strictObject({ text: settingsText }),
  output: settingsCheck,
  run: ({ text }, { agent }) => agent.settingsCheck(text),
})

export const settingsDiff: Command = {
  name: 'settings diff',
  role: 'view',
  summary: 'what a settings file would change, and what starts anew',
  arguments: ['FILE'],
  options: {},
  operation: check,
  async run(context) {
    const text = await settingsFile(context.args[0] as string)
    const found = await context.agent.settingsCheck(text)
    if (context.json) await document(context, found)
    else await lines(context.out, checkLines(found, context))
    return found.problems.length > 0 ? WRONG_USAGE : DONE
  },
}

export async function settingsFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new BadInput([{ where: path, text: `cannot be read: ${(error as Error).message}` }])
  }
}

export function checkLines(found: SettingsCheck, { out, env }: Pick<CommandContext, 'out' | 'env'>): string[] {
  const paint = painter(out, env)
  if (found.problems.length > 0)
    return found.problems.flatMap((it) => [
      `${paint('red', 'error')} line ${it.line} ${printable(`${it.path}: ${it.text}`)}`,
      ...remedyLines(it.remedy, out.width),
    ])
  if (found.changes.length === 0) return ['nothing would change']
  const restarts = found.restarts.length > 0 ? [`starts anew: ${found.restarts.join(', ')}`] : ['nothing starts anew']
  return [
    ...found.changes.flatMap((it) => changeLines(it, paint)),
    ...restarts.flatMap((it) => wrap(it, out.width)),
    ...found.warnings.flatMap((it) => wrap(`mind: ${it}`, out.width)),
  ]
}

function changeLines(change: SettingsCheck['changes'][number], paint: Paint): string[] {
  const each = (text: string | undefined, sign: string, style: 'red' | 'green') =>
    (text ?? '')
      .split('\n')
      .filter(Boolean)
      .map((it) => paint(style, `  ${sign} ${printable(it.trimEnd())}`))
  return [printable(change.path), ...each(change.old, '-', 'red'), ...each(change.new, '+', 'green')]
}
