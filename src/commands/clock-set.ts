import { z } from 'zod'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { lines } from './text.ts'
import { nowMicros, parseTime } from './times.ts'

const set = operation({
  name: 'clock set',
  access: 'technician',
  summary: "the system's clock, as a person says: ms since 1970 UTC",
  input: z.strictObject({ ms: z.number().int() }),
  output: z.object({}),
  audited: ['ms'],
  async run({ ms }, { host }) {
    await host.clockSet(ms)
    return {}
  },
})

export const clockSet: Command = {
  name: 'clock set',
  role: 'local',
  summary: "sets the system's clock",
  arguments: ['TIME'],
  options: {},
  operation: set,
  async run({ args, parts, dir, out }) {
    const ms = Math.round(parseTime(args[0] as string, 'TIME', nowMicros()) / 1000)
    await (await parts.connectHost(dir)).clockSet(ms)
    await lines(out, [`the clock says ${new Date().toISOString()}`])
    return DONE
  },
}
