// Mistakes in time: the wall clock is believed, or what is known of it is forgotten.
import type { Fault } from './fault.ts'

export const CLOCK_FAULTS: readonly Fault[] = [
  {
    id: 'wall-believed',
    file: 'src/machine/clock.ts',
    find: `      if (!isNew) return undefined
      trust = voucher
      return step()
`,
    replace: `      trust = voucher ?? trust
      return step()
`,
    why: "whoever sets the system's clock makes a right one wrong",
    caughtBy: ['test/machine/clock.test.ts'],
  },
  {
    id: 'floor-passed',
    file: 'src/machine/clock.ts',
    find: '    return trust ? systemOffset : Math.max(systemOffset, floorOffset)\n',
    replace: '    return systemOffset\n',
    why: 'a boot that begins in 1970 gives times of 1970',
    caughtBy: ['test/machine/clock.test.ts'],
  },
  {
    id: 'trust-forgotten',
    file: 'src/machine/clock.ts',
    find: '  let trust = ofBoot?.trust ?? parts.voucher()\n',
    replace: '  let trust = parts.voucher()\n',
    why: 'a restart forgets that the clock was right',
    caughtBy: ['test/machine/clock.test.ts'],
  },
  {
    id: 'sleep-uncounted',
    file: 'src/machine/clock.ts',
    find: '      asleepUs = asleep(asleepUs)\n',
    replace: '',
    why: 'a machine that slept is behind for the rest of the boot',
    caughtBy: ['test/machine/clock.test.ts'],
  },
  {
    id: 'step-untold',
    file: 'src/machine/clock.ts',
    find: '    told(state)\n',
    replace: '',
    why: 'readings of after a step are taken for some of before',
    caughtBy: ['test/machine/clock.test.ts'],
  },
  {
    id: 'shift-moves',
    file: 'src/log/periods.ts',
    find: '    waiting = []\n',
    replace: '',
    why: 'times are corrected again by each later step',
    caughtBy: ['test/log/periods.test.ts'],
  },
  {
    id: 'unknown-trusted',
    file: 'src/log/periods.ts',
    find: '  if (row === undefined || row.shift_us === null) return RELATIVE\n',
    replace: '  if (row === undefined || row.shift_us === null) return SYNCHRONISED\n',
    why: 'times that nobody knows are said to be right',
    caughtBy: ['test/log/periods.test.ts'],
  },
  {
    id: 'age-by-wall',
    file: 'src/log/expiry.ts',
    find: '(periods.ageUs(it.period, it.received_to, at) ?? 0)',
    replace: '(at - it.received_to)',
    why: 'a clock that steps on makes all history go',
    caughtBy: ['T1 x 60', 'test/log/periods.test.ts'],
  },
  {
    id: 'offline-by-wall',
    file: 'src/log/offline.ts',
    find: '      const now = world.monotonic()\n',
    replace: '      const now = world.now() / 1000\n',
    why: "a clock that steps on brings the ladder's next step",
    caughtBy: ['test/log/offline.test.ts'],
  },
]
