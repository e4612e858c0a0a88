import { useEffect, useState } from 'preact/hooks'
import type { Answers } from '../api/operations.ts'
import { call } from '../api/client.ts'

export interface Repeated<T> {
  readonly data: T | undefined
  /** Why there is no newer one. */
  readonly error: unknown
  readonly again: () => void
}

/** One answer, asked again every so often while somebody looks. */
export function useRepeated<Name extends keyof Answers>(
  name: Name,
  input: Answers[Name]['in'],
  everyMs: number,
): Repeated<Answers[Name]['out']> {
  const [data, setData] = useState<Answers[Name]['out']>()
  const [error, setError] = useState<unknown>()
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    let timer = 0
    const ask = async () => {
      try {
        if (document.visibilityState === 'visible') {
          setData(await call(name, input, stop.signal))
          setError(undefined)
        }
      } catch (it) {
        if (!stop.signal.aborted) setError(it)
      }
      if (!stop.signal.aborted) timer = window.setTimeout(ask, everyMs)
    }
    void ask()
    return () => {
      stop.abort()
      window.clearTimeout(timer)
    }
  }, [name, JSON.stringify(input), everyMs, turn])
  return { data, error, again: () => setTurn((it) => it + 1) }
}
