// A payload is, text by text, the value of the record that Kafka gets: what reads the one reads the other.
import { expect, test } from 'vitest'
import { decodeAggregates } from '../../../src/columns/aggregates/index.ts'
import { decodeBlock, sequenceAt } from '../../../src/columns/index.ts'
import type { LedgerRow, LogSeries, SliceTime } from '../../../src/core/log.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { aggregateTemplate, aggregateWriter } from '../../../src/uplinks/kafka/aggregates.ts'
import { elsewhereRecord, gapRecord } from '../../../src/uplinks/kafka/events.ts'
import { listEvents } from '../../../src/uplinks/kafka/list-events.ts'
import { toldTime, toldTimes } from '../../../src/records/times.ts'
import { readingWriter, seriesTemplate } from '../../../src/uplinks/kafka/readings.ts'
import { messagesOf } from '../../../src/uplinks/mqtt/messages.ts'
import fc from '../../prove/fast-check.ts'
import { aggregated, rawStream, sliceOf } from '../kafka/slices.ts'
import { contextWith, settingsOf } from './harness.ts'

const NOW = 1_767_225_600_000_000
const stream = rawStream('box-ß', 'process')
const style = { site: 'plant-1', headers: 'id' as const }
const topic = { partitions: 3 }
const context = { ...contextWith(), clock: { now: () => NOW, monotonic: () => 0 } }
const settings = settingsOf(1)

/** The value of a record as Kafka's writers make it: a binary string with key and headers around it. */
function valueIn(record: string): string {
  const from = record.search(/\{"(ts|window_start)":\d/)
  const end = ',"class":"process"}'
  return Buffer.from(record.slice(from, record.lastIndexOf(end) + end.length), 'latin1').toString('utf8')
}

const value = fc.oneof(
  fc.record({
    kind: fc.constant('double' as const),
    value: fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Infinity, 1e21)),
  }),
  fc.record({ kind: fc.constant('long' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 20 }) }),
)
const reading = fc.record({
  of: value,
  tag: fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.constant('halle/größe ✓')),
  unit: fc.option(fc.constantFrom('°C', '"'), { nil: undefined }),
  time: fc.integer({ min: NOW - 1e12, max: NOW + 1e12 }),
  quality: fc.constantFrom(0, 1, 2),
  status: fc.integer({ min: 0, max: 0xffff_ffff }),
  isNone: fc.boolean(),
  isBoxTime: fc.boolean(),
})
const time = fc.option(
  fc.record({
    quality: fc.constantFrom('synchronised' as const, 'corrected' as const, 'relative' as const),
    shiftUs: fc.integer({ min: -1e12, max: 1e12 }),
  }),
  { nil: undefined },
)

function filled(list: readonly (typeof reading extends fc.Arbitrary<infer T> ? T : never)[], at: SliceTime | undefined) {
  const { slice, series } = sliceOf(stream, 70, (builder) => {
    for (const it of list) {
      const { kind, value: own } = it.of
      const id = builder.series({
        tag: it.tag,
        class: 'process',
        kind,
        ...(it.unit === undefined ? {} : { unit: it.unit }),
        ...(it.isBoxTime && { boxTime: true as const }),
      })
      if (it.isNone) builder.addNone(id, it.time, it.quality as 0, it.status)
      else if (kind === 'long') builder.addLong(id, it.time, own, it.quality as 0, it.status)
      else if (kind === 'string') builder.addString(id, it.time, own, it.quality as 0, it.status)
      else if (kind === 'bytes') builder.addBytes(id, it.time, own, it.quality as 0, it.status)
      else builder.add(id, it.time, Number(own), it.quality as 0, it.status)
    }
  })
  return { slice: at ? { ...slice, time: at } : slice, series }
}

const payloads = (slices: Parameters<typeof messagesOf>[0]['slices'], series: ReadonlyMap<number, LogSeries>) =>
  messagesOf({ slices, series, maybeDuplicate: [] }, 1, settings, context).map((it) => it.payload.toString('utf8'))

test('of a reading of any kind, quality and clock', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 5 }), time, (list, at) => {
      const { slice, series } = filled(list, at)
      const block = decodeBlock(slice.block)
      const told = toldTimes(at)
      const write = readingWriter(block, told)
      const ids = [...block.seriesIds].flatMap((id, run) => Array.from({ length: block.runs[run] as number }, () => id))
      const records = ids.map((id, n) => {
        const template = seriesTemplate(stream, series.get(id) as LogSeries, style, topic)
        const sequence = sequenceAt(block, n)
        return valueIn(write(template, n, sequence, toldTime(block, n, template, told.shiftUs), true, false))
      })
      expect(payloads([slice], series)).toEqual(records)
    }),
    { numRuns: 300 },
  )
})

test('of an aggregate of any kind', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 8 }), time, (list, at) => {
      const raw = filled(list, undefined)
      const { slice, series } = aggregated(raw, 30, 1_000_000)
      const block = decodeAggregates(slice.block)
      const write = aggregateWriter(block, toldTimes(at).quality)
      const records = Array.from({ length: block.count }, (_, n) =>
        valueIn(
          write(aggregateTemplate(slice.stream, series.get(block.series[n] as number) as LogSeries, style, topic), n, false),
        ),
      )
      expect(payloads([at ? { ...slice, time: at } : slice], series)).toEqual(records)
    }),
    { numRuns: 300 },
  )
})

test('of gap records, of what others have, and of events', () => {
  const row: LedgerRow = {
    sequence: 4,
    stream,
    from: 5,
    to: 9,
    timeFrom: 1,
    timeTo: 2,
    count: 3,
    exact: false,
    action: 'aggregated',
    reason: 'full',
    at: 7,
  }
  const gap = { form: 'gap' as const, stream: { ...stream, form: 'gap' as const }, from: 4, to: 5, rows: [row] }
  const event = {
    form: 'event' as const,
    stream: { ...stream, class: '', form: 'event' as const },
    from: 0,
    to: 4,
    rows: [{ sequence: 2, text: JSON.stringify({ ts: 1, what: 'log-in', by: 'anna', address: null, detail: { a: 1 } }) }],
  }
  const elsewhere = [{ stream: streamKey(stream), from: 10, to: 20 }]
  const position = { transaction: 12, delivered: new Map() }
  const sent = messagesOf({ slices: [gap, event], series: new Map(), maybeDuplicate: [], elsewhere }, 12, settings, context)
  expect(sent.map((it) => JSON.parse(it.payload.toString()) as unknown)).toEqual([
    gapRecord(gap.stream, row, row.sequence, style, NOW, false).value,
    ...[...listEvents(event, style, NOW, () => false)].map((it) => it.value),
    elsewhereRecord(elsewhere[0] as (typeof elsewhere)[0], 0, position, { device: stream.device, uplink: 'site' }, style, NOW)
      .value,
  ])
})
