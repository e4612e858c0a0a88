import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { filesPage, takeSteps, withLog } from './log.ts'
import { document, lines, shortCount } from './text.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { checkStep } from './shapes/log.ts'

const repair = operation({
  name: 'log repair',
  access: 'admin',
  summary: 'give up what is damaged: the ledger names it',
  input: nothing,
  output: checkStep,
  many: true,
  audited: [],
  run: (_, { agent, signal }) => agent.logRepair(signal),
})

export const logRepair: Command = {
  name: 'log repair',
  role: 'operate',
  summary: repair.summary,
  arguments: [],
  options: {},
  operation: repair,
  async run(context) {
    const steps = await withLog(context, (log) => takeSteps(context, log.logRepair(context.signal)))
    const said = steps.flatMap((it) => it.said)
    const givenUp = steps.reduce((sum, it) => sum + it.givenUp, 0)
    if (context.json) await document(context, { said, givenUp, files: steps.map((it) => it.file) })
    else await lines(context.out, [...said, ...filesPage(steps), '', `${shortCount(givenUp)} readings given up as damaged`])
    return DONE
  },
}
