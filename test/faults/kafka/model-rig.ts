// The model as a destination: for counts.
import { setTimeout as sleep } from 'node:timers/promises'
import { forEachRecord } from '../../../src/clients/kafka/batches.ts'
import { identityOf } from '../../../src/uplinks/kafka/uplink.ts'
import { TOPICS } from '../../kafka/broker.ts'
import type { Model, ModelOptions } from '../../kafka-model/server.ts'
import { startModel } from '../../kafka-model/server.ts'
import type { Batch } from '../../kafka-model/state.ts'
import { UPLINK } from '../options.ts'
import { ERRORS } from '../../kafka-model/state.ts'
import type { Api } from './frames.ts'
import type { Record } from './landed.ts'
import { byDevice } from './landed.ts'
import { openLink } from './link.ts'
import type { Place } from './rig.ts'
import { boxesBehind } from './rig.ts'
import { headersOf } from '../../kafka/headers.ts'

const PARTITIONS = 3
const HEADER_BYTES = 61
const READ_MS_MAX = 40_000

export interface ModelRig extends Place {
  readonly model: Model
  /** For a while this device is told that its coordinator is somewhere else, or is still reading its past. */
  moveCoordinator(device: string, forMs: number): void
}
const COORDINATED: ReadonlySet<Api> = new Set<Api>([
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
  'OffsetFetch',
])

export async function openModelRig(options: Partial<ModelOptions> = {}): Promise<ModelRig> {
  let port = 0
  const link = await openLink(() => ({ host: '127.0.0.1', port }))
  const topics = Object.fromEntries(
    Object.values(TOPICS).map((it) => [it, it === TOPICS.events || it === TOPICS.gaps ? 1 : PARTITIONS]),
  )
  const moving = new Map<string, { until: number; error: number }>()
  const refuse = (api: Api, clientId: string) => {
    const it = moving.get(clientId)
    return it && it.until > performance.now() && COORDINATED.has(api) ? it.error : undefined
  }
  const model = await startModel({ topics, advertisedPort: () => link.port, refuse, ...options })
  port = model.port
  return {
    model,
    moveCoordinator(device, forMs) {
      const error = forMs % 2 === 0 ? ERRORS.NOT_COORDINATOR : ERRORS.COORDINATOR_LOAD_IN_PROGRESS
      moving.set(identityOf({ device, name: UPLINK }), { until: performance.now() + forMs, error })
    },
    ...boxesBehind(link, {}),
    async read(topic = TOPICS.telemetry) {
      const partitions = [...Array(model.state.partitionsOf(topic) ?? 0).keys()]
      const isOpen = () => partitions.some((n) => model.state.isOpen(topic, n))
      for (const end = performance.now() + READ_MS_MAX; isOpen(); await sleep(10))
        if (performance.now() > end) throw new Error(`a transaction of ${topic} stays open`)
      return byDevice(partitions.flatMap((n) => model.state.committed(topic, n).flatMap(recordsOf)))
    },
    async down() {
      await link.close()
      await model.close()
    },
  }
}

export function recordsOf({ first, count, producer, isTransactional, bytes }: Batch): Record[] {
  const records: Record[] = []
  const codec = bytes.readInt16BE(21) & 7
  const body = { records: bytes.subarray(HEADER_BYTES), end: first + count, control: false, transactional: isTransactional }
  forEachRecord({ first, count, producer, codec, ...body }, (it) => {
    const text = (at: number, length: number) => it.bytes.toString('utf8', at, at + length)
    records.push({ headers: headersOf(it), value: JSON.parse(text(it.valueAt, it.valueLength)) })
  })
  return records
}
