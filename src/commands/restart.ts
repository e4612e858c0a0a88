import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import { HOST_SERVICES } from '../core/host.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { lines } from './text.ts'

const service = z.enum(HOST_SERVICES, { error: `must be one of ${HOST_SERVICES.join(', ')}` })

const restarting = operation({
  name: 'restart',
  access: 'technician',
  summary: `starts a service anew: ${HOST_SERVICES.join(', ')}`,
  input: z.strictObject({ name: service }),
  output: z.object({}),
  audited: ['name'],
  async run({ name }, { host }) {
    await host.serviceRestart(name)
    return {}
  },
})

export const restart: Command = {
  name: 'restart',
  role: 'local',
  summary: restarting.summary,
  arguments: ['SERVICE'],
  options: {},
  operation: restarting,
  async run({ args, parts, dir, out }) {
    const read = service.safeParse(args[0])
    if (!read.success) throw new BadInput([{ where: 'SERVICE', text: read.error.issues[0]?.message ?? '' }])
    await (await parts.connectHost(dir)).serviceRestart(read.data)
    await lines(out, [`${read.data} starts anew`])
    return DONE
  },
}
