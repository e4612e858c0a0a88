// What sources make of a clock that steps under their hands: each batch has times of one stretch of it, and says which times this box gave.
import { DataType, DataValue, StatusCodes, Variant } from 'node-opcua-client'
import { expect, test } from 'vitest'
import { BatchBuilder } from '../../src/core/batch.ts'
import { createPoller } from '../../src/sources/modbus/poll.ts'
import { addReading, addWithout, tagState } from '../../src/sources/opcua/decode.ts'
import { openClock } from '../../src/machine/clock.ts'
import { newMachine, S, YEAR } from '../machine/machine.ts'

const TRUE = 1_800_000_000 * S

function opened() {
  const machine = newMachine(TRUE)
  const clock = openClock(machine.parts())
  const leap = (us: number) => {
    machine.systemErrorUs += us
    expect(clock.check()).toBeDefined()
  }
  return { machine, leap, builder: new BatchBuilder(1, clock) }
}

test('modbus: a poll during which the clock leaps is of the time before; the next one of the time after', async () => {
  const { machine, leap, builder } = opened()
  const point = {
    class: 'c',
    unit: undefined,
    kind: 'holding',
    width: 1,
    order: 'ABCD',
    scale: undefined,
    offset: undefined,
  } as const
  const points = [0, 500].map((address) => ({ ...point, tag: `r${address}`, address, type: { name: 'uint16' } as const }))
  const memory = { recall: () => undefined, keep: () => {} }
  const limits = { maxGap: 0, blockMax: 100 }
  const poller = createPoller({ points, limits, builder, memory, monotonic: () => 0, note: () => {} })
  let reads = 0
  const poll = async () => {
    poller.begin()
    await poller.poll({
      async read(_kind, _from, count) {
        machine.pass(S)
        if (reads++ < 2) leap(-3600 * S)
        return { data: Buffer.alloc(count * 2) }
      },
    })
    return builder.take(builder.now())
  }
  const during = await poll()
  expect(during.newSeries.map((it) => it.boxTime)).toEqual([true, true])
  expect(during).toMatchObject({ time: Float64Array.of(TRUE, TRUE), received: TRUE + 2 * S, clock: 0 })
  const after = await poll()
  expect(after).toMatchObject({ time: Float64Array.of(TRUE - 7198 * S, TRUE - 7198 * S), clock: 2 })
})

test('opc ua: a value without a time goes into a series of its own, and so does what the server did not say at all', () => {
  const { leap, builder } = opened()
  const state = tagState({ tag: 't', node: 'n', class: 'c' } as unknown as Parameters<typeof tagState>[0], 0)
  const news = { note: () => {}, hole: () => {} }
  const value = (sourceTimestamp: Date | null) =>
    new DataValue({
      value: new Variant({ dataType: DataType.Double, value: 1 }),
      statusCode: StatusCodes.Good,
      sourceTimestamp,
      serverTimestamp: null,
    })
  addReading(builder, state, value(new Date(5)), builder.now(), news)
  addReading(builder, state, value(null), builder.now(), news)
  leap(30 * YEAR)
  addWithout(builder, state, builder.now(), 2, 7)
  const batch = builder.take(builder.now())
  expect(batch.newSeries.map((it) => it.boxTime)).toEqual([undefined, true])
  expect(batch.series).toEqual(Uint32Array.of(0, 1, 1))
  expect(batch.time).toEqual(Float64Array.of(5000, TRUE, TRUE))
  expect(batch).toMatchObject({ received: TRUE, clock: 0 })
  addWithout(builder, state, builder.now(), 2, 7)
  expect(builder.take(builder.now())).toMatchObject({ time: Float64Array.of(TRUE + 30 * YEAR), clock: 1 })
})
