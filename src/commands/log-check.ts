import type { Command } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { filesPage, isHarm, takeSteps, withLog } from './log.ts'
import { document, lines } from './text.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { checkStep } from './shapes/log.ts'

const check = operation({
  name: 'log check',
  access: 'technician',
  summary: 'read all of the log and say what is damaged',
  input: nothing,
  output: checkStep,
  many: true,
  run: (_, { agent, signal }) => agent.logCheck(signal),
})

export const logCheck: Command = {
  name: 'log check',
  role: 'view',
  summary: check.summary,
  arguments: [],
  options: {},
  operation: check,
  async run(context) {
    const steps = await withLog(context, (log) => takeSteps(context, log.logCheck(context.signal)))
    const ok = steps.every((it) => !it.file.damage.some(isHarm))
    if (context.json) await document(context, { ok, files: steps.map((it) => it.file) })
    else await lines(context.out, filesPage(steps))
    return ok ? DONE : FAILED
  },
}
