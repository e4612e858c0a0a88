// A query as the agent answers it: pages of the log as rows, or as windows. Reads one page ahead, and none while nobody takes rows.
import type { QueryRequest, QueryRow } from '../core/agent-api.ts'
import type { PageRequest, PlacedPart, QueryPage } from '../core/query.ts'
import { rowsOf } from '../core/query.ts'
import { windowsOf } from './query-windows.ts'

export type ReadPage = (request: PageRequest) => Promise<QueryPage>

/** Without windows in the order of receipt, which is the order of time but for what came late. Ends without an error when the signal aborts. */
export async function* query(request: QueryRequest, read: ReadPage, signal: AbortSignal): AsyncGenerator<QueryRow> {
  const every = request.every ?? (request.points === undefined ? undefined : windowFor(request, request.points))
  let rows = 0
  for await (const some of every === undefined
    ? rowsIn(request, read, signal)
    : windowsOf(partsIn(request, read, signal), every)) {
    for (const row of some) {
      if (rows++ >= request.limit || signal.aborted) return
      yield row
    }
  }
}

async function* rowsIn(request: QueryRequest, read: ReadPage, signal: AbortSignal): AsyncGenerator<Iterable<QueryRow>> {
  for await (const parts of partsIn(request, read, signal))
    for (const part of parts) yield rowsOf(part, request.origin ? part.stream : undefined)
}

/** Page by page. */
async function* partsIn(
  { tag, from, to }: QueryRequest,
  read: ReadPage,
  signal: AbortSignal,
): AsyncGenerator<readonly PlacedPart[]> {
  let next: Promise<QueryPage> | undefined = read({ tag, from, to, after: 0 })
  while (next) {
    const page: QueryPage = await next
    if (signal.aborted) return
    next = page.next && read({ tag, from, to, after: page.next })
    // Whoever stops reading does not wait for it; its failure is then nobody's.
    next?.catch(() => undefined)
    yield page.parts
  }
}

const SECOND = 1_000_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Lengths of windows that people and ladders use, µs. Each but 15 s is a multiple of those aggregates that are usual below it. */
const LENGTHS = [
  ...[1, 10, 100, 1_000, 10_000, 100_000].flatMap((it) => [it, 2 * it, 5 * it]),
  ...[1, 2, 5, 10, 15, 30].map((it) => it * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((it) => it * MINUTE),
  ...[1, 2, 3, 6, 12].map((it) => it * HOUR),
  ...[1, 2, 7].map((it) => it * DAY),
]

/** The shortest usual window, µs, of which the range has at most `points`; whole days where none is long enough. */
export function windowFor({ from, to }: Pick<QueryRequest, 'from' | 'to'>, points: number): number {
  const fits = (every: number) => Math.ceil(to / every) - Math.floor(from / every) <= points
  const usual = LENGTHS.find(fits)
  if (usual !== undefined) return usual
  let days = Math.ceil((to - from) / points / DAY)
  while (!fits(days * DAY) && days * DAY < to) days++
  return days * DAY
}
