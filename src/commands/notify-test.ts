import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { named, testStep } from './shapes/common.ts'
import { showSteps } from './test-steps.ts'

const test = operation({
  name: 'notify test',
  access: 'technician',
  summary: 'test a notifier step by step: it sends a message',
  input: named,
  output: testStep,
  many: true,
  run: ({ name }, { agent, signal }) => agent.testNotifier(name, signal),
})

export const notifyTest: Command = {
  name: 'notify test',
  role: 'operate',
  summary: test.summary,
  arguments: ['NAME'],
  options: {},
  operation: test,
  run(context) {
    const name = context.args[0] as string
    return showSteps(context, name, context.agent.testNotifier(name, context.signal))
  },
}
