import type { Command } from './command.ts'
import { showSteps } from './test-steps.ts'
import { operation } from './operation.ts'
import { named, testStep } from './shapes/common.ts'

const test = operation({
  name: 'uplinks test',
  access: 'technician',
  summary: 'test an uplink step by step, with what to do',
  input: named,
  output: testStep,
  many: true,
  run: ({ name }, { agent, signal }) => agent.testUplink(name, signal),
})

export const uplinksTest: Command = {
  name: 'uplinks test',
  role: 'operate',
  summary: test.summary,
  arguments: ['NAME'],
  options: {},
  operation: test,
  run(context) {
    const name = context.args[0] as string
    return showSteps(context, name, context.agent.testUplink(name, context.signal))
  },
}
