// Mistakes in the bytes of blocks.
import type { Fault } from './fault.ts'

export const COLUMN_FAULTS: readonly Fault[] = [
  {
    id: 'payload-crc',
    file: 'src/columns/header.ts',
    find: "  if (crc32(stored) !== view.getUint32(60, true)) throw new DamagedBlock('crc', 'the payload has changed')\n",
    replace: '',
    why: 'changed bytes are read as values',
    caughtBy: ['test/columns/damage.test.ts'],
  },
  {
    id: 'header-crc',
    file: 'src/columns/header.ts',
    find: "  if (crc32(block.subarray(0, CRC_AT)) !== view.getUint32(CRC_AT, true)) throw new DamagedBlock('crc', 'the header has changed')\n",
    replace: '',
    why: 'a changed header is believed',
    caughtBy: ['test/columns/damage.test.ts'],
  },
  {
    id: 'later-version',
    file: 'src/columns/header.ts',
    find: '  if (version < 1 || version > VERSION_MAX) throw',
    replace: '  if (version < 1) throw',
    why: 'a block of a later version is read as one of ours',
    caughtBy: ['test/columns/damage.test.ts'],
  },
  {
    id: 'unpacked-length',
    file: 'src/columns/sections.ts',
    find: '    if (raw.length === rawBytes) return raw\n',
    replace: '    return raw\n',
    why: 'a payload that is shorter than it says is read',
    caughtBy: ['test/columns/damage.test.ts > a payload that unpacks to less'],
  },
  {
    id: 'ulps-too-far',
    file: 'src/columns/near.ts',
    find: 'const ULPS_MAX = 64\n',
    replace: 'const ULPS_MAX = 200\n',
    why: 'distances do not fit into their byte',
    caughtBy: ['test/columns/round-trip.test.ts', 'test/columns/merge.test.ts'],
  },
  {
    id: 'time-rounded',
    file: 'src/columns/sealed-times.ts',
    find: '    if (Math.floor(distance / unit) * unit !== distance || distance > INTEGER_MAX || !Number.isSafeInteger(it)) return false\n',
    replace: '    if (distance > INTEGER_MAX || !Number.isSafeInteger(it)) return false\n',
    why: 'times lose what is finer than a second',
    caughtBy: ['test/columns/merge.test.ts'],
  },
  {
    id: 'holes-unseen',
    file: 'src/columns/merge.ts',
    find: "    if (first === 'kept') checkHoles(parts)\n",
    replace: '',
    why: 'readings behind a hole get the numbers of others',
    caughtBy: ['test/columns/merge.test.ts'],
  },
]
