import { z } from 'zod'
import type { AgentApi } from '../core/agent-api.ts'
import type { SettingsCheck } from '../core/operator.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { checkLines } from './settings-diff.ts'
import { revisionOf } from './settings-revisions.ts'
import { revision, settingsNow } from './shapes/operator.ts'
import { maybe } from './shapes/shape.ts'
import { document, lines } from './text.ts'

const revert = operation({
  name: 'settings revert',
  access: 'admin',
  summary: 'back to a revision of the history, or to the one before',
  input: z.strictObject({ revision: maybe(revision) }),
  output: settingsNow,
  audited: ['revision'],
  run: ({ revision }, { agent, by }) => agent.settingsRevert(revision, by),
})

export const settingsRevert: Command = {
  name: 'settings revert',
  role: 'operate',
  summary: revert.summary,
  arguments: ['[REVISION]'],
  options: {},
  operation: revert,
  async run(context) {
    const [given] = context.args
    const whole = given === undefined ? undefined : await revisionOf(context.agent, given)
    // It may make another box of this one: that is said as it is where a file is applied. Whoever must go back does so without an answer, too.
    const found = whole === undefined ? undefined : await changesOf(context.agent, whole).catch(() => undefined)
    const now = await context.agent.settingsRevert(whole, 'cli')
    if (context.json) await document(context, now)
    else {
      const changes = found && found.problems.length === 0 ? checkLines(found, context) : []
      await lines(context.out, [...changes, `in force: revision ${now.revision.slice(0, 12)}`])
    }
    return DONE
  },
}

async function changesOf(agent: AgentApi, to: string): Promise<SettingsCheck> {
  return agent.settingsCheck(await agent.settingsText(to))
}
