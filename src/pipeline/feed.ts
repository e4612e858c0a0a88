// An uplink that feeds local consumers and holds nothing back (core/settings.ts): what it lacks, and what it was refused for good.
import type { LogReader } from '../core/log.ts'

/** Changed in place. */
export interface Feed {
  /** Numbers of its classes that it has not got, as of the last look; undefined: not known yet. */
  lag: number | undefined
  /** Readings that the far end refused for good: others have them, so none is kept for it. */
  refused: number
  /** Why, of the last of them. */
  code: string | undefined
}

export function newFeed(): Feed {
  return { lag: undefined, refused: 0, code: undefined }
}

/** The log for it: nothing is parked. */
export function feedReader(log: LogReader, feed: Feed): LogReader {
  return {
    ...log,
    commit(uplink, ranges, transaction, refused) {
      feed.refused += refused.length
      feed.code = refused.at(-1)?.code ?? feed.code
      return log.commit(uplink, ranges, transaction, [])
    },
  }
}
