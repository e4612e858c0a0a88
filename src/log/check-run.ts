// The log's commands, step by step, over whoever reads the files: the keeper's thread, or this one where no agent runs.
import type { CheckStep, ExportCursor, ExportPart, FileCheck, LogApi } from '../core/log-files.ts'
import type { Check } from './check.ts'

/** `Check`, in another thread or in this one. */
export type CheckCalls = {
  readonly [Name in keyof Check]: (...args: Parameters<Check[Name]>) => Promise<Awaited<ReturnType<Check[Name]>>>
}

/** `giveUp` drops a block whose damage was found and says how many readings that cost; absent: nothing may be changed. */
export function logApi(
  calls: CheckCalls,
  giveUp: (stream: string, first: number) => Promise<void>,
  said: readonly string[] = [],
): LogApi {
  async function* steps(isRepair: boolean, signal: AbortSignal): AsyncIterable<CheckStep> {
    const files = await calls.files()
    const journal = await calls.journal()
    const all = files.reduce((sum, it) => sum + it.bytes, journal.bytes)
    let done = journal.bytes
    yield { done, all, file: journal, givenUp: isRepair ? await repaired(journal, giveUp) : 0, said }
    for (const { id, bytes } of files) {
      signal.throwIfAborted()
      const file = await calls.segment(id)
      done += bytes
      if (file) yield { done, all, file, givenUp: isRepair ? await repaired(file, giveUp) : 0, said: [] }
    }
  }
  return {
    logCheck: (signal) => steps(false, signal),
    logRepair: (signal) => steps(true, signal),
    logInspect: (segment) => calls.inspect(segment),
    async *ledger(request, signal) {
      const lines = await calls.ledger(request)
      signal.throwIfAborted()
      yield* lines
    },
    logDays: () => calls.days(),
    async *logExport(signal): AsyncIterable<ExportPart> {
      const all = await calls.exportBytes()
      let done = 0
      for (let after: ExportCursor | undefined; ; ) {
        signal.throwIfAborted()
        const part = await calls.exportPart(after)
        if (!part) return
        done += part.bytes
        after = part.next
        yield { done: Math.min(done, all), all: Math.max(done, all), rows: part.rows }
      }
    },
  }
}

async function repaired({ damage }: FileCheck, giveUp: (stream: string, first: number) => Promise<void>): Promise<number> {
  let readings = 0
  for (const it of damage) {
    if (it.stream === null || it.first === null) continue
    await giveUp(it.stream, it.first)
    readings += it.readings
  }
  return readings
}
