// Mistakes in what local consumers are told, and in rules.
import type { Fault } from './fault.ts'

export const LOCAL_FAULTS: readonly Fault[] = [
  {
    id: 'place-before-output',
    file: 'src/commands/output.ts',
    find: `        stream.write(text, (error) => {
          if (!error) resolve()
        })
`,
    replace: `        stream.write(text)
        resolve()
`,
    why: 'the place that is kept is ahead of what was written out',
    caughtBy: ['test/commands/follow.test.ts'],
  },
  {
    id: 'damage-wakes-its-readers',
    file: 'src/log/writer.ts',
    find: 'if (change(() => changes.apply(damageOf(key, row), world.now()))) world',
    replace: 'change(() => changes.apply(damageOf(key, row), world.now()))\n      world',
    why: 'who could not read a block is woken at once to read it again, though nothing has changed',
    caughtBy: ['test/log/follow.test.ts > a damaged block'],
  },
  {
    id: 'damage-waited-for',
    file: 'src/log/second-look.ts',
    find: 'if (seen.has(block)) return true',
    replace: 'if (seen.has(block)) return false',
    why: 'a damaged block that an uplink may have under way holds up consumers and rules for as long as the uplink is away',
    caughtBy: ['test/log/follow.test.ts > a damaged block'],
  },
  {
    id: 'ended-epoch-untold',
    file: 'src/log/follow-reader.ts',
    find: 'asked.filter((it) => it.given !== undefined && !names.has(it.name))',
    replace: 'asked.filter(() => false)',
    why: 'a consumer is not told what went of an epoch that is over',
    caughtBy: ['test/log/follow.test.ts > of an epoch'],
  },
  {
    id: 'backlog-learnt',
    file: 'src/rules/baseline.ts',
    find: 'back < BACK_IN_A_ROW',
    replace: 'back < 1',
    why: 'an old backlog between newer values wipes the samples of their hours',
    caughtBy: ['test/rules/baseline.test.ts > an old backlog'],
  },
  {
    id: 'window-given-up-uncounted',
    file: 'src/rules/windows.ts',
    find: '        leftOut = kind.untold(held, told)\n',
    replace: '        leftOut = 0\n',
    why: 'what waited in a window is gone without a word when the time of its tag goes back',
    caughtBy: ['test/rules/windows.test.ts > a tag whose time'],
  },
  {
    id: 'back-into-another',
    file: 'src/agent-settings.ts',
    find: 'if (revision === undefined && id !== running().checked.settings.device.id)',
    replace: "if (revision === undefined && id === '')",
    why: 'who asks for the settings before these on a disk that was moved makes another box of it, unasked: two of one name fence each other off',
    caughtBy: ['test/route/moved.test.ts'],
  },
  {
    id: 'moved-behind',
    file: 'src/agent-before.ts',
    find: 'if (await history.text(revisionOf(begins)))',
    replace: "if (begins === '')",
    why: 'settings that ran in other hardware stand in the history as taken back, and nobody goes back to them',
    caughtBy: ['test/route/moved.test.ts'],
  },
]
