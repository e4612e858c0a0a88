// Mistakes in doing what the cloud says once.
import type { Fault } from './fault.ts'

export const COMMAND_FAULTS: readonly Fault[] = [
  {
    id: 'commands-write-again',
    file: 'src/cloud-commands/kinds/write.ts',
    find: '    resume: ({ facts }, { signal }) => judged(facts as Facts, false, signal),\n',
    replace: '    resume(command, doing) {\n      return this.run(command, doing)\n    },\n',
    why: 'a write that a kill cut off from its answer is sent to the PLC a second time',
    caughtBy: ['test/cloud-commands/write.test.ts > killed'],
  },
  {
    id: 'commands-begun-in-memory',
    file: 'src/cloud-commands/kinds/write.ts',
    find: '      begin(facts, target)\n',
    replace: '',
    why: 'after a kill nobody knows that a write was begun',
    caughtBy: ['test/cloud-commands/write.test.ts > killed'],
  },
  {
    id: 'commands-stale',
    file: 'src/cloud-commands/run.ts',
    find: '    if (!isBegun && isStale) return stale(command, parts.now())\n',
    replace: '',
    why: 'what nobody wants any more is done when the link is back',
    caughtBy: ['test/cloud-commands/write.test.ts > what the limits'],
  },
  {
    id: 'commands-limit-of-rounded',
    file: 'src/cloud-commands/limits.ts',
    find: '  return outOfRange(rule, to)\n',
    replace: '  return undefined\n',
    why: 'a value that is rounded on its way to the PLC ends beyond its limit',
    caughtBy: ['test/cloud-commands/limits.test.ts'],
  },
]
