import { useEffect, useRef, useState } from 'preact/hooks'
import type { Rows } from '../api/operations.ts'
import { rows } from '../api/client.ts'
import { isAbort } from '../api/errors.ts'

interface State<Row> {
  readonly rows: readonly Row[]
  readonly error: unknown
  readonly isRunning: boolean
  /** Answered at least once. */
  readonly isAnswered: boolean
}

/** Many rows, shown once all are here: for answers that nobody wants to see grow. */
export function useGathered<Name extends keyof Rows>(name: Name) {
  type Row = Rows[Name]['out']
  const [state, set] = useState<State<Row>>({ rows: [], error: undefined, isRunning: false, isAnswered: false })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])
  const start = async (input: Rows[Name]['in']): Promise<readonly Row[]> => {
    running.current?.abort()
    const own = new AbortController()
    running.current = own
    const found: Row[] = []
    set((it) => ({ ...it, error: undefined, isRunning: true }))
    try {
      for await (const row of rows(name, input, own.signal)) found.push(row)
      if (running.current === own) set({ rows: found, error: undefined, isRunning: false, isAnswered: true })
    } catch (error) {
      if (running.current === own && !isAbort(error)) set({ rows: found, error, isRunning: false, isAnswered: false })
    }
    return found
  }
  return { ...state, start }
}
