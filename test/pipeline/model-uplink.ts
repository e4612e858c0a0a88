// A destination in memory that does what the contract of an uplink says, and fails in every way that the contract allows.
import { decodeBlock } from '../../src/columns/index.ts'
import { Blocked, Unreachable } from '../../src/core/errors.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, countOf, difference, overlaps, union, withInterval } from '../../src/core/intervals.ts'
import type { RawSlice } from '../../src/core/log.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { Position } from '../../src/core/position.ts'
import type { Uplink, UplinkBatch } from '../../src/core/uplink.ts'

export type Fault = 'lost-before' | 'lost-after' | 'blocked' | 'hang-before' | 'hang-after' | 'fenced' | 'slow'

export interface Faults {
  /** What goes wrong with this send. */
  send(): Fault | undefined
  /** Whether opening fails. */
  open(): boolean
  /** Whether the destination has forgotten the position. */
  forget(): boolean
}

export const NO_FAULTS: Faults = { send: () => undefined, open: () => false, forget: () => false }

/** A hanging call is given up by the uplink itself after so long. */
const DEADLINE_MS = 20

export function modelDestination(faults: Faults) {
  const values = new Map<string, Map<number, number>>()
  const named = new Map<string, Intervals>()
  /** What was never here and is said to be elsewhere. */
  const elsewhere = new Map<string, Intervals>()
  /** Readings that say that they may be there twice. */
  const suspects = new Set<string>()
  const gapRows = new Map<string, Intervals>()
  let position: Position | 'none' = 'none'
  const wrong: string[] = []
  const sizes: number[] = []
  const order: { stream: string; from: number }[] = []
  const checkpoints: { reason: string; transaction: number }[] = []
  let marked = 0
  let acknowledged = 0
  let open = 0
  let failures = 0

  function apply(batch: UplinkBatch, next: Position): void {
    if (position !== 'none' && next.transaction <= position.transaction)
      wrong.push(`transaction ${next.transaction} after ${position.transaction}`)
    for (const slice of batch.slices) {
      const stream = streamKey(slice.stream)
      if (!contains(next.delivered.get(stream) ?? [], slice.from, slice.to))
        wrong.push(`${stream} ${slice.from}: sent but not in the position`)
      order.push({ stream, from: slice.from })
      if (slice.form === 'raw') applyReadings(stream, slice, batch.maybeDuplicate)
      else if (slice.form === 'gap')
        for (const row of slice.rows) {
          const at = gapRows.get(stream) ?? []
          const isMarked = batch.maybeDuplicate.some(
            (it) => it.stream === stream && it.from <= row.sequence && row.sequence < it.to,
          )
          if (overlaps(at, row.sequence, row.sequence + 1) && !isMarked) wrong.push(`${stream} ${row.sequence} twice`)
          gapRows.set(stream, withInterval(at, row.sequence, row.sequence + 1))
          const of = streamKey(row.stream)
          named.set(of, withInterval(named.get(of) ?? [], row.from, row.to))
        }
    }
    for (const { stream, from, to } of batch.elsewhere ?? []) {
      const told = elsewhere.get(stream) ?? []
      if (overlaps(told, from, to)) wrong.push(`${stream} ${from} to ${to}: told to be elsewhere twice`)
      if (!contains(next.delivered.get(stream) ?? [], from, to))
        wrong.push(`${stream} ${from}: elsewhere and not in the position`)
      for (const sequence of values.get(stream)?.keys() ?? [])
        if (sequence >= from && sequence < to) wrong.push(`${stream} ${sequence}: here and told to be elsewhere`)
      elsewhere.set(stream, withInterval(told, from, to))
    }
    if (batch.checkpoint) checkpoints.push({ reason: batch.checkpoint.reason, transaction: next.transaction })
    position = { transaction: next.transaction, delivered: new Map(next.delivered) }
  }

  function applyReadings(stream: string, slice: RawSlice, maybeDuplicate: readonly StreamRange[]): void {
    const block = decodeBlock(slice.block)
    const known = values.get(stream) ?? new Map<number, number>()
    values.set(stream, known)
    for (let i = 0; i < block.count; i++) {
      const sequence = block.sequence?.[i] ?? block.first + i
      if (sequence < slice.from || sequence >= slice.to) continue
      const isMarked = maybeDuplicate.some((it) => it.stream === stream && it.from <= sequence && sequence < it.to)
      if (isMarked) {
        marked++
        suspects.add(`${stream} ${sequence}`)
      }
      if (known.has(sequence) && !isMarked) wrong.push(`${stream} ${sequence} twice`)
      known.set(sequence, block.value[i] as number)
    }
  }

  async function send(batch: UplinkBatch, next: Position, signal: AbortSignal): Promise<readonly []> {
    const fault = faults.send()
    sizes.push(batch.slices.reduce((sum, it) => sum + it.to - it.from, 0))
    if (fault === 'blocked') {
      const name = batch.slices[0]?.stream.class
      if (name !== undefined) throw new Blocked('no-topic', `class ${name} has no topic`, { topics: [name], classes: [name] })
    }
    if (fault === 'lost-before') throw new Error('the connection broke before the commit')
    if (fault === 'fenced') throw Object.assign(new Error('fenced'), { code: 'fenced' })
    if (fault === 'hang-before') await deadline(signal)
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, 5))
    apply(batch, next)
    if (fault === 'hang-after') await deadline(signal)
    if (fault === 'lost-after') throw new Error('the answer of the commit was lost')
    acknowledged++
    return []
  }

  return {
    wrong,
    sizes,
    order,
    checkpoints,
    get open() {
      return open
    },
    get failures() {
      return failures
    },
    get marked() {
      return marked
    },
    values: () => [...values.values()].flatMap((it) => [...it.values()]),
    /** By stream: what is here, and what is told to be elsewhere. */
    has: (stream: string) => setOf(values.get(stream)?.keys() ?? []),
    elsewhere: (stream: string): Intervals => elsewhere.get(stream) ?? [],
    isSuspect: (stream: string, sequence: number) => suspects.has(`${stream} ${sequence}`),
    /** What of [0, next) of a raw stream is neither here nor named, and what is both. */
    missing(stream: string, next: number): { missing: number; both: number } {
      const here = setOf(values.get(stream)?.keys() ?? [])
      const lost = union(named.get(stream) ?? [], elsewhere.get(stream) ?? [])
      const all = next > 0 ? [{ from: 0, to: next }] : []
      const missing = countOf(difference(difference(all, here), lost))
      return { missing, both: countOf(here) - countOf(difference(here, lost)) }
    },
    async connect(): Promise<Uplink> {
      if (faults.open()) throw new Unreachable('refused', 'nobody answers')
      open++
      return {
        async position() {
          if (acknowledged > 0 && faults.forget()) position = 'none'
          return position
        },
        endOffsets: async () => ({ 'topic/0': '1' }),
        async send(batch, next, signal) {
          try {
            return await send(batch, next, signal)
          } catch (error) {
            failures++
            throw error
          }
        },
        async close() {
          open--
        },
      }
    },
  }
}

function setOf(sequences: Iterable<number>): Intervals {
  return [...sequences].sort((a, b) => a - b).reduce<Intervals>((set, it) => withInterval(set, it, it + 1), [])
}

async function deadline(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, DEADLINE_MS)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
  throw new Error('no answer in time')
}
