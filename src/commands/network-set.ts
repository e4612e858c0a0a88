// An address of a port, in force at once and taken back by itself: whoever cuts the branch that he sits on is let down again.
import { z } from 'zod'
import { CONFIRM_MS_MAX, CONFIRM_MS_MIN } from '../core/bounds.ts'
import type { NetworkPort } from '../core/host.ts'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { networkPage } from './network-show.ts'
import { portsOf } from './network-settings.ts'
import { operation } from './operation.ts'
import { networkNow, networkPort } from './shapes/network.ts'
import { document, lines } from './text.ts'

const CONFIRM_MS = 120_000

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
    const wanted = ports ?? portsOf((await agent.settings()).text)
    if (wanted.length > 0) return host.networkApply({ ports: wanted, confirmWithinMs, by })
    throw new BadInput([{ where: 'network.ports', text: 'the settings name no port with an address' }])
  },
})

export const networkSet: Command = {
  name: 'network set',
  role: 'local',
  summary: 'an address of a port, taken back unless it is confirmed in time',
  arguments: ['INTERFACE', 'ADDRESS'],
  options: {
    gateway: { value: 'ADDRESS', summary: 'the way out' },
    dns: { value: 'ADDRESSES', summary: 'name servers, a comma between' },
    within: { value: 'DURATION', summary: 'taken back after it, 120s where it is missing' },
  },
  operation: apply,
  async run(context) {
    const host = await context.parts.connectHost(context.dir)
    const now = await host.networkApply({ ports: [portOf(context)], confirmWithinMs: withinOf(context), by: 'cli' })
    if (context.json) await document(context, now)
    else await lines(context.out, networkPage(now))
    return DONE
  },
}

function portOf({ args, options }: CommandContext): NetworkPort {
  const [name = '', address = ''] = args
  const { gateway, dns } = options
  return {
    interface: name,
    address,
    ...(typeof gateway === 'string' && { gateway }),
    ...(typeof dns === 'string' && { dns: dns.split(',') }),
  }
}

function withinOf({ options: { within } }: CommandContext): number {
  if (typeof within !== 'string') return CONFIRM_MS
  const ms = parseDurationMs(within)
  if (ms !== undefined && ms >= CONFIRM_MS_MIN && ms <= CONFIRM_MS_MAX) return ms
  throw new BadInput([{ where: '--within', text: `must be ${DURATION_ALLOWED}, from 1s to 1h` }])
}
