// kafkajs' own view of a cluster: what its producers and its admin client stand on, for calls that they do not offer.
import Cluster from 'kafkajs/src/cluster/index.js'
import type { KafkaClient } from './client.ts'

const METADATA_MS_MAX = 60_000
const READ_UNCOMMITTED = 0

/** Not connected yet. The ends that it tells are what is acknowledged: a read_committed reader's would be the oldest open transaction. */
export function clusterParts(client: KafkaClient): Cluster {
  return new Cluster({
    ...client.config,
    logger: client.kafka.logger(),
    metadataMaxAge: METADATA_MS_MAX,
    allowAutoTopicCreation: false,
    isolationLevel: READ_UNCOMMITTED,
  })
}
