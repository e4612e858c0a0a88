import { z } from 'zod'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { nameInput, testStep } from './shapes/common.ts'
import { showSteps } from './test-steps.ts'

const test = operation({
  name: 'sources test',
  access: 'technician',
  summary: 'test a source step by step, with what to do',
  input: z.strictObject({ name: nameInput }),
  output: testStep,
  many: true,
  run: ({ name }, { agent, signal }) => agent.testSource(name, signal),
})

export const sourcesTest: Command = {
  name: 'sources test',
  role: 'operate',
  summary: test.summary,
  arguments: ['NAME'],
  options: {},
  operation: test,
  run(context) {
    const name = context.args[0] as string
    return showSteps(context, name, context.agent.testSource(name, context.signal))
  },
}
