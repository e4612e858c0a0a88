// The mark of a class never goes back: not while the thread reads again, after a start, what it had read before.
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { encodeBlock } from '../../src/columns/index.ts'
import type { RawSlice } from '../../src/core/log.ts'
import type { RuleLog, RuleMark, RulePositions, RuleSettings } from '../../src/core/rule.ts'
import { streamKey } from '../../src/core/stream.ts'
import { rulesHost } from '../../src/workers/rules-host.ts'

const RULE: RuleSettings = { name: 'hot', reads: { tags: ['*'] }, when: 'value > 80.0', yields: { class: 'alarm', on: 'each' } }
const streamOf = (name: string) => ({ device: 'box', epoch: 'a'.repeat(32), class: name, form: 'raw' as const })
const [process, debug] = [streamOf('process'), streamOf('debug')]

function sliceOf(stream: RawSlice['stream'], series: number, values: readonly number[]): RawSlice {
  const count = values.length
  const columns = {
    count,
    series: new Uint32Array(count).fill(series),
    time: Float64Array.from(values, (_, n) => 1e15 + n),
    value: Float64Array.from(values),
    quality: new Uint8Array(count),
    status: new Uint32Array(count),
    batch: new Uint32Array(count),
    received: Float64Array.of(1e15),
    bytes: new Uint8Array(0),
    kindOf: () => 'double' as const,
  }
  return { form: 'raw', stream, from: 0, to: count, block: encodeBlock(columns, { stream: 1, first: 0 }).block }
}

test('what another stream had come to stays in the mark', async () => {
  const [p, d] = [streamKey(process), streamKey(debug)]
  const series = new Map(
    ['process', 'debug'].map((name, id) => [id, { id, tag: `${name}/t`, class: name, kind: 'double' as const }]),
  )
  const reads = [
    { slices: [sliceOf(process, 0, [90, 90, 90])], positions: { [p]: 3, [d]: 0 } },
    { slices: [sliceOf(debug, 1, [90, 90, 90, 90, 90, 90])], positions: { [p]: 3, [d]: 6 } },
  ]
  const said: { events: number; mark: RuleMark }[] = []
  const saved: RulePositions[] = []
  const log: RuleLog = {
    begin: async () => ({ positions: { [p]: 0, [d]: 0 }, state: undefined, marks: { alarm: { [p]: 1, [d]: 5 } } }),
    read: async (positions) => ({ slices: [], positions, ...reads.shift(), series, missed: 0 }),
    // The thread may ask for more after it has been told to stop.
    more: async (signal) => {
      if (!signal.aborted) await once(signal, 'abort')
    },
    append: async (batch, _, mark) => void said.push({ events: batch.count, mark }),
    save: async (positions) => (saved.push(positions), true),
    behind: async () => 0,
  }
  const fail = (fields: object) => {
    throw new Error(JSON.stringify(fields))
  }
  const host = rulesHost({ rules: [RULE] }, log, { debug: () => {}, info: () => {}, warn: fail, error: fail })
  await expect.poll(() => said.length, { timeout: 30_000 }).toBe(2)
  await host.stop()
  expect(said).toEqual([
    { events: 2, mark: { positions: { [p]: 3, [d]: 5 }, raised: [] } },
    { events: 1, mark: { positions: { [p]: 3, [d]: 6 }, raised: [] } },
  ])
  expect(saved.at(-1)).toEqual({ [p]: 3, [d]: 6 })
})
