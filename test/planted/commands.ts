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
    find: '    const isStale = () => parts.now() >= command.expires\n',
    replace: '    const isStale = () => false\n',
    why: 'what nobody wants any more is done when the link is back',
    caughtBy: ['test/cloud-commands/write.test.ts > what the limits'],
  },
  {
    id: 'commands-stale-meanwhile',
    file: 'src/cloud-commands/run.ts',
    find: '        isLate = isStale()\n',
    replace: '        isLate = false\n',
    why: 'what was prepared for longer than it is wanted is done all the same',
    caughtBy: ['test/cloud-commands/run.test.ts > what became stale'],
  },
  {
    id: 'commands-answers-in-a-loop',
    file: 'src/cloud-commands/hand-over.ts',
    find: 'return next > from && events.length === EVENTS_OFFERED_MAX',
    replace: 'return events.length === EVENTS_OFFERED_MAX',
    why: 'a log that takes nothing is asked without a pause',
    caughtBy: ['test/cloud-commands/journal.test.ts > a log that takes nothing'],
  },
  {
    id: 'commands-replay-to-itself',
    file: 'src/cloud-commands/kinds/replay.ts',
    find: '      if (early) return early\n',
    replace: '',
    why: 'a replay fills the topic that the records came to first',
    caughtBy: ['test/cloud-commands/replay.test.ts'],
  },
  {
    id: 'commands-any-error-is-empty',
    file: 'src/uplinks/kafka/commands.ts',
    find: '    if (its?.error !== UNKNOWN_TOPIC) throw',
    replace: '    if (its === undefined) throw',
    why: 'commands from before the box listened are done once the topic can be seen',
    caughtBy: ['test/uplinks/kafka/commands.test.ts > error'],
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
