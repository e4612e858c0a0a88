import { CONFIRM_MS_MAX, CONFIRM_MS_MIN } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, formatDuration, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, WRONG_USAGE } from './command.ts'
import { operation } from './operation.ts'
import { checkLines, settingsFile } from './settings-diff.ts'
import { applyInput, settingsNow } from './shapes/operator.ts'
import { document, lines, wrap } from './text.ts'

const apply = operation({
  name: 'settings apply',
  access: 'admin',
  summary: 'put a settings text in force; taken back by itself where it is to be confirmed and is not',
  input: applyInput,
  output: settingsNow,
  audited: ['base', 'note'],
  run: (input, { agent, by }) => agent.settingsApply({ ...input, by }),
})

export const settingsApply: Command = {
  name: 'settings apply',
  role: 'operate',
  summary: 'put a settings file in force, showing what changes',
  arguments: ['FILE'],
  options: {
    'confirm-within': { value: 'DURATION', summary: 'taken back by itself unless settings confirm comes in time' },
    note: { value: 'TEXT', summary: 'why, for the history' },
  },
  operation: apply,
  async run(context) {
    const text = await settingsFile(context.args[0] as string)
    const { revision: base } = await context.agent.settings()
    const found = await context.agent.settingsCheck(text)
    if (found.problems.length > 0) {
      await (context.json ? document(context, found) : lines(context.err, checkLines(found, { ...context, out: context.err })))
      return WRONG_USAGE
    }
    const { note } = context.options
    const confirmWithinMs = confirmMs(context)
    const now = await context.agent.settingsApply({
      text,
      base,
      by: 'cli',
      ...(confirmWithinMs !== undefined && { confirmWithinMs }),
      ...(typeof note === 'string' && { note }),
    })
    if (context.json) await document(context, now)
    else await lines(context.out, [...checkLines(found, context), ...appliedLines(now, context)])
    return DONE
  },
}

function confirmMs({ options }: CommandContext): number | undefined {
  const given = options['confirm-within']
  if (typeof given !== 'string') return undefined
  const ms = Math.round(parseDurationMs(given) ?? 0)
  if (ms >= CONFIRM_MS_MIN && ms <= CONFIRM_MS_MAX) return ms
  throw new BadInput([{ where: '--confirm-within', text: `"${given}" is not ${DURATION_ALLOWED} from 1s to 1h` }])
}

function appliedLines(
  { revision, pending }: { revision: string; pending: { revertsInMs: number } | null },
  { out }: CommandContext,
): string[] {
  const applied = `in force: revision ${revision.slice(0, 12)}`
  if (!pending) return [applied]
  return wrap(
    `${applied}; taken back in ${formatDuration(pending.revertsInMs)} unless you confirm it: holdfast settings confirm`,
    out.width,
  )
}
