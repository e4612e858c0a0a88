import { z } from 'zod'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { networkPage } from './network-show.ts'
import { operation } from './operation.ts'
import { networkNow } from './shapes/network.ts'
import { document, lines } from './text.ts'

const revert = operation({
  name: 'network revert',
  access: 'technician',
  summary: 'the change of addresses that waits for its confirmation is taken back now',
  input: z.strictObject({}),
  output: networkNow,
  audited: [],
  run: (_, { host }) => host.networkRevert(),
})

export const networkRevert: Command = {
  name: 'network revert',
  role: 'local',
  summary: revert.summary,
  arguments: [],
  options: {},
  operation: revert,
  async run({ parts, dir, json, out }) {
    const now = await (await parts.connectHost(dir)).networkRevert()
    if (json) await document({ out }, now)
    else await lines(out, networkPage(now))
    return DONE
  },
}
