import { BadInput } from '../core/errors.ts'
import type { SettingsCheck } from '../core/operator.ts'
import type { Terminal } from './terminal.ts'

/** What a text would change, and what to heed. Rejects with BadInput where it cannot be. */
export async function showChanges(terminal: Terminal, check: SettingsCheck): Promise<void> {
  if (check.problems.length > 0)
    throw new BadInput(
      check.problems.map((it) => ({
        where: `line ${it.line} ${it.path}`,
        text: it.text,
        ...(it.remedy && { remedy: it.remedy }),
      })),
    )
  await terminal.print([
    ...check.changes.map((it) => ` ${it.path}: ${it.old?.trim() ?? '(none)'} > ${it.new?.trim() ?? '(none)'}`),
    `starts anew: ${check.restarts.join(', ') || 'nothing'}`,
    ...check.warnings.map((it) => `heed: ${it}`),
  ])
}
