// Followers of a log that is open in this process.
import type { FollowedReading, FollowRequest, FollowRow } from '../../src/core/follow.ts'
import { createFollow } from '../../src/log/follow.ts'
import type { OpenedLog } from './helpers.ts'

/** `log`: the one that is open now. */
export function followerOf(log: () => OpenedLog) {
  return createFollow(() => ({
    async begin(from) {
      log().writer.followed()
      return log().keeper.follow.begin(from)
    },
    async read(request) {
      const taken = log().keeper.follow.read(request)
      for (const { stream, first } of taken.damaged) log().writer.damaged(stream, first)
      return taken
    },
    more: (_, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      }),
  }))
}

type Follow = ReturnType<typeof followerOf>

/** Rows until all that the log holds now is read, or `max` of them that are no mere positions: then it is cut off. */
export async function pull(follow: Follow, request: FollowRequest, max = Infinity): Promise<FollowRow[]> {
  const rows: FollowRow[] = []
  const gone = new AbortController()
  let said = 0
  for await (const row of follow(request, gone.signal)) {
    rows.push(row)
    if (row.type !== 'position') said++
    if (said >= max || (row.type === 'position' && row.isCaughtUp)) break
  }
  gone.abort()
  return rows
}

const isOf =
  (type: FollowedReading['type']) =>
  (it: FollowRow): it is FollowedReading =>
    it.type === type
export const readingsOf = (rows: readonly FollowRow[]): FollowedReading[] => rows.filter(isOf('reading'))
export const aggregatesOf = (rows: readonly FollowRow[]): FollowedReading[] => rows.filter(isOf('aggregate'))
export const positionAfter = (rows: readonly FollowRow[]): string => rows.at(-1)?.position ?? ''
