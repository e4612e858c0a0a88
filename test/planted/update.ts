// Mistakes in updates: what was taken back comes to life again, or a version neither stays nor goes.
import type { Fault } from './fault.ts'

export const UPDATE_FAULTS: readonly Fault[] = [
  {
    id: 'canceled-again',
    file: 'src/update/course.ts',
    find: '        await canceling?.catch(() => undefined)\n',
    replace: '',
    why: 'an update that the server took back while it was fetched is fetched to its end, and installed',
    caughtBy: ['test/update/course.test.ts'],
  },
  {
    id: 'wait-unended',
    file: 'src/update/course.ts',
    find: "      signal.addEventListener('abort', () => wake.abort(), { once: true })\n",
    replace: '',
    why: 'an updater that waits for a link is told to end, and holds up the shutdown',
    caughtBy: ['test/update/course.test.ts'],
  },
  {
    id: 'bus-test-thrown',
    file: 'src/update/health.ts',
    find: 'bus.answersOnBus(name, signal).catch(() => true)',
    replace: 'bus.answersOnBus(name, signal)',
    why: 'a version whose bus test hangs is looked at for ever: it neither stays nor falls back',
    caughtBy: ['test/update/excuses.test.ts'],
  },
  {
    id: 'least-unreadable',
    file: 'src/update/minimum.ts',
    find: '      if (!VERSION_PATTERN.test(version)) {\n',
    replace: '      if (version === "") {\n',
    why: 'a version that cannot be read again counts as damage, and no update comes in any more',
    caughtBy: ['test/update/version.test.ts'],
  },
  {
    id: 'done-before-told',
    file: 'src/update/follow.ts',
    find: "      return queue(id, statusBody('closed', 'failure', why), { done: id })\n",
    replace: "      await store.put({ done: id })\n      return queue(id, statusBody('closed', 'failure', why))\n",
    why: 'a cut in between tells the server the outcome of another update',
    caughtBy: ['test/update/follow.test.ts'],
  },
]
