import type { Item } from '../parts.ts'
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
    if (what !== 'c') return
    const name = await terminal.ask('Certificates of which source: ')
    if (name === '') return
    await terminal.during((signal) => parts.run(['sources', 'trust', name], terminal.out, signal))
    const print = await terminal.ask('Fingerprint to let in (begin of it, Enter: none): ')
    if (print === '') return
    parts.access.audit('trust', session.person.name, { source: name, fingerprint: print })
    await terminal.during((signal) => parts.run(['sources', 'trust', name, print], terminal.out, signal))
  },
}
