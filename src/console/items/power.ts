import type { HostVerb } from '../../core/host.ts'
import type { Item, Session } from '../parts.ts'
import { nameTyped } from '../questions.ts'

interface Way {
  readonly key: string
  readonly title: string
  readonly what: string
  readonly verb: HostVerb
  run(session: Session): Promise<void>
}

const WAYS: readonly Way[] = [
  {
    key: '1',
    title: 'restart the agent',
    what: 'restarts the agent',
    verb: 'serviceRestart',
    run: ({ parts }) => parts.host.serviceRestart('agent'),
  },
  {
    key: '2',
    title: 'restart the page',
    what: 'restarts the panel',
    verb: 'serviceRestart',
    run: ({ parts }) => parts.host.serviceRestart('panel'),
  },
  { key: '3', title: 'reboot', what: 'reboots the box', verb: 'reboot', run: ({ parts }) => parts.host.reboot() },
  { key: '4', title: 'power off', what: 'switches the box off', verb: 'powerOff', run: ({ parts }) => parts.host.powerOff() },
]

const offered = ({ verbs }: Session) => WAYS.filter((it) => verbs.includes(it.verb))

export const power: Item = {
  number: 14,
  title: 'Restart agent / reboot / power off',
  missing: (session) =>
    offered(session).length > 0
      ? undefined
      : 'the helper offers no verb that restarts anything (systemd does not run, or no helper)',
  async run(session) {
    const { terminal, parts, person } = session
    const ways = offered(session)
    await terminal.print(ways.map((it) => ` ${it.key}) ${it.title}`))
    const typed = await terminal.ask('Which (Enter: none): ')
    const way = ways.find((it) => it.key === typed)
    if (!way) return 'menu'
    if (!(await nameTyped(session, way.what))) return
    parts.access.audit('power', person.name, { what: way.what })
    await terminal.during(() => way.run(session))
    await terminal.print(['done'])
  },
}
