// The link is back: a destination that remembers what it has, for a while in one transaction after the other.
import type { Intervals } from '../../src/core/intervals.ts'
import { countOf, intersection, union } from '../../src/core/intervals.ts'
import type { Position } from '../../src/core/position.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { Dice } from '../faults/dice.ts'
import type { Lives } from './life.ts'

const TAKE = { uplink: 'kafka', except: [], bytesMax: 4_000_000, readingsMax: 400_000 }

export interface Drained {
  readonly transactions: number
  /** By stream. */
  readonly arrived: ReadonlyMap<string, Intervals>
  readonly isAll: boolean
}

/** Each record arrives once, also where an answer is lost. */
export function drain({ writer, keeper, tick }: Lives, dice: Dice, transactionsMax: number): Drained {
  const arrived = new Map<string, Intervals>()
  let there: Position | 'none' = 'none'
  let transactions = 0
  const begin = () => {
    const { delivered, inDoubt } = writer().restart('kafka', there)
    keeper().restart('kafka', delivered, inDoubt)
  }
  const arrive = (key: string, from: number, to: number) => {
    const has = arrived.get(key) ?? []
    const twice = intersection(has, [{ from, to }])
    if (countOf(twice) > 0) throw new Error(`${key}: ${JSON.stringify(twice)} arrived twice`)
    arrived.set(key, union(has, [{ from, to }]))
  }
  begin()
  for (;;) {
    if (transactions >= transactionsMax) return { transactions, arrived, isAll: false }
    while (writer().publish() > 0);
    const taken = (['live', 'backlog'] as const).map((lane) => keeper().next({ ...TAKE, lane }))
    const slices = taken.flatMap((it) => it.slices)
    const ranges = taken.flatMap((it) => it.ranges)
    if (ranges.length === 0) return { transactions, arrived, isAll: true }
    const gone = writer().offer('kafka', ranges, {})
    // Numbers in the ranges' holes are named already.
    for (const it of slices)
      if (gone.some(({ stream, from, to }) => stream === streamKey(it.stream) && from < it.to && it.from < to))
        throw new Error(`${streamKey(it.stream)} from ${it.from}: given up while it was under way`)
    const outcome = dice.oneOf(['answered', 'answered', 'answered', 'answered', 'had', 'had-not'] as const)
    if (outcome !== 'had-not') {
      for (const it of slices) arrive(streamKey(it.stream), it.from, it.to)
      there = { transaction: ++transactions, delivered: merged(there, ranges) }
    }
    if (outcome === 'answered') writer().commit('kafka', ranges, transactions, [])
    else begin()
    tick(2000)
  }
}

function merged(there: Position | 'none', ranges: readonly StreamRange[]): Position['delivered'] {
  const all = new Map(there === 'none' ? [] : there.delivered)
  for (const { stream, from, to } of ranges) all.set(stream, union(all.get(stream) ?? [], [{ from, to }]))
  return all
}
