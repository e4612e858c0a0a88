// Mistakes in what is on the disk, and when: flushes, segments, damage, the bound.
import type { Fault } from './fault.ts'

export const DISK_FAULTS: readonly Fault[] = [
  {
    id: 'segment-fsync',
    file: 'src/log/segment.ts',
    find: '    fs.fdatasyncSync(fd)\n',
    replace: '',
    why: 'the journal names bytes of a segment that are not on the disk yet',
    caughtBy: ['test/log/segment-order.test.ts'],
  },
  {
    id: 'folders-unsynced',
    file: 'src/log/segment.ts',
    find: '  if (end === 0) syncFolders(path)\n',
    replace: '',
    why: 'a new segment has no name after a power cut',
    caughtBy: ['test/log/segment-order.test.ts'],
  },
  {
    id: 'tail-kept',
    file: 'src/log/segment.ts',
    find: '    if (size > end) fs.ftruncateSync(fd, end)\n',
    replace: '',
    why: 'what a change that never came to pass has left stays behind the blocks',
    caughtBy: ['test/log/segment.test.ts'],
  },
  {
    id: 'short-segment',
    file: 'src/log/segment.ts',
    find: '    if (size < end) throw new ShortSegment(path, size, end)\n',
    replace: '',
    why: 'a file that lost recorded bytes is written on behind a hole',
    caughtBy: ['test/log/segment.test.ts'],
  },
  {
    id: 'ballast-unsynced',
    file: 'src/log/space.ts',
    find: '    fsyncSync(fd)\n',
    replace: '',
    why: 'the space that is kept for need is only promised',
    caughtBy: ['test/log/segment-order.test.ts'],
  },
  {
    id: 'journal-normal',
    file: 'src/log/journal.ts',
    find: `  db.pragma('synchronous = FULL')
  writeMeta(db, 'opened', String(Date.now()))
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL did not hold after the first write')
`,
    replace: "  db.pragma('synchronous = NORMAL')\n",
    why: 'what an open changes is not flushed',
    caughtBy: ['test/log/append.test.ts > synchronous is FULL'],
  },
  {
    id: 'commit-unflushed',
    file: 'src/log/writer.ts',
    find: `      end.run()
      wal.flush()
`,
    replace: '      end.run()\n',
    why: 'acknowledged commits are not flushed',
    caughtBy: ['S3 x 25', 'S2 x 150'],
  },
  {
    id: 'wal-unbounded',
    file: 'src/log/journal.ts',
    find: '  if (walBytes(db) <= walBytesMax) return true\n',
    replace: '  if (walBytes(db) >= 0) return true\n',
    why: 'the write-ahead log grows while anybody reads',
    caughtBy: ['test/log/bound.test.ts > does not let the write-ahead log grow'],
  },
  {
    id: 'stuck-unheeded',
    file: 'src/log/pressure.ts',
    find: '    return !stuck\n',
    replace: '    return true\n',
    why: 'a reader that does not end makes the write-ahead log grow beyond all bounds',
    caughtBy: ['test/log/stuck.test.ts'],
  },
  {
    id: 'failed-goes-on',
    file: 'src/log/writer.ts',
    find: `    dead = true
    world.failed(error)
`,
    replace: '    world.failed(error)\n',
    why: 'after a commit that failed the next one is tried',
    caughtBy: ['test/log/append.test.ts > a commit that fails'],
  },
  {
    id: 'scan-crc',
    file: 'src/log/scan.ts',
    find: '    return crc32(block.subarray(PAYLOAD_AT)) === new DataView(block.buffer, block.byteOffset).getUint32(PAYLOAD_CRC_AT, true)\n',
    replace: '    return true\n',
    why: 'the scan passes over flipped bits',
    caughtBy: ['test/faults/damage.test.ts'],
  },
  {
    id: 'rows-unchecked',
    file: 'src/log/recover.ts',
    find: "  return [...said.filter((it) => it !== 'ok'), ...guardFaults(db)]\n",
    replace: "  return said.filter((it) => it !== 'ok')\n",
    why: 'rows of the journal that have changed are believed',
    caughtBy: ['test/faults/damage.test.ts', 'S8 x 40'],
  },
  {
    id: 'wal-damage-passed',
    file: 'src/log/recover.ts',
    find: "    wal.kind === 'damaged' ? ['commits in the write-ahead log cannot be read'] : examineFile(options, wal.kind === 'torn')\n",
    replace: "    examineFile(options, wal.kind === 'torn')\n",
    why: 'commits behind a damaged frame are gone without a word',
    caughtBy: ['S8 x 80'],
  },
  {
    id: 'torn-kept',
    file: 'src/log/recover.ts',
    find: "    if (wal.kind === 'torn') cutTorn(fileIn(dir, 'journal.db-wal'), wal)\n",
    replace: '',
    why: 'what a power cut left of a commit looks like damage after the next cut or kill',
    caughtBy: ['test/log/recover-wal.test.ts'],
  },
  {
    id: 'foreign-rows',
    file: 'src/log/recover-old.ts',
    find: '    [...place, ...Object.values(row)].every((it) => Number.isSafeInteger(it)) &&\n',
    replace: '    [...place, ...numbers].every((it) => Number.isSafeInteger(it)) &&\n',
    why: 'rows of another table are taken for blocks, and the new journal cannot be made',
    caughtBy: ['test/log/recover-old.test.ts'],
  },
  {
    id: 'quarantine-skipped',
    file: 'src/log/recover.ts',
    find: '    moveIfThere(fileIn(dir), join(quarantineDir(dir), name))\n',
    replace: '',
    why: 'a damaged journal is replaced before anybody could look at it',
    caughtBy: ['S8 x 40'],
  },
  {
    id: 'tidy-skipped',
    file: 'src/log/recover.ts',
    find: `    if (!row || row.class !== file.class || row.form !== file.form) unlinkSegment(file.path)
    else if`,
    replace: '    if',
    why: 'files that nobody knows stay for ever',
    caughtBy: ['S2 x 25', 'test/log/bound.test.ts'],
  },
  {
    id: 'vanished-hidden',
    file: 'src/log/accounts.ts',
    find: "    lose(account, 'unaccounted', account.stored - found)\n",
    replace: '',
    why: 'readings that have vanished are in no account',
    caughtBy: ['test/log/delivery.test.ts > damage'],
  },
]
