// Mistakes at Kafka: fencing, deadlines, the position.
import type { Fault } from './fault.ts'

export const KAFKA_FAULTS: readonly Fault[] = [
  {
    id: 'overlap-summed',
    file: 'src/uplinks/kafka/verify/aggregated.ts',
    find: ' + (count[at] as number) - known\n',
    replace: ' + (count[at] as number)\n',
    why: 'where an uplink was told of a line, and of one that it has become part of, verify counts it twice',
    caughtBy: ['test/uplinks/kafka/verify.test.ts > a line that many'],
  },
  {
    id: 'place-alone',
    file: 'src/uplinks/kafka/events.ts',
    find: 'first < row.sequence ? ',
    replace: 'first > row.sequence ? ',
    why: 'a gap record does not say which places of others go with its own: they are missing for good',
    caughtBy: ['test/uplinks/kafka/events.test.ts > a line that others'],
  },
  {
    id: 'unfenced',
    file: 'src/uplinks/kafka/uplink.ts',
    find: '    await cluster.fence(signal, {',
    replace: '    void ({',
    why: 'a second holder of the identity writes beside the first',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a second holder'],
  },
  {
    id: 'unknown-is-zero',
    file: 'src/uplinks/kafka/uplink.ts',
    find: "    if (!stored || stored.offset === '-1') return 'none'\n",
    replace: "    if (!stored || stored.offset === '-1') return { transaction: 0, delivered: new Map() }\n",
    why: 'a position that is gone is read as nothing delivered',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a second holder'],
  },
  {
    id: 'spent-used',
    file: 'src/uplinks/kafka/uplink.ts',
    find: "    if (spent) throw new Unreachable('spent', 'this connection was given up after a doubt')\n",
    replace: '',
    why: 'a connection is used on after a doubt',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a second holder'],
  },
  {
    id: 'position-beside',
    file: 'src/uplinks/kafka/direct-transactions.ts',
    find: '    await whileBusy(() => ofGroup.send(txnOffsetCommit(producer, repaired ? 5 : 3, offsets)))\n',
    replace: '',
    why: 'records are committed without the position',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a second holder'],
  },
  {
    id: 'deadline-late',
    file: 'src/uplinks/kafka/deadlines.ts',
    find: 'const DEADLINE_MS_MAX = 27_000\n',
    replace: 'const DEADLINE_MS_MAX = 90_000\n',
    why: 'the broker gives up a transaction before its sender does',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a link that freezes'],
  },
  {
    id: 'refused-kept',
    file: 'src/uplinks/kafka/direct-transactions.ts',
    find: '  if (doubt) throw asUnreachable(doubt.error)\n',
    replace: '',
    why: 'any answer of the broker counts as a refusal: being shut out does',
    caughtBy: ['test/uplinks/kafka/faults.test.ts > direct a second holder'],
  },
  {
    id: 'too-large-lost',
    file: 'src/uplinks/kafka/pack.ts',
    find: `        const record = write(template, i, sequence, time, fits, isMarked)
        if (!put(out, template.partition, timestamp, record)) refuse(slice.stream, sequence)
`,
    replace: `        const record = write(template, i, sequence, time, fits, isMarked)
        put(out, template.partition, timestamp, record)
`,
    why: 'a record that the topic does not take is lost without a word',
    caughtBy: ['test/uplinks/kafka/delivery.test.ts > direct a record over max.message.bytes'],
  },
  {
    id: 'position-crooked',
    file: 'src/uplinks/kafka/position.ts',
    find: '      varint(bytes, from - end)\n',
    replace: '      varint(bytes, from)\n',
    why: 'the position names other numbers than were sent',
    caughtBy: ['test/uplinks/kafka/position.test.ts'],
  },
  {
    id: 'position-too-long',
    file: 'src/uplinks/kafka/position.ts',
    find: '  if (encoded.length > POSITION_BYTES_MAX)\n',
    replace: '  if (encoded.length > POSITION_BYTES_MAX * 100)\n',
    why: 'a position is written that Kafka does not keep',
    caughtBy: ['test/uplinks/kafka/position.test.ts'],
  },
  {
    id: 'topic-missing',
    file: 'src/uplinks/kafka/uplink.ts',
    find: '      refuseMissing(found, batch, settings, context)\n',
    replace: '',
    why: 'what has no topic is packed for none',
    caughtBy: ['test/uplinks/kafka/delivery.test.ts > direct a missing topic'],
  },
]
