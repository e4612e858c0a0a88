// What a coordinator did not begin is asked for again: nothing has happened yet.
import { setTimeout } from 'node:timers/promises'
import { isKafkaError } from '../../clients/kafka/direct/errors.ts'
import { CONCURRENT_MS } from './direct-sender.ts'

export function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  return untilReady(work, CONCURRENT_MS, ['CONCURRENT_TRANSACTIONS'])
}

/** Whoever calls has a deadline, and destroys the client when it is over: then this ends too. */
export async function untilReady<T>(work: () => Promise<T>, everyMs: number, errors: readonly string[]): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isKafkaError(error, ...errors)) throw error
      await setTimeout(everyMs)
    }
  }
}
