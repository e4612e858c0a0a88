import type { NetworkPort, PendingNetwork } from '../../core/host.ts'
import type { Item, Session } from '../parts.ts'
import { choice, yes } from '../questions.ts'
import { intoSettings as throughAgent, withPort } from '../../commands/network-settings.ts'
import { intoSettings } from '../into-settings.ts'

const CONFIRM_MS = 120_000

export const network: Item = {
  number: 2,
  title: 'Network addresses',
  async run(session) {
    const { terminal, parts, verbs } = session
    const isOffered = verbs.includes('networkApply')
    const now = isOffered ? await parts.host.networkShow() : undefined
    const interfaces = now?.interfaces ?? parts.box.interfaces()
    await terminal.print(
      interfaces.flatMap((it) => [
        ` ${it.name.padEnd(12)} ${it.up ? 'up  ' : 'down'}  ${it.mac}  ${it.addresses.join(' ') || 'no address'}`,
        ...(it.gateway ? [`${' '.repeat(20)}gateway ${it.gateway}`] : []),
      ]),
    )
    if (!now) return terminal.print(['changing them is not on this system: no helper offers a verb for it'])
    if (now.pending) return decide(session, `A change by ${now.pending.by} waits for its confirmation.`, now.pending)
    if ((await terminal.ask('s: set an address, Enter: menu ')) !== 's') return 'menu'
    const name = await choice(
      terminal,
      interfaces.map((it) => it.name),
      'Which',
    )
    if (name === undefined) return 'menu'
    const port = await portOf(session, name)
    if (!port || !(await yes(terminal, `${name}: ${portText(port)}. Apply it now?`))) return
    parts.access.audit('network', session.person.name, { interface: name, address: port.address })
    const change = { ports: [port], confirmWithinMs: CONFIRM_MS, by: session.person.name }
    const { pending } = await terminal.during(() => parts.host.networkApply(change))
    if (pending) await decide(session, `${name} has ${port.address} now.`, pending)
  },
}

async function portOf({ terminal }: Session, name: string): Promise<NetworkPort | undefined> {
  const address = await terminal.ask('Address as 10.20.1.5/24, or dhcp (Enter: none): ')
  if (address === '') return undefined
  if (address === 'dhcp') return { interface: name, address }
  const gateway = await terminal.ask('Gateway (Enter: none): ')
  const dns = (await terminal.ask('Name servers, a blank between (Enter: none): ')).split(/[\s,]+/).filter(Boolean)
  return { interface: name, address, ...(gateway && { gateway }), ...(dns.length > 0 && { dns }) }
}

function portText({ address, gateway, dns }: NetworkPort): string {
  return [address, gateway ? `gateway ${gateway}` : 'no gateway', ...(dns ? [`names by ${dns.join(' ')}`] : [])].join(', ')
}

async function decide(session: Session, what: string, { ports, revertsInMs }: PendingNetwork): Promise<void> {
  const { terminal, parts, person } = session
  const left = Math.ceil(revertsInMs / 1000)
  const names = { interfaces: ports.map((it) => it.interface).join(' ') }
  await terminal.print([what, `It is taken back in ${left} s unless you confirm it: also when this line goes down.`])
  const answer = await terminal.ask('k: keep it, r: take it back now, Enter: leave it to the clock ')
  if (answer === 'r') {
    parts.access.audit('network revert', person.name, names)
    await parts.host.networkRevert()
    return terminal.print(['taken back'])
  }
  if (answer !== 'k') return
  parts.access.audit('network confirm', person.name, names)
  await parts.host.networkConfirm()
  await terminal.print(['kept'])
  await intoSettings(session, {
    throughAgent: () => throughAgent(parts.agent, ports, person.name),
    edit: (text) => ports.reduce(withPort, text),
  })
}
