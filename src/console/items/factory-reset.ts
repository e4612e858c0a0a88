import { BadInput } from '../../core/errors.ts'
import { AN_UPDATE } from '../../core/host.ts'
import type { Item } from '../parts.ts'
import { nameTyped, yes } from '../questions.ts'

/** Before it is asked for: what goes, what stays, what to have at hand afterwards. */
const ABOUT = [
  'Settings, secrets, users, certificates, addresses and lists of what was done are',
  'erased. The version that runs stays, and the least one that may be installed.',
  "Afterwards the box is nobody's: this console shows its new claim code (the one on",
  'the label is over), and the page has a new certificate. Whoever takes the disk out',
  'may find remains of what was deleted, unless it is written over.',
]

const WHILE_UPDATING = [
  'An update is under way: nothing was erased. Wait until it is over (item 11 shows it),',
  'unless it is one that does not end. The box is erased at its next start by a',
  'version that knows how: if the update brings an older one, that may be later.',
]

export const factoryReset: Item = {
  number: 15,
  title: 'Factory reset',
  missing: ({ verbs }) =>
    verbs.includes('factoryReset')
      ? undefined
      : 'the helper offers no reset: it comes with the image of Holdfast; nothing was erased',
  async run(session) {
    const { terminal, parts, person } = session
    if (person.role !== 'admin') {
      await terminal.print(['Only an admin may: nothing was erased.'])
      return
    }
    await terminal.print(ABOUT)
    const keeps = await yes(terminal, 'Keep the readings on the disk, under the name of this box?')
    // Readings are under the name that the agent has in force: it must say that one itself.
    const device = keeps ? (await parts.agent.status()).device : null
    const overwrite =
      !keeps && (await yes(terminal, 'Write over what is erased, for a box that is given away? It takes minutes to hours.'))
    if (!(await nameTyped(session, keeps ? 'erases all but the readings' : 'erases everything, readings too'))) return
    const reset = (despiteUpdate: boolean) => {
      const how = { overwrite, despiteUpdate }
      parts.access.audit('factory reset', person.name, {
        keepReadings: String(keeps),
        overwrite: String(overwrite),
        despiteUpdate: String(despiteUpdate),
      })
      return terminal.during(() => parts.host.factoryReset({ keep: device, ...how }))
    }
    try {
      await reset(false)
    } catch (error) {
      if (!(error instanceof BadInput) || error.problems[0]?.where !== AN_UPDATE) throw error
      await terminal.print(WHILE_UPDATING)
      if (!(await yes(terminal, 'Erase the box all the same?'))) return
      await reset(true)
    }
    await terminal.print(['The box starts again, and erases what it was first.'])
  },
}
