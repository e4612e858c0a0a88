// Sees to it that holes are read, or named: notes of what history does not have, one line in the log with from, to and why.
import type { DataValue } from 'node-opcua-client'
import type { Micros } from '../../core/reading.ts'
import type { SourceContext } from '../../core/source.ts'
import type { Open } from './browse.ts'
import type { TagState } from './decode.ts'
import type { Gaps } from './gaps.ts'
import { readHoles, type Wanted, wantedOf } from './history.ts'

/** Called now and then while the session is up. */
export interface Repair {
  look(): void
  stop(): void
}

export interface RepairRun {
  readonly tags: readonly TagState[]
  readonly gaps: Gaps
  readonly historyMs: number
  /** So long the first values of a new subscription may take, and a history may be late. */
  readonly settleMs: number
  readonly context: SourceContext
  readonly sink: {
    history(state: TagState, value: DataValue): void
    room(): Promise<void>
    note(reason: string, count?: number): void
  }
}

const TRIES = 3

export function repair(run: RepairRun, open: Open): Repair {
  const { gaps, context } = run
  const stopped = new AbortController()
  const now = () => context.clock.monotonic()
  let dueAt: number | undefined
  let isBusy = false
  let tries = 0

  async function work(): Promise<void> {
    const oldest = context.clock.now() - run.historyMs * 1000
    const wanted = wantedOf(run.tags, open, oldest)
    if (wanted.length === 0) return forget()
    try {
      const lacking = run.historyMs === 0 ? all(wanted, 'history is off') : await read(wanted)
      // What is not in history yet may be in a moment.
      if (lacking.length > 0 && run.historyMs > 0 && ++tries < TRIES) gaps.isDue = true
      else settle(lacking, oldest)
    } catch (error) {
      if (stopped.signal.aborted) return
      const { message } = error as Error
      // With the link gone it is for the next session; else the server has no such thing.
      if (++tries < TRIES) gaps.isDue = true
      else settle(all(wanted, message.split('\n')[0] ?? ''), oldest)
    }
  }

  /** No value is missing: each tag's present one is the one that it had. */
  function forget(): void {
    if (run.tags.some((it) => it.holes.length > 0)) return
    gaps.pending.clear()
    gaps.lostAt = undefined
  }

  /** What is had is done with; yields the rest. */
  async function read(wanted: readonly Wanted[]): Promise<Lacking[]> {
    const take = { data: run.sink.history, room: run.sink.room }
    const { filled, lacking } = await readHoles(open, wanted, take, stopped.signal)
    gaps.filled += filled
    const without = new Set(lacking.map((it) => it.wanted))
    for (const it of wanted) if (!without.has(it)) close(it)
    return [...lacking]
  }

  function settle(lacking: readonly Lacking[], oldest: Micros): void {
    tries = 0
    const [first] = lacking
    for (const { wanted } of lacking) close(wanted)
    const isTooOld = gaps.pending.size > 0 && gaps.lostAt !== undefined && gaps.lostAt < oldest
    if (first || isTooOld) {
      for (const [reason, count] of gaps.pending) run.sink.note(reason, count)
      if (gaps.pending.size === 0) run.sink.note('session-gap')
    }
    if (first) name(first, lacking.length)
    else context.log.info({ source: context.name, filled: gaps.filled }, 'gaps were filled from history')
    gaps.pending.clear()
    gaps.lostAt = undefined
  }

  function name({ wanted, why }: Lacking, tags: number): void {
    const [from, to] = [wanted.from, wanted.to].map((it) => new Date(it / 1000).toISOString())
    const { tag } = wanted.state.tag
    context.log.warn(
      { source: context.name, tags, tag, from, to, why },
      `a gap is not in the server's history: ${tags} tags, the first is ${tag} from ${from} to ${to}: ${why}`,
    )
  }

  return {
    look() {
      if (!gaps.isDue || isBusy || stopped.signal.aborted) return
      dueAt ??= now() + run.settleMs
      if (now() < dueAt) return
      dueAt = undefined
      gaps.isDue = false
      isBusy = true
      void work().finally(() => (isBusy = false))
    },
    stop: () => stopped.abort(),
  }
}

interface Lacking {
  readonly wanted: Wanted
  readonly why: string
}

function all(wanted: readonly Wanted[], why: string): Lacking[] {
  return wanted.map((it) => ({ wanted: it, why }))
}

function close({ state, hole }: Wanted): void {
  const at = state.holes.indexOf(hole)
  if (at >= 0) state.holes.splice(at, 1)
}
