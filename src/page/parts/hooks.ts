import { useEffect, useRef, useState } from 'preact/hooks'
import type { Answers, Rows } from '../api/operations.ts'
import { call, rows } from '../api/client.ts'
import { isAbort } from '../api/errors.ts'

export interface Asked<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly isRunning: boolean
  again(): void
}

/** One answer, asked when the component comes and when the input, or what `on` says, changes. */
export function useCall<Name extends keyof Answers>(
  name: Name,
  input: Answers[Name]['in'],
  on?: unknown,
): Asked<Answers[Name]['out']> {
  const [state, set] = useState<{ data?: Answers[Name]['out']; error?: unknown; isRunning: boolean }>({ isRunning: true })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    set((it) => ({ ...it, isRunning: true }))
    call(name, input, stop.signal).then(
      (data) => set({ data, isRunning: false }),
      (error: unknown) => stop.signal.aborted || set((it) => ({ ...it, error, isRunning: false })),
    )
    return () => stop.abort()
  }, [name, JSON.stringify(input), turn, on])
  return { data: state.data, error: state.error, isRunning: state.isRunning, again: () => setTurn((it) => it + 1) }
}

interface Gathered<Row> {
  readonly rows: readonly Row[]
  readonly error: unknown
  readonly isRunning: boolean
  /** All rows of the last question are here. */
  readonly isAnswered: boolean
}

const NOTHING = { rows: [], error: undefined, isRunning: false, isAnswered: false }

/**
 * Rows once `start` is called, shown as they come; starting anew, or leaving the page, ends what runs.
 * `isAtOnce`: of an answer that nobody wants to see grow; those of before stay until all are here.
 */
export function useRows<Name extends keyof Rows>(name: Name, isAtOnce = false) {
  type Row = Rows[Name]['out']
  const [state, set] = useState<Gathered<Row>>(NOTHING)
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])
  const stop = () => running.current?.abort()
  /** Resolves with all rows; undefined: they did not all come, and `error` says why. */
  const start = async (input: Rows[Name]['in']): Promise<readonly Row[] | undefined> => {
    stop()
    const own = new AbortController()
    running.current = own
    const found: Row[] = []
    set((it) => ({ ...NOTHING, ...(isAtOnce && { rows: it.rows, isAnswered: it.isAnswered }), isRunning: true }))
    try {
      for await (const row of rows(name, input, own.signal)) {
        found.push(row)
        if (!isAtOnce) set({ ...NOTHING, rows: [...found], isRunning: true })
      }
      // What was stopped ends without an error.
      own.signal.throwIfAborted()
      set({ ...NOTHING, rows: found, isAnswered: true })
      return found
    } catch (error) {
      if (running.current === own) set({ ...NOTHING, rows: found, error: isAbort(error) ? undefined : error })
      return undefined
    }
  }
  return { ...state, start, stop }
}
