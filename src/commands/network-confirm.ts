import { z } from 'zod'
import type { AgentApi } from '../core/agent-api.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { HostApi, NetworkNow } from '../core/host.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { networkPage } from './network-show.ts'
import { intoSettings } from './network-settings.ts'
import { operation } from './operation.ts'
import { networkNow } from './shapes/network.ts'
import { document, lines } from './text.ts'

const confirm = operation({
  name: 'network confirm',
  access: 'technician',
  summary: 'the change of addresses stays, and the settings say so',
  input: z.strictObject({}),
  output: networkNow,
  audited: [],
  run: (_, { agent, host, by }) => confirmed(agent, host, by),
})

export const networkConfirm: Command = {
  name: 'network confirm',
  role: 'local',
  summary: confirm.summary,
  arguments: [],
  options: {},
  operation: confirm,
  async run({ agent, parts, dir, json, out }) {
    const now = await confirmed(agent, await parts.connectHost(dir), 'cli')
    if (json) await document({ out }, now)
    else await lines(out, networkPage(now))
    return DONE
  },
}

/** Where no agent runs the settings stay as they are: who starts it next sees them. */
async function confirmed(agent: AgentApi, host: HostApi, by: string): Promise<NetworkNow> {
  const { pending } = await host.networkShow()
  const now = await host.networkConfirm()
  await intoSettings(agent, pending?.ports ?? [], by).catch((error: unknown) => {
    if (!(error instanceof Unreachable && error.code === 'agent-unreachable')) throw keptOnly(error)
  })
  return now
}

/** Nobody must believe that the addresses are not kept. */
function keptOnly(error: unknown): unknown {
  if (!(error instanceof BadInput)) return error
  const said = 'the addresses are kept, and the settings do not say so yet'
  const remedy = 'write them into the settings (network.ports) when that is done'
  return new BadInput(
    error.problems.map((it) => ({
      ...it,
      text: `${said}: ${it.text}`,
      remedy: it.remedy ? `${it.remedy}; then ${remedy}` : remedy,
    })),
  )
}
