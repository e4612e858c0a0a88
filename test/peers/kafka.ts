// Kafka for the second half of the drill: the real broker, its topic's growth, and what is in it at the end.
import { startBroker, adminOf, createLed } from '../kafka/broker.ts'
import { forEachRecord } from '../../src/clients/kafka/batches.ts'
import { kafkaClient } from '../../src/clients/kafka/client.ts'
import { partitionReader } from '../../src/clients/kafka/fetch.ts'
import type { Peer } from './peer.ts'
import { DRILL_TOPIC } from './peer.ts'
import { numberOf } from './readings.ts'

export interface Counted {
  readonly readings: number
  readonly duplicates: number
  /** Neither ours nor expected. */
  readonly foreign: number
  readonly lost: number
}

export interface DrillKafka {
  readonly port: number
  /** Records so far, control records included. */
  end(): Promise<number>
  count(peer: Peer, sent: number): Promise<Counted>
  stop(): Promise<void>
}

const QUIET = { debug() {}, info() {}, warn() {}, error() {} }

export async function startDrillKafka(port: number): Promise<DrillKafka> {
  const broker = await startBroker({ portFrom: port })
  if (broker.bootstrap !== `127.0.0.1:${port}`) throw new Error(`port ${port} is in use`)
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await createLed(admin, [{ topic: DRILL_TOPIC, numPartitions: 1, replicationFactor: 1 }])
  const end = async () => Number((await admin.fetchTopicOffsets(DRILL_TOPIC))[0]?.high ?? 0)
  return {
    port,
    end,
    async count(peer, sent) {
      const client = kafkaClient({ brokers: [broker.bootstrap] }, { clientId: 'drill', log: QUIET })
      const seen = new Uint8Array(sent)
      const counted = { readings: 0, duplicates: 0, foreign: 0 }
      try {
        const reader = await partitionReader(client, new AbortController().signal)
        await reader.read({
          spans: (await reader.spans(DRILL_TOPIC)) ?? [],
          onBatch: (_, __, batch) =>
            forEachRecord(batch, (record) => {
              const value = record.bytes.subarray(record.valueAt, record.valueAt + record.valueLength)
              for (const [tag, time] of peer.decode(value)) {
                const n = numberOf(tag, time)
                if (n < 0 || n >= sent) counted.foreign++
                else if (seen[n] === 1) counted.duplicates++
                else {
                  seen[n] = 1
                  counted.readings++
                }
              }
            }),
          onProgress: () => {},
        })
      } finally {
        client.destroy()
      }
      return { ...counted, lost: sent - counted.readings }
    },
    async stop() {
      await admin.disconnect()
      await broker.down()
    },
  }
}
