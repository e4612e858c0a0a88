import { timeServersIntoSettings, withTimeServers } from '../../commands/clock-servers.ts'
import { BadInput } from '../../core/errors.ts'
import { intoSettings } from '../into-settings.ts'
import type { Item, Session } from '../parts.ts'
import { agentAway } from './status.ts'

export const clock: Item = {
  number: 7,
  title: 'Date, time, NTP',
  async run(session) {
    const { terminal, verbs } = session
    await terminal.print([`now ${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC`, await trustText(session)])
    const ways = [
      ...(verbs.includes('clockSet') ? ['s: set the time'] : []),
      ...(verbs.includes('clockServers') ? ['n: time servers'] : []),
    ]
    if (ways.length === 0) return terminal.print(['setting it is not on this system: no helper offers a verb for it'])
    const what = await terminal.ask(`${ways.join(', ')}, Enter: menu `)
    if (what === 's' && verbs.includes('clockSet')) return setTime(session)
    if (what === 'n' && verbs.includes('clockServers')) return setServers(session)
    return 'menu'
  },
}

async function trustText(session: Session): Promise<string> {
  if ((await agentAway(session)) !== undefined) return 'the agent does not answer: nobody says whether the clock is right'
  const { clock } = await session.parts.agent.status()
  return clock.synchronised
    ? 'synchronised'
    : clock.trusted
      ? 'not synchronised, trusted in this boot'
      : 'NOT synchronised, not trusted'
}

async function setTime({ terminal, parts, person }: Session): Promise<void> {
  const text = await terminal.ask('UTC, as 2026-11-29 14:05:00: ')
  if (text === '') return
  const ms = timeOf(text)
  parts.access.audit('clock', person.name, { to: new Date(ms).toISOString() })
  await terminal.during(() => parts.host.clockSet(ms))
  await terminal.print([`set: ${new Date().toISOString().slice(0, 19)}Z`])
}

/** Throws BadInput. */
export function timeOf(text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?Z?$/.exec(text)
  const ms = match ? Date.parse(`${match[1]}T${match[2]}${match[3] ?? ':00'}Z`) : Number.NaN
  // Date.parse turns 30 February into 2 March.
  if (Number.isFinite(ms) && new Date(ms).toISOString().startsWith(match?.[1] ?? '-')) return ms
  throw new BadInput([{ where: 'time', text: `"${text}" is no date and time`, remedy: 'type it as 2026-11-29 14:05:00' }])
}

async function setServers(session: Session): Promise<void> {
  const { terminal, parts, person } = session
  const servers = (await terminal.ask('Time servers, a blank between (Enter: leave them): ')).split(/[\s,]+/).filter(Boolean)
  if (servers.length === 0) return
  parts.access.audit('time-servers', person.name, { servers: servers.join(' ') })
  await terminal.during(() => parts.host.clockServers(servers))
  await terminal.print(['set'])
  await intoSettings(session, {
    throughAgent: () => timeServersIntoSettings(parts.agent, servers, person.name),
    edit: (text) => withTimeServers(text, servers),
  })
}
