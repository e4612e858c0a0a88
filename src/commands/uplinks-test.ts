import type { Command } from './command.ts'
import { showSteps } from './test-steps.ts'

export const uplinksTest: Command = {
  name: 'uplinks test',
  role: 'operate',
  summary: 'test an uplink step by step, with what to do',
  arguments: ['NAME'],
  options: {},
  run(context) {
    const name = context.args[0] as string
    return showSteps(context, name, context.agent.testUplink(name, context.signal))
  },
}
