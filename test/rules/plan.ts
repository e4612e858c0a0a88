// Readings of a plant of five tags, rules over them, and what the rules must say: worked out in one go, with nothing saved, by the engine alone.
import { decodeBlock } from '../../src/columns/index.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { RuleLog, RuleSettings } from '../../src/core/rule.ts'
import { createEngine } from '../../src/rules/engine.ts'

export const CLASSES = ['alarm', 'note', 'process', 'debug'].map((name, n) => ({
  name,
  floorBytes: 0,
  commitEveryMs: 2 + n * 7,
  whenFull: 'reduce' as const,
  ladder: [],
}))

const of = (name: string, more: Omit<RuleSettings, 'name' | 'yields'>, yields: RuleSettings['yields']): RuleSettings => ({
  name,
  ...more,
  yields,
})
const reads = { classes: ['process', 'debug'] }
export const RULES: readonly RuleSettings[] = [
  of('high', { reads, when: 'value > 95.0' }, { class: 'alarm', on: 'each' }),
  of('rising', { reads: { tags: ['plant/*'] }, when: 'value > 60.0' }, { class: 'note', on: 'rise' }),
  of(
    'minute',
    { reads, window: { kind: 'tumbling', lengthMs: 500, graceMs: 20 }, when: 'window.count > 0.0' },
    { class: 'note', on: 'each' },
  ),
  of(
    'odd',
    { reads, window: { kind: 'sliding', lengthMs: 2_000, graceMs: 0 }, when: 'abs(window.robustZ) > 1.6' },
    { class: 'alarm', on: 'each' },
  ),
  of(
    'batch',
    { reads, window: { kind: 'session', lengthMs: 15, graceMs: 5 }, when: 'window.max > 90.0' },
    { class: 'alarm', on: 'each' },
  ),
]

const T0 = 1_700_000_000_000_000

/** The n-th reading: its tag, and its time, which now and then goes back. */
export function readingAt(n: number): { tag: number; time: number; value: number } {
  const mixed = Math.imul(n + 1, 2_654_435_761) >>> 0
  const back = mixed % 11 === 0 ? 12_000 : 0
  return { tag: n % 5, time: T0 + Math.floor(n / 5) * 10_000 - back + (n % 400 > 390 ? 9_000 : 0), value: (mixed >>> 8) % 100 }
}

export interface Everything {
  /** What the rules must have said of it, as text; sorted. */
  readonly expected: readonly string[]
  /** What stands in the log. */
  readonly said: readonly string[]
  readonly readings: number
}

/** All that the log holds, read as rules read it. */
export async function everything(log: RuleLog): Promise<Everything> {
  const engine = createEngine({ rules: RULES, marks: {}, eventsBytesMax: Infinity })
  const expected: string[] = []
  const said: string[] = []
  let readings = 0
  let positions = {}
  for (;;) {
    const taken = await log.read(positions, 1_000_000)
    positions = taken.positions
    if (taken.missed > 0) throw new Error(`${taken.missed} readings are not there`)
    // What the keeper has under way can be read when that is over.
    if (taken.slices.length === 0 && (await log.behind(positions)) === 0) break
    for (const it of taken.slices) {
      const columns = decodeBlock(it.block)
      const slice = { stream: streamKey(it.stream), from: it.from, to: it.to, columns, series: taken.series, shiftOf: () => 0 }
      expected.push(...engine.take(slice, it.from).events.map((event) => `${event.time} ${event.text}`))
      const words = new Uint32Array(columns.value.buffer, columns.value.byteOffset, columns.count * 2)
      let row = 0
      columns.runs.forEach((length, run) => {
        const isOfRules = taken.series.get(columns.seriesIds[run] as number)?.tag.startsWith('rules/')
        for (const end = row + length; row < end; row++) {
          if (!isOfRules) readings++
          else {
            const [from = 0, size = 0] = words.subarray(row * 2, row * 2 + 2)
            said.push(`${columns.time[row]} ${new TextDecoder().decode(columns.bytes.subarray(from, from + size))}`)
          }
        }
      })
    }
  }
  return { expected: expected.toSorted(), said: said.toSorted(), readings }
}
