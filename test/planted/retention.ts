// Mistakes in what is given up.
import type { Fault } from './fault.ts'

export const RETENTION_FAULTS: readonly Fault[] = [
  {
    id: 'floor-crossed',
    file: 'src/retention/plan.ts',
    find: '      if (giving.bytes - freed < floorBytes) return\n',
    replace: '',
    why: 'the ladder goes on below a floor while other classes have more',
    caughtBy: ['test/retention/plan.test.ts'],
  },
  {
    id: 'oldest-last',
    file: 'src/retention/plan.ts',
    find: 'bands.toSorted((a, b) => a.age - b.age)',
    replace: 'bands.toSorted((a, b) => b.age - a.age)',
    why: 'the youngest go first',
    caughtBy: ['test/retention/plan.test.ts'],
  },
]
