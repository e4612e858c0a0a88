import { formatDuration } from '../core/units.ts'
import type { SettingsNow } from '../core/operator.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { REVISION_OPTION, revisionOf } from './settings-revisions.ts'
import { nothing } from './shapes/common.ts'
import { settingsNow } from './shapes/operator.ts'
import { document, lines, wrap } from './text.ts'

const show = operation({
  name: 'settings show',
  access: 'viewer',
  summary: 'the settings as they stand, and whether a change waits for its confirmation',
  input: nothing,
  output: settingsNow,
  run: (_, { agent }) => agent.settings(),
})

export const settingsShow: Command = {
  name: 'settings show',
  role: 'view',
  summary: 'the settings file as it stands, or a revision before',
  arguments: [],
  options: { revision: REVISION_OPTION },
  operation: show,
  async run(context) {
    const { revision } = context.options
    if (typeof revision !== 'string') {
      const now = await context.agent.settings()
      if (context.json) await document(context, now)
      else {
        await context.out.write(now.text)
        await lines(context.err, waitingLines(now, context.err.width))
      }
      return DONE
    }
    const whole = await revisionOf(context.agent, revision)
    const text = await context.agent.settingsText(whole)
    if (context.json) await document(context, { revision: whole, text })
    else await context.out.write(text)
    return DONE
  },
}

/** Beside the file, never in it. */
function waitingLines({ revision, pending }: SettingsNow, width: number): string[] {
  const short = revision.slice(0, 12)
  if (!pending) return [`revision ${short}`]
  const text = `revision ${short} by ${pending.by} is taken back in ${formatDuration(pending.revertsInMs)} unless it is confirmed: holdfast settings confirm`
  return wrap(text, width)
}
