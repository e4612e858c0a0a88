import type { Command } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { filesPage, isHarm, takeSteps, withLog } from './log.ts'
import { document, lines } from './text.ts'

export const logCheck: Command = {
  name: 'log check',
  role: 'view',
  summary: 'read all of the log and say what is damaged',
  arguments: [],
  options: {},
  async run(context) {
    const steps = await withLog(context, (log) => takeSteps(context, log.logCheck(context.signal)))
    const ok = steps.every((it) => !it.file.damage.some(isHarm))
    if (context.json) await document(context, { ok, files: steps.map((it) => it.file) })
    else await lines(context.out, filesPage(steps))
    return ok ? DONE : FAILED
  },
}
