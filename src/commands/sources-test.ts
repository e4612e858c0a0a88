import type { Command } from './command.ts'
import { showSteps } from './test-steps.ts'

export const sourcesTest: Command = {
  name: 'sources test',
  role: 'operate',
  summary: 'test a source step by step, with what to do',
  arguments: ['NAME'],
  options: {},
  run(context) {
    const name = context.args[0] as string
    return showSteps(context, name, context.agent.testSource(name, context.signal))
  },
}
