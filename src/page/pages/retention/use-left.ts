import { useEffect, useState } from 'preact/hooks'
import type { ClassWhatIf, Forecast } from '../../../core/retention.ts'
import { call } from '../../api/client.ts'
import { isAbort } from '../../api/errors.ts'
import type { ClassLeft } from './what-if.ts'
import { leftByClass, lengthsOf } from './what-if.ts'

export interface LeftNow {
  /** As the box is set. */
  readonly now: readonly ClassLeft[] | undefined
  /** As it would be; undefined: nothing is changed, or it is being asked. */
  readonly after: readonly ClassLeft[] | undefined
  /** The longest outage, as the box is set. */
  readonly forecast: Forecast | undefined
  readonly error: unknown
}

/** Nobody drags so fast that each stop is worth asking. */
const SETTLED_MS = 350
const AT_ONCE = 4

/** Forecasts of growing length, of the box as it is set and as it is thought of. */
export function useLeft(spanMs: number, whatIf: readonly ClassWhatIf[] | undefined): LeftNow {
  const [now, setNow] = useState<readonly Forecast[]>()
  const [after, setAfter] = useState<readonly ClassLeft[]>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    const stop = new AbortController()
    setError(undefined)
    ask(spanMs, undefined, stop.signal).then(setNow, (it: unknown) => isAbort(it) || setError(it))
    return () => stop.abort()
  }, [spanMs])
  useEffect(() => {
    if (!whatIf) return setAfter(undefined)
    const stop = new AbortController()
    const timer = window.setTimeout(() => {
      ask(spanMs, whatIf, stop.signal).then(
        (all) => setAfter(leftByClass(all)),
        (it: unknown) => isAbort(it) || setError(it),
      )
    }, SETTLED_MS)
    return () => {
      window.clearTimeout(timer)
      stop.abort()
    }
  }, [spanMs, JSON.stringify(whatIf)])
  return { now: now && leftByClass(now), after, forecast: now?.findLast((it) => it.offlineMs === spanMs), error }
}

async function ask(spanMs: number, whatIf: readonly ClassWhatIf[] | undefined, signal: AbortSignal): Promise<Forecast[]> {
  const waiting = lengthsOf(spanMs)
  const made: Forecast[] = []
  const work = async () => {
    for (let it = waiting.shift(); it !== undefined; it = waiting.shift())
      made.push(await call('forecast', { offlineMs: it, ...(whatIf && { whatIf }) }, signal))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return made
}
