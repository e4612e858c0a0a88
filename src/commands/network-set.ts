// An address of a port, in force at once and taken back by itself: whoever cuts the branch that he sits on is let down again.
import { z } from 'zod'
import { CONFIRM_MS_MAX, CONFIRM_MS_MIN } from '../core/bounds.ts'
import type { AgentApi } from '../core/agent-api.ts'
import type { NetworkPort } from '../core/host.ts'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { networkPage } from './network-show.ts'
import { operation } from './operation.ts'
import { networkNow, networkPort } from './shapes/network.ts'
import { document, lines } from './text.ts'

const CONFIRM_MS = 120_000
const ZONES = ['plant', 'uplink', 'service'] as const

const apply = operation({
  name: 'network apply',
  access: 'technician',
  summary: 'addresses in force, taken back unless they are confirmed in time; without ports those of the settings',
  input: z.strictObject({
    ports: z.array(networkPort).min(1).max(16).optional(),
    confirmWithinMs: z.number().int().min(CONFIRM_MS_MIN).max(CONFIRM_MS_MAX).default(CONFIRM_MS),
  }),
  output: networkNow,
  audited: ['ports', 'confirmWithinMs'],
  async run({ ports, confirmWithinMs }, { agent, host, by }) {
    return host.networkApply({ ports: ports ?? (await portsSaid(agent)), confirmWithinMs, by })
  },
})

export const networkSet: Command = {
  name: 'network set',
  role: 'local',
  summary: 'an address of a port, or what the settings say of all; taken back unless it is confirmed in time',
  arguments: ['[INTERFACE]', '[ADDRESS]'],
  options: {
    zone: { value: 'ZONE', summary: 'plant, uplink or service; as it is where it is missing' },
    gateway: { value: 'ADDRESS', summary: 'the way out' },
    dns: { value: 'ADDRESSES', summary: 'name servers, a comma between' },
    open: { value: 'PORTS', summary: 'TCP ports that others may reach on it, a comma between; none closes all' },
    within: { value: 'DURATION', summary: 'taken back after it, 120s where it is missing' },
  },
  operation: apply,
  async run(context) {
    const host = await context.parts.connectHost(context.dir)
    const ports = context.args.length > 0 ? [portOf(context)] : await portsSaid(context.agent)
    const now = await host.networkApply({ ports, confirmWithinMs: withinOf(context), by: 'cli' })
    if (context.json) await document(context, now)
    else await lines(context.out, networkPage(now))
    return DONE
  },
}

/** The box's own values filled in. */
async function portsSaid(agent: AgentApi): Promise<readonly NetworkPort[]> {
  const { ports } = (await agent.settings()).system
  if (ports.length > 0) return ports
  const remedy = 'name one under network.ports, or say it here: holdfast network set INTERFACE ADDRESS'
  throw new BadInput([{ where: 'network.ports', text: 'the settings name no port with an address', remedy }])
}

function portOf({ args, options }: CommandContext): NetworkPort {
  const [name = '', address] = args
  if (address === undefined) throw new BadInput([{ where: 'network set', text: 'ADDRESS is missing' }])
  const { gateway, dns, open } = options
  const zone = ZONES.find((it) => it === options['zone'])
  if (options['zone'] !== undefined && !zone) throw new BadInput([{ where: '--zone', text: `must be ${ZONES.join(', ')}` }])
  return {
    interface: name,
    ...(zone && { zone }),
    address,
    ...(typeof gateway === 'string' && { gateway }),
    ...(typeof dns === 'string' && { dns: dns.split(',') }),
    ...(typeof open === 'string' && { open: open === 'none' ? [] : open.split(',').map(Number) }),
  }
}

function withinOf({ options: { within } }: CommandContext): number {
  if (typeof within !== 'string') return CONFIRM_MS
  const ms = parseDurationMs(within)
  if (ms !== undefined && ms >= CONFIRM_MS_MIN && ms <= CONFIRM_MS_MAX) return ms
  throw new BadInput([{ where: '--within', text: `must be ${DURATION_ALLOWED}, from 1s to 1h` }])
}
