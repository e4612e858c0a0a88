/** Room for one thing between somebody who must not wait and somebody who does. */
export interface Slot<T> {
  readonly isFull: boolean
  /** Only when it is not full. */
  put(value: T): void
  /** The next thing; undefined once the signal aborts. One taker at a time. */
  take(signal: AbortSignal): Promise<T | undefined>
}

export function createSlot<T>(): Slot<T> {
  let held: T | undefined
  let waiting: ((value: T | undefined) => void) | undefined
  return {
    get isFull() {
      return held !== undefined
    },
    put(value) {
      if (waiting) waiting(value)
      else held = value
      waiting = undefined
    },
    async take(signal) {
      if (signal.aborted) return undefined
      if (held !== undefined) {
        const value = held
        held = undefined
        return value
      }
      const { promise, resolve } = Promise.withResolvers<T | undefined>()
      const stop = () => resolve(undefined)
      signal.addEventListener('abort', stop, { once: true })
      waiting = resolve
      const value = await promise
      waiting = undefined
      signal.removeEventListener('abort', stop)
      return value
    },
  }
}
