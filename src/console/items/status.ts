import { formatBytes } from '../../core/units.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Item, Session } from '../parts.ts'

export const statusAndIssues: Item = {
  number: 1,
  title: 'Status and issues',
  async run(session) {
    const { terminal, parts } = session
    const why = await agentAway(session)
    if (why === undefined) await terminal.during((signal) => parts.run(['status'], terminal.out, signal))
    else await withoutAgent(session, why)
  },
}

/** Why the agent does not answer; undefined: it does. */
export async function agentAway({ parts }: Session): Promise<string | undefined> {
  try {
    await parts.agent.status()
    return undefined
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    return error.message
  }
}

async function withoutAgent({ terminal, parts, verbs }: Session, why: string): Promise<void> {
  const { bytes, freeBytes } = parts.box.disk()
  await terminal.print([
    'What can be seen without it:',
    ` agent    does not answer: ${why}`,
    ` panel    ${(await parts.box.panelRuns()) ? 'answers' : 'does not answer'}`,
    ` helper   ${verbs.length > 0 ? `answers, ${verbs.length} verbs` : 'does not answer'}`,
    ` disk     ${formatBytes(freeBytes)} of ${formatBytes(bytes)} free`,
    '',
    'Settings:',
  ])
  await terminal.during((signal) => parts.run(['check', parts.settingsFile], terminal.out, signal))
  await terminal.print(['', 'Log:'])
  await terminal.during((signal) => parts.run(['log', 'inspect'], terminal.out, signal))
}
