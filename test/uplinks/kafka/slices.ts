// Slices as the log hands them out, made with the real block codec.
import { createAggregateEncoder } from '../../../src/columns/aggregates/index.ts'
import { createEncoder, decodeBlock } from '../../../src/columns/index.ts'
import { BatchBuilder } from '../../../src/core/batch.ts'
import type { AggregateSlice, LogSeries, RawSlice, Slice } from '../../../src/core/log.ts'
import type { SeriesDescriptor } from '../../../src/core/reading.ts'
import type { Stream } from '../../../src/core/stream.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { Clock, Logger } from '../../../src/core/source.ts'
import type { Position } from '../../../src/core/position.ts'
import type { UplinkBatch, UplinkContext } from '../../../src/core/uplink.ts'
import { reduceReadings } from '../../../src/retention/reduce.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
export const CLOCK: Clock = { now: () => Date.now() * 1000, monotonic: () => performance.now() }
const encode = createEncoder()
const encodeAggregates = createAggregateEncoder(1)

export function contextOf(device: string, name = 'cloud'): UplinkContext {
  return { name, device, site: 'plant-1', log: SILENT, clock: CLOCK }
}

export function rawStream(device: string, name = 'process', epoch = '0123456789abcdef0123456789abcdef'): Stream {
  return { device, epoch, class: name, form: 'raw' }
}

/** Fills a batch by `fill` and makes it the slice from `from`. Series have the numbers of the builder. */
export function sliceOf(
  stream: Stream,
  from: number,
  fill: (builder: BatchBuilder) => void,
): { slice: RawSlice; series: Map<number, LogSeries> } {
  const builder = new BatchBuilder(1)
  fill(builder)
  const batch = builder.take(CLOCK.now())
  const series = new Map(batch.newSeries.map((it: SeriesDescriptor, id) => [id, { ...it, id }]))
  const { block } = encode(
    {
      ...batch,
      batch: new Uint16Array(batch.count),
      received: Float64Array.of(batch.received),
      kindOf: (id) => (series.get(id) as LogSeries).kind,
    },
    { stream: 1, first: from },
  )
  return { slice: { form: 'raw', stream, from, to: from + batch.count, block }, series }
}

/** `count` doubles over `tags` series at times from now. */
export function doubles(
  stream: Stream,
  from: number,
  count: number,
  tags = 20,
): { slice: RawSlice; series: Map<number, LogSeries> } {
  const now = CLOCK.now()
  return sliceOf(stream, from, (builder) => {
    const ids = Array.from({ length: tags }, (_, i) =>
      builder.series({ tag: `hall-1/machine-${i}/temperature`, class: stream.class, kind: 'double', unit: '°C' }),
    )
    for (let i = 0; i < count; i++) builder.add(ids[i % tags] as number, now + i * 1000, Math.round(Math.sin(i / 50) * 1e4) / 100)
  })
}

/** The readings of a slice as aggregates of its class, from sequence `first` on. */
export function aggregated(
  { slice, series }: { slice: RawSlice; series: Map<number, LogSeries> },
  first: number,
  windowUs: number,
): { slice: AggregateSlice; series: Map<number, LogSeries> } {
  const kindOf = (id: number) => (series.get(id) as LogSeries).kind
  const columns = reduceReadings([decodeBlock(slice.block)], windowUs, kindOf)
  const { block } = encodeAggregates(columns, { stream: 2, first, receivedFrom: 0, receivedTo: 0 }, kindOf)
  const stream = { ...slice.stream, form: 'aggregate' as const }
  return { slice: { form: 'aggregate', stream, from: first, to: first + columns.count, block }, series }
}

export function batchOf(...parts: { slice: Slice; series: Map<number, LogSeries> }[]): UplinkBatch {
  return { slices: parts.map((it) => it.slice), series: parts[0]?.series ?? new Map(), maybeDuplicate: [], elsewhere: [] }
}

export function positionOf(transaction: number, stream: Stream, to: number): Position {
  return { transaction, delivered: new Map([[streamKey(stream), [{ from: 0, to }]]]) }
}
