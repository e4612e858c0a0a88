// A Modbus source: one unit, or several on one line.
//
//   grid (every) ─► poll: each unit's block reads ─► one batch ─► slot (one) ─► whoever reads
//
// - All readings of one unit's poll have one time: its start, before the first request goes out.
// - Nobody takes the last batch yet: polls are held together; beyond a bound they are skipped ('poll-skipped'). A poll took so long that points
//   of the grid went by: 'poll-late'.
// - A unit that does not answer: one bad reading without a value for each tag (status 256, or the gateway's exception), then nothing until
//   it answers again; the status says so all the while. It is knocked at after 500 ms, doubled each time up to 30 s, with jitter, and polled
//   at once when it answers.
// - A unit that answers with an exception is up: its tags are bad, with the exception as status, in every poll.
import type { ReadingBatch } from '../../core/batch.ts'
import { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import type { Source, SourceContext, SourceItem } from '../../core/source.ts'
import { browseUnits } from './browse.ts'
import { createGrid, phaseMs, sleep } from './cadence.ts'
import { controlOf } from './control.ts'
import type { Transport } from './link.ts'
import { pointsOf } from './registers.ts'
import type { Polled } from './polled.ts'
import { unitNumbers } from './polled.ts'
import type { Slot } from './slot.ts'
import { createSlot } from './slot.ts'
import { statusOf } from './status.ts'
import { testUnits } from './test-steps.ts'
import type { Unit } from './unit.ts'
import { openUnit } from './unit.ts'

/** A poll of several units that lasts longer hands out what it has. */
const HAND_OUT_MS = 250

export function openSource(settings: Polled, transport: Transport, context: SourceContext): Source {
  const notes: Record<string, number> = {}
  const note = (word: string, count = 1) => {
    notes[word] = (notes[word] ?? 0) + count
  }
  const builder = new BatchBuilder(context.origin, context.clock)
  const units = unitNumbers(settings).map((number) =>
    openUnit({ number, points: pointsOf(settings.tags, number), limits: settings, transport, builder, context, note }),
  )
  return {
    async *read(signal) {
      const stop = new AbortController()
      const abort = () => {
        stop.abort()
        for (const unit of units) unit.close()
      }
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      const slot = createSlot<ReadingBatch>()
      // A bug in the polling ends the reading too, and is thrown there.
      const polling = pollForEver({ everyMs: settings.every, units, builder, slot, context, note }, stop).finally(abort)
      polling.catch(() => {})
      try {
        for (let batch = await slot.take(stop.signal); batch; batch = await slot.take(stop.signal)) yield itemOf(batch)
        await polling
        if (!builder.isEmpty) yield itemOf(builder.take(builder.now()))
      } finally {
        signal.removeEventListener('abort', abort)
        abort()
        await polling
      }
    },
    status: () => statusOf(units, notes),
    test: (signal) => testUnits(units, settings, signal),
    control: controlOf(units, settings.tags),
    browse: (request, signal) => browseUnits(units, settings.blockMax, request, signal),
  }
}

/** A device can always be read again: nothing hangs on the acknowledgement. */
function itemOf(batch: ReadingBatch): SourceItem {
  return { batch, durable() {} }
}

interface Polling {
  readonly everyMs: number
  readonly units: readonly Unit[]
  readonly builder: BatchBuilder
  readonly slot: Slot<ReadingBatch>
  readonly context: SourceContext
  note(word: string, count?: number): void
}

async function pollForEver({ everyMs, units, builder, slot, context, note }: Polling, stop: AbortController): Promise<void> {
  const { clock } = context
  const { signal } = stop
  const grid = createGrid(clock.monotonic() + phaseMs(context.name, everyMs), everyMs)
  const returned = createReturned()
  let bug: unknown
  const knock = (unit: Unit) => {
    unit.knock(signal).then(
      () => returned.add(unit),
      (error) => {
        bug ??= error
        stop.abort()
      },
    )
  }
  const poll = async (some: readonly Unit[]) => {
    // Polls keep their own pace: while nobody takes them they are held together, and skipped only beyond the bound.
    if (slot.isFull && builder.count >= SOURCE_QUEUE_READINGS_MAX) {
      note('poll-skipped')
      for (const unit of some) if (unit.isDown) knock(unit)
      return
    }
    let failed = 0
    let handedAt = clock.monotonic()
    for (const unit of some) {
      if (signal.aborted) return
      if (!(await unit.poll(signal))) {
        failed++
        knock(unit)
      }
      // Many units on a slow line, or one that is just failing: the others' readings need not wait for the last one.
      if (clock.monotonic() - handedAt < HAND_OUT_MS) continue
      hand()
      handedAt = clock.monotonic()
    }
    if (failed > 0 && failed === some.length) grid.skip(clock.monotonic())
    hand()
  }
  const hand = () => {
    if (!signal.aborted && !builder.isEmpty && !slot.isFull) slot.put(builder.take(builder.now()))
  }
  while (!signal.aborted) {
    const { waitMs, missed } = grid.next(clock.monotonic())
    if (missed > 0) note('poll-late', missed)
    const dueAt = clock.monotonic() + waitMs
    while (!signal.aborted) {
      const back = await returned.take(dueAt - clock.monotonic(), signal)
      if (back.length === 0) break
      await poll(back)
    }
    if (!signal.aborted) await poll(units.filter((it) => !it.isDown))
  }
  if (bug !== undefined) throw bug
}

/** Units that answer again. */
function createReturned() {
  let held: Unit[] = []
  let wake = () => {}
  return {
    add(unit: Unit) {
      held.push(unit)
      wake()
    },
    /** Those there are, at the latest after `waitMs`; none when the time is up or the signal aborts. */
    async take(waitMs: number, signal: AbortSignal): Promise<readonly Unit[]> {
      if (held.length === 0 && waitMs > 0) {
        const woken = new AbortController()
        wake = () => woken.abort()
        await sleep(waitMs, AbortSignal.any([signal, woken.signal]))
        wake = () => {}
      }
      const all = held
      held = []
      return all
    },
  }
}
