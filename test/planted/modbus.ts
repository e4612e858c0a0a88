// Mistakes in telling a right answer of a Modbus device from a wrong one, and in what dead units cost the others.
import type { Fault } from './fault.ts'

export const MODBUS_FAULTS: readonly Fault[] = [
  {
    id: 'modbus-any-transaction',
    file: 'src/sources/modbus/mbap.ts',
    find: 'taken.frames.find((it) => it.readUInt16BE(0) === transaction)',
    replace: 'taken.frames[0]',
    why: 'a late answer is taken for that to the next request',
    caughtBy: ['test/sources/modbus/wrong-answers.test.ts > another transaction'],
  },
  {
    id: 'modbus-any-unit',
    file: 'src/sources/modbus/mbap.ts',
    find: '  if (frame[6] !== unit) return { broken: `an answer of unit ${frame[6]}` }\n',
    replace: '',
    why: 'a gateway that mixes up its devices gives the values of another one',
    caughtBy: ['test/sources/modbus/wrong-answers.test.ts > another unit'],
  },
  {
    id: 'modbus-crc-unchecked',
    file: 'src/sources/modbus/frame.ts',
    find: 'at + bytes + CRC_BYTES <= held.length && held.readUInt16LE(at + bytes) === crc16(held, at, at + bytes)',
    replace: 'at + bytes + CRC_BYTES <= held.length',
    why: 'noise on a serial line becomes values',
    caughtBy: ['test/sources/modbus/wrong-answers.test.ts > a changed byte'],
  },
  {
    id: 'modbus-lengths-alike',
    file: 'src/sources/modbus/rtu.ts',
    find: 'it <= most && !last.includes(bytesExpected(isBits, it))',
    replace: 'it <= most',
    why: 'on a serial line an answer that comes twice is taken for the next one',
    caughtBy: ['test/sources/modbus/wrong-answers.test.ts > doubled, the second'],
  },
  {
    id: 'modbus-dead-units-loud',
    file: 'src/sources/modbus/knocks.ts',
    find: '        if (waitMs > 0 && isDisturbing(unit)) await sleep(waitMs, undefined, { signal })\n',
    replace: '        if (waitMs > 1e9 && isDisturbing(unit)) await sleep(waitMs, undefined, { signal })\n',
    why: 'units that are dead take the line from those that are not',
    caughtBy: ['test/sources/modbus/knocks.test.ts'],
  },
  {
    id: 'modbus-refused-forgotten',
    file: 'src/sources/modbus/poll.ts',
    find: '  const known = memory.recall()\n',
    replace: '  const known = undefined as Learned | undefined\n',
    why: 'each restart searches every refused address anew',
    caughtBy: ['test/sources/modbus/learned.test.ts'],
  },
]
