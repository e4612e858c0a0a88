// Mistakes in what is kept: the journal, its numbers, its ledger, the segments.
import type { Fault } from './fault.ts'

export const LOG_FAULTS: readonly Fault[] = [
  {
    id: 'segment-fsync',
    file: 'src/log/segment.ts',
    find: '    fs.fdatasyncSync(fd)\n',
    replace: '',
    why: 'the journal names bytes of a segment that are not on the disk yet',
    caughtBy: ['test/log/segment-order.test.ts'],
  },
  {
    id: 'journal-normal',
    file: 'src/log/journal.ts',
    find: `  db.pragma('synchronous = FULL')
  writeMeta(db, 'opened', String(Date.now()))
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL did not hold after the first write')
`,
    replace: `  db.pragma('synchronous = NORMAL')
`,
    why: 'acknowledged commits are not flushed',
    caughtBy: ['S2 x 60'],
  },
  {
    id: 'ack-early',
    file: 'src/log/writer.ts',
    find: '    parts.set(id, touched.size)\n',
    replace: '    parts.set(id, touched.size)\n    world.durable([id], ledger.unpublished())\n',
    why: 'an append is acknowledged before its commit',
    caughtBy: ['S2 x 60'],
  },
  {
    id: 'drop-unnamed',
    file: 'src/log/change.ts',
    find: '      for (const { from, to } of stored) ledger.add({ stream, from, to, ...spanOf([row]), action, reason, at })\n',
    replace: '',
    why: 'readings are given up without a line of the ledger',
    caughtBy: ['test/log/bound.test.ts'],
  },
  {
    id: 'epoch-kept',
    file: 'src/log/journal.ts',
    find: "known !== undefined && (cleanStop || readMeta(db, 'boot-id') === bootId) ? known",
    replace: 'known !== undefined ? known',
    why: 'after a power cut numbers are used again that the destination may know',
    caughtBy: ['test/log/delivery.test.ts'],
  },
  {
    id: 'scan-crc',
    file: 'src/log/scan.ts',
    find: '    return crc32(block.subarray(PAYLOAD_AT)) === new DataView(block.buffer, block.byteOffset).getUint32(PAYLOAD_CRC_AT, true)\n',
    replace: '    return true\n',
    why: 'the scan passes over flipped bits',
    caughtBy: ['test/faults/damage.test.ts'],
  },
]
