import { z } from 'zod'
import type { NetworkNow } from '../core/host.ts'
import { formatDuration } from '../core/units.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { networkNow } from './shapes/network.ts'
import { document, lines, table } from './text.ts'

const show = operation({
  name: 'network show',
  access: 'viewer',
  summary: 'network interfaces, their addresses, and a change that waits for its confirmation',
  input: z.strictObject({}),
  output: networkNow,
  run: (_, { host }) => host.networkShow(),
})

export const networkShow: Command = {
  name: 'network show',
  role: 'local',
  summary: show.summary,
  arguments: [],
  options: {},
  operation: show,
  async run({ parts, dir, json, out }) {
    const now = await (await parts.connectHost(dir)).networkShow()
    if (json) await document({ out }, now)
    else await lines(out, networkPage(now))
    return DONE
  },
}

export function networkPage({ interfaces, ports, pending }: NetworkNow): string[] {
  const rows = interfaces.map((it) => [it.name, it.up ? 'up' : 'down', it.addresses.join(' ') || '-', it.gateway ?? '-', it.mac])
  const columns = ['INTERFACE', 'STATE', 'ADDRESSES', 'GATEWAY', 'MAC'].map((title) => ({ title }))
  const left = pending && formatDuration(Math.ceil(pending.revertsInMs / 1000) * 1000)
  return [
    ...table(columns, rows),
    ...ports.flatMap(({ interface: name, open = [] }) => (open.length > 0 ? [`open on ${name}: TCP ${open.join(', ')}`] : [])),
    ...(pending
      ? [
          '',
          `a change of ${pending.ports.map((it) => it.interface).join(', ')} by ${pending.by} is taken back in ${left}:`,
          '  holdfast network confirm keeps it',
        ]
      : []),
  ]
}
