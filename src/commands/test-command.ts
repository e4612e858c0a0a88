// `sources test`, `uplinks test` and `notify test` are one command: a name goes in, steps come out.
import type { Command, CommandContext } from './command.ts'
import { operation } from './operation.ts'
import { named, testStep } from './shapes/common.ts'
import { showSteps } from './test-steps.ts'

type Test = 'testSource' | 'testUplink' | 'testNotifier'

export function testCommand(name: string, summary: string, test: Test): Command {
  return {
    name,
    role: 'operate',
    summary,
    arguments: ['NAME'],
    options: {},
    operation: operation({
      name,
      access: 'technician',
      summary,
      input: named,
      output: testStep,
      many: true,
      run: (input, { agent, signal }) => agent[test](input.name, signal),
    }),
    run(context: CommandContext) {
      const of = context.args[0] as string
      return showSteps(context, of, context.agent[test](of, context.signal))
    },
  }
}
