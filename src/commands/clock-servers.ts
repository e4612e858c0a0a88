import { z } from 'zod'
import { isMap, parseDocument } from 'yaml'
import type { AgentApi } from '../core/agent-api.ts'
import { Unreachable } from '../core/errors.ts'
import type { HostApi } from '../core/host.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { lines } from './text.ts'

const servers = operation({
  name: 'clock servers',
  access: 'technician',
  summary: 'time servers in force, and in the settings; without any those of the settings; none at all: what DHCP names',
  input: z.strictObject({ servers: z.array(z.string().max(254)).max(8).optional() }),
  output: z.object({ servers: z.array(z.string()) }),
  audited: ['servers'],
  async run({ servers: asked }, { agent, host, by }) {
    return { servers: [...(await setServers(agent, host, asked, by))] }
  },
})

export const clockServers: Command = {
  name: 'clock servers',
  role: 'local',
  summary: 'time servers of the system, those of the settings where none is named',
  arguments: ['[SERVER]…'],
  options: {},
  operation: servers,
  async run({ args, agent, parts, dir, out }) {
    const host = await parts.connectHost(dir)
    const set = await setServers(agent, host, args.length > 0 ? args : undefined, 'cli')
    await lines(out, [set.length > 0 ? `time comes from ${set.join(', ')}` : 'time comes from where DHCP says'])
    return DONE
  },
}

async function setServers(
  agent: AgentApi,
  host: HostApi,
  asked: readonly string[] | undefined,
  by: string,
): Promise<readonly string[]> {
  const wanted = asked ?? (await agent.settings()).system.timeServers
  await host.clockServers(wanted)
  await timeServersIntoSettings(agent, wanted, by).catch((error: unknown) => {
    if (!(error instanceof Unreachable && error.code === 'agent-unreachable')) throw error
  })
  return wanted
}

/** What they say already stays as it was written: a box's own value is no name. */
export async function timeServersIntoSettings(agent: AgentApi, wanted: readonly string[], by: string): Promise<void> {
  const now = await agent.settings()
  if (now.system.timeServers.join(' ') === wanted.join(' ')) return
  await agent.settingsApply({ text: withTimeServers(now.text, wanted), base: now.revision, by, note: 'time servers' })
}

/** Comments and all else stay. */
export function withTimeServers(text: string, servers: readonly string[]): string {
  const document = parseDocument(text)
  // `time:` with nothing behind it is no map yet.
  if (!isMap(document.get('time'))) document.set('time', document.createNode({}))
  document.setIn(['time', 'servers'], document.createNode(servers, { flow: true }))
  return document.toString({ lineWidth: 0 })
}
