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

/** One answer, asked when the component comes and when the input changes. */
export function useCall<Name extends keyof Answers>(name: Name, input: Answers[Name]['in']): Asked<Answers[Name]['out']> {
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
  }, [name, JSON.stringify(input), turn])
  return { data: state.data, error: state.error, isRunning: state.isRunning, again: () => setTurn((it) => it + 1) }
}

export interface Gathered<Row> {
  readonly rows: readonly Row[]
  readonly error: unknown
  readonly isRunning: boolean
}

/** Rows gathered as they come, once `start` is called; starting anew, or leaving the page, ends what runs. */
export function useRows<Name extends keyof Rows>(name: Name) {
  type Row = Rows[Name]['out']
  const [state, set] = useState<Gathered<Row>>({ rows: [], error: undefined, isRunning: false })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])
  const stop = () => running.current?.abort()
  const start = async (input: Rows[Name]['in']): Promise<readonly Row[]> => {
    stop()
    const own = new AbortController()
    running.current = own
    const found: Row[] = []
    set({ rows: [], error: undefined, isRunning: true })
    try {
      for await (const row of rows(name, input, own.signal)) {
        found.push(row)
        set({ rows: [...found], error: undefined, isRunning: true })
      }
      if (running.current === own) set({ rows: found, error: undefined, isRunning: false })
    } catch (error) {
      if (running.current === own) set({ rows: found, error: isAbort(error) ? undefined : error, isRunning: false })
    }
    return found
  }
  return { ...state, start, stop }
}
