import { z } from 'zod'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { FactoryReset, HostApi } from '../core/host.ts'
import type { Status } from '../core/status.ts'
import { deviceIdentity } from '../settings/identity.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { lines } from './text.ts'

/** Whether this system can; who may not do it sees what is missing too. */
export const factoryShowOperation = operation({
  name: 'factory show',
  access: 'viewer',
  summary: 'whether this box can be reset to how it came',
  input: nothing,
  output: z.object({ isOffered: z.boolean() }),
  run: async (_, { host }) => ({ isOffered: (await host.verbs()).includes('factoryReset') }),
})

const reset = operation({
  name: 'factory reset',
  access: 'admin',
  summary: 'the box starts again as it came: settings, secrets, users and readings are erased',
  input: z.strictObject({
    name: z.string().min(1).max(63).describe('of this box, so that it is the right one'),
    keepReadings: z.boolean().default(false),
    overwrite: z.boolean().default(false).describe('what is erased is written over: nobody reads it from the disk any more'),
    despiteUpdate: z.boolean().default(false).describe('also while an update is under way: one that does not end'),
  }),
  output: z.object({}),
  audited: ['keepReadings', 'overwrite', 'despiteUpdate'],
  async run({ name, ...how }, { agent, host }) {
    await resetBox(agent, host, name, how)
    return {}
  },
})

export const factoryReset: Command = {
  name: 'factory reset',
  role: 'local',
  summary: reset.summary,
  arguments: ['NAME'],
  options: {
    'keep-readings': { summary: 'what the log holds stays, under the name that the box has' },
    overwrite: {
      summary:
        'for a box that is given away: what is erased is written over, in minutes to hours, and cannot be read from the disk',
    },
    'despite-update': { summary: 'also while an update is under way: one that does not end' },
  },
  operation: reset,
  async run({ args, options, agent, parts, dir, out }) {
    const keepReadings = options['keep-readings'] === true
    const how = { keepReadings, overwrite: options['overwrite'] === true, despiteUpdate: options['despite-update'] === true }
    // An agent that does not come up is a reason for a reset. Readings are under the name that it has in force: that one it must say itself.
    const named = async () =>
      agent.status().catch(async (error: unknown) => {
        if (keepReadings || !isAway(error)) throw error
        return { device: await deviceIdentity(dir) }
      })
    await resetBox({ status: named }, await parts.connectHost(dir), args[0] ?? '', how)
    await lines(out, ['the box starts again, and erases what it was first'])
    return DONE
  },
}

/** One that puts settings in force is there, and has a name in a moment. */
function isAway(error: unknown): boolean {
  return error instanceof Unreachable && error.code !== 'agent-restarting'
}

async function resetBox(
  agent: { status(): Promise<Pick<Status, 'device'>> },
  host: HostApi,
  name: string,
  { keepReadings, ...how }: { readonly keepReadings: boolean } & Omit<FactoryReset, 'keep'>,
): Promise<void> {
  const { device } = await agent.status()
  if (name !== device) throw new BadInput([{ where: 'NAME', text: `this box is called ${device}: nothing was erased` }])
  if (keepReadings && how.overwrite)
    throw new BadInput([
      { where: 'overwrite', text: 'what is kept cannot be written over: nothing was erased', remedy: 'say one of the two' },
    ])
  await host.factoryReset({ keep: keepReadings ? device : null, ...how })
}
