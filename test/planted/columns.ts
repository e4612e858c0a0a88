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
]
