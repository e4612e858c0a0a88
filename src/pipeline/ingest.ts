// source ─batch─► log ─fsync─► source.durable
//
// Pulls ahead while few batches of the source wait for the disk, and tells the source in order what has become durable.
import type { ReadingBatch } from '../core/batch.ts'
import { BATCHES_IN_FLIGHT_MAX } from '../core/bounds.ts'
import type { LogWriter } from '../core/log.ts'
import type { Source } from '../core/source.ts'

/** Reads a source into the log until the signal aborts. `taken` sees each batch before it is handed over. At most `batchesMax` wait for the disk. */
export async function ingest(
  source: Source,
  log: LogWriter,
  taken: (batch: ReadingBatch) => void,
  signal: AbortSignal,
  batchesMax = BATCHES_IN_FLIGHT_MAX,
): Promise<void> {
  // What stalls may be a batch that is still on its way here: the one after is hurried too, unless a commit has answered first.
  let isStalled = false
  source.onStalled?.(() => {
    isStalled = true
    log.hurry()
  })
  // A stop does not wait for the commit interval.
  signal.addEventListener('abort', () => log.hurry(), { once: true })
  const inFlight: Promise<void>[] = []
  let last: Promise<void> = Promise.resolve()
  for await (const { batch, durable } of source.read(signal)) {
    taken(batch)
    // A batch of a class with a short commit interval may be on disk before an older one: the source hears of both in their order.
    last = Promise.all([last, log.append(batch)]).then(() => {
      isStalled = false
      durable()
    })
    if (isStalled || signal.aborted) log.hurry()
    isStalled = false
    inFlight.push(last)
    if (inFlight.length >= batchesMax) await inFlight.shift()
  }
  await last
}
