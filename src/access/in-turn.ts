import { Refused } from './refused.ts'

/** One after the other: a look at a password takes 19 MiB and a core. Who would wait behind too many others is told so. */
export function inTurn(waitingMax: number): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async (work) => {
    if (waiting >= waitingMax) throw new Refused('wait', 'too many log in at this moment; try again in 2 s', { waitMs: 2_000 })
    waiting++
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      waiting--
    }
  }
}
