// How much a server takes in one call. Some say it, some only refuse: then half as much is asked for, and that is remembered.

/** Where the server states no limit. */
export const PER_CALL_DEFAULT = 1_000

/** Changed by `inChunks` when the server takes less than it says. */
export interface Limits {
  read: number
  items: number
  browse: number
  history: number
}

const TOO_MUCH = /BadTooManyOperations|BadRequestTooLarge|BadResponseTooLarge|BadEncodingLimitsExceeded|BadTcpMessageTooLarge/

/** Calls with as many of the list as the server takes at a time, until all are done; the answers stand in the order of the list. */
export async function inChunks<T, R>(
  limits: Limits,
  kind: keyof Limits,
  list: readonly T[],
  call: (chunk: T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const answers: R[] = []
  for (let at = 0; at < list.length; ) {
    const chunk = list.slice(at, at + limits[kind])
    try {
      for (const answer of await call(chunk)) answers.push(answer)
      at += chunk.length
    } catch (error) {
      if (chunk.length === 1 || !TOO_MUCH.test(String(error))) throw error
      limits[kind] = Math.floor(chunk.length / 2)
    }
  }
  return answers
}
