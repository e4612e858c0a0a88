import type { Item, Session } from '../parts.ts'
import { choice } from '../questions.ts'
import { showSteps } from '../steps.ts'
import { agentAway } from './status.ts'

export const uplinkTest: Item = {
  number: 3,
  title: 'Uplink test',
  run: (session) => test(session, 'uplink'),
}

/** Of a source or an uplink: by the agent where it answers, in this process where it does not. */
export async function test(session: Session, kind: 'source' | 'uplink'): Promise<void> {
  const { terminal, parts } = session
  const isAway = (await agentAway(session)) !== undefined
  const names = await namesOf(session, kind, isAway)
  if (names.length === 0) return terminal.print([`the settings name no ${kind}`])
  const name = names.length === 1 ? names[0] : await choice(terminal, names, `Which ${kind}`)
  if (name === undefined) return
  if (isAway) await terminal.print(['The agent does not answer: the test is made from the console.'])
  await terminal.during(async (signal) => {
    if (isAway) await showSteps(terminal, name, parts.box.test(kind, name, signal))
    else await parts.run([`${kind}s`, 'test', name], terminal.out, signal)
  })
}

async function namesOf({ parts }: Session, kind: 'source' | 'uplink', isAway: boolean): Promise<readonly string[]> {
  const found = isAway ? await parts.box.named() : namesIn(await parts.agent.status())
  return kind === 'source' ? found.sources : found.uplinks
}

function namesIn(status: Awaited<ReturnType<Session['parts']['agent']['status']>>) {
  return { sources: status.sources.map((it) => it.name), uplinks: status.uplinks.map((it) => it.name) }
}
