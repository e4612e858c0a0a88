import type { Item, Session } from '../parts.ts'
import { choice } from '../questions.ts'
import { agentAway } from './status.ts'
import { test } from './uplinks.ts'

export const sourceTest: Item = {
  number: 4,
  title: 'Sources: state and test',
  async run(session) {
    const { terminal, parts } = session
    if ((await agentAway(session)) !== undefined) return test(session, 'source')
    await terminal.during((signal) => parts.run(['sources'], terminal.out, signal))
    const what = await terminal.ask('t: test one, c: certificates, Enter: menu ')
    if (what === 't') return test(session, 'source')
    return what === 'c' ? certificates(session) : 'menu'
  },
}

/** Those that wait for somebody to let them in: of a server that has a new one. */
async function certificates({ terminal, parts, person }: Session): Promise<void | 'menu'> {
  const names = (await parts.agent.status()).sources.map((it) => it.name)
  const name = names.length === 1 ? names[0] : await choice(terminal, names, 'Of which source')
  if (name === undefined) return 'menu'
  const trust = (more: readonly string[]) =>
    terminal.during((signal) => parts.run(['sources', 'trust', name, ...more], terminal.out, signal))
  if ((await trust([])) !== 0) return
  const print = await terminal.ask('Fingerprint to let in (begin of it, Enter: none): ')
  if (print === '') return 'menu'
  parts.access.audit('sources trust', person.name, { name, fingerprint: print })
  await trust([print])
}
