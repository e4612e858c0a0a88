// What unpacking needs of the cluster: transactions with a position in them, and what its topics take.
import type { KafkaAccess } from '../../../clients/kafka/access.ts'
import { asUnreachable, withDeadline } from '../../../clients/kafka/access.ts'
import { kafkaClient } from '../../../clients/kafka/client.ts'
import type { PartitionReader } from '../../../clients/kafka/fetch.ts'
import { partitionReader } from '../../../clients/kafka/fetch.ts'
import { Unreachable } from '../../../core/errors.ts'
import type { Logger } from '../../../core/source.ts'
import type { Packed } from '../pack.ts'
import type { Cluster, RefusedTransaction } from '../cluster.ts'
import { openCluster } from '../cluster.ts'
import type { Topic } from '../topics.ts'
import { isMissing, onlyTopic, unreachableTopic } from '../topics.ts'
import type { Offsets } from './position.ts'
import { decodeOffsets, encodeOffsets } from './position.ts'

const CALL_MS_MAX = 15_000
const NEVER = new AbortController().signal

export interface Destination {
  readonly reader: PartitionReader
  /** Shuts out whoever has this identity, then reads. Undefined: nothing is stored. */
  position(): Promise<Offsets | undefined>
  /** Rejects with Unreachable where the topic cannot be written to. */
  topic(name: string): Promise<Topic>
  commit(packed: Packed, offsets: Offsets): Promise<'committed' | RefusedTransaction>
  destroy(): void
}

/** `identity`: group of the position and transactional id at once. `from`: the topic that the position is about. */
export async function openDestination(
  access: KafkaAccess,
  { identity, from, log, signal }: { identity: string; from: string; log: Logger; signal: AbortSignal },
): Promise<Destination> {
  const reading = kafkaClient(access, { clientId: identity, log, localAddress: undefined })
  let cluster: Cluster | undefined
  const destroy = () => {
    reading.destroy()
    cluster?.destroy()
  }
  try {
    const settings = { ...access, client: 'direct', guarantee: 'exactly-once' } as const
    const opened = (cluster = await openCluster(settings, { identity, log, localAddress: undefined }))
    return {
      reader: await partitionReader(reading, signal),
      async position() {
        await opened.fence(signal)
        const stored = await withDeadline('read the position', CALL_MS_MAX, signal, opened.stored(identity, from))
        if (!stored || stored.offset === '-1') return undefined
        return decodeOffsets(stored.metadata ?? '') ?? unreadable(identity)
      },
      async topic(name) {
        const found = onlyTopic(await withDeadline(`ask for ${name}`, CALL_MS_MAX, signal, opened.topics([name])))
        if (isMissing(found)) throw unreachableTopic(found)
        return found
      },
      // Once begun it is not given up: an open transaction would hold up whoever reads the topic.
      commit: (packed, offsets) =>
        opened.commit(
          packed,
          { group: identity, topic: from, offset: String(offsets.get(0) ?? 0), metadata: encodeOffsets(offsets) },
          NEVER,
        ),
      destroy,
    }
  } catch (error) {
    destroy()
    throw asUnreachable(error)
  }
}

function unreadable(group: string): never {
  throw new Unreachable('position-unreadable', `the position of group ${group} cannot be read`, {
    remedy:
      'somebody else commits offsets to this group: delete its offsets, and what is there already is found in the destination',
  })
}
