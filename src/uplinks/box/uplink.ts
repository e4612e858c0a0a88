// Another box as an uplink. It retries nothing: after any doubt it is thrown away, and the next one asks for the position.
import { createAggregateEncoder, decodeAggregates, rowsOf } from '../../columns/aggregates/index.ts'
import { createCutter, decodeColumns, readHeader } from '../../columns/index.ts'
import { SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../../core/bounds.ts'
import { Unreachable } from '../../core/errors.ts'
import type { AggregateSlice, LogSeries, RawSlice, Slice } from '../../core/log.ts'
import type { ValueKind } from '../../core/reading.ts'
import type { Uplink, UplinkBatch, UplinkContext } from '../../core/uplink.ts'
import { boxCaller } from './call.ts'
import type { BoxSettings } from './settings.ts'
import { encodeTransaction, positionFromWire, sessionSchema } from './wire.ts'

const LEVEL = 3

export async function openUplink(settings: BoxSettings, context: UplinkContext): Promise<Uplink> {
  const caller = boxCaller(settings, context)
  const whole = wholeSlices()
  let session: string | undefined

  return {
    async position(signal, told = 0) {
      const body = Buffer.from(JSON.stringify({ told }))
      const said = sessionSchema.safeParse(await caller.call('begin a session', 'POST', '/v1/session', { body }, signal))
      if (!said.success) throw unreadable()
      session = said.data.session
      const position = said.data.position && positionFromWire(said.data.position)
      if ((position?.transaction ?? 0) < told)
        context.log.warn(
          { told, there: position?.transaction ?? 0 },
          'the other box has forgotten transactions of ours: it was put back',
        )
      return position ?? 'none'
    },
    async peek(signal) {
      const said = await caller.call('look at the position', 'GET', '/v1/position', {}, signal)
      const transaction = (said as { transaction?: unknown } | undefined)?.transaction
      if (transaction !== null && typeof transaction !== 'number') throw unreadable()
      return transaction ?? 'none'
    },
    endOffsets: () => Promise.resolve({}),
    async send(batch, { transaction, delivered }, signal) {
      if (session === undefined) throw new Unreachable('given-up', 'there is no session with the other box')
      const { ranges, elsewhere = [] } = batch
      if (!ranges) throw new Error('a box wants to know the ranges of a transaction')
      const slices = whole(batch)
      const body = encodeTransaction({ transaction, delivered, ranges, elsewhere, slices, series: seriesOf(batch) })
      const said = await caller.call('send', 'POST', '/v1/transactions', { body, session }, signal)
      if ((said as { transaction?: unknown } | undefined)?.transaction !== transaction) throw unreadable()
      return []
    },
    async close() {
      caller.destroy()
    },
  }
}

const unreadable = () =>
  new Unreachable('answer-unreadable', 'the answer cannot be understood as that of a box', {
    remedy: 'is that the port of another box?',
  })

const seriesOf = ({ series }: UplinkBatch): LogSeries[] => [...series.values()]

/** Slices whose blocks hold what is meant and no more. */
function wholeSlices(): (batch: UplinkBatch) => Slice[] {
  let described: UplinkBatch['series'] = new Map()
  const kindOf = (id: number) => described.get(id)?.kind as ValueKind
  const cut = createCutter({ level: LEVEL, readingsMax: SEALED_READINGS_MAX, bytesMax: SEALED_BYTES_MAX, kindOf })
  const encode = createAggregateEncoder(LEVEL)

  function rawParts(slice: RawSlice): RawSlice[] {
    if (isWhole(slice)) return [slice]
    const { from, to } = slice
    return cut([{ columns: decodeColumns(slice.block), from, to }], 0).map(({ block, first, count }) => ({
      ...slice,
      from: first,
      to: first + count,
      block,
    }))
  }

  function aggregatePart(slice: AggregateSlice): AggregateSlice {
    if (isWhole(slice)) return slice
    const { first, stream, receivedFrom, receivedTo } = readHeader(slice.block)
    const rows = rowsOf(decodeAggregates(slice.block), slice.from - first, slice.to - first)
    return { ...slice, block: encode(rows, { stream, first: slice.from, receivedFrom, receivedTo }, kindOf).block }
  }

  return ({ slices, series }) => {
    described = series
    return slices.flatMap((it): Slice[] => {
      if (it.form === 'raw') return rawParts(it)
      return [it.form === 'aggregate' ? aggregatePart(it) : it]
    })
  }
}

function isWhole({ block, from, to }: RawSlice | AggregateSlice): boolean {
  const { first, count } = readHeader(block)
  return from === first && to === first + count
}
