// Calls across threads that answer with many items: each is told as it comes, the call's answer is the end.
import type { Caller } from './port.ts'

const STREAM_MS_MAX = 600_000

type Run<Args extends readonly unknown[]> = (signal: AbortSignal, ...args: Args) => Promise<AsyncIterable<unknown>>

export interface StreamServer {
  /** A handler for `StreamCalls.stream`. */
  handler<Args extends readonly unknown[]>(run: Run<Args>): (id: number, ...args: Args) => Promise<void>
  /** A handler named 'cancel'. */
  cancel(id: number): void
}

/** The thread's side. */
export function streamServer(main: Caller, msMax = STREAM_MS_MAX): StreamServer {
  const open = new Map<number, AbortController>()
  return {
    handler:
      (run) =>
      async (id, ...args) => {
        const stop = new AbortController()
        open.set(id, stop)
        try {
          for await (const item of await run(AbortSignal.any([stop.signal, AbortSignal.timeout(msMax)]), ...args)) {
            if (stop.signal.aborted) break
            main.tell('item', [id, item])
          }
        } catch (error) {
          // Who has gone hears nothing more.
          if (!stop.signal.aborted) throw error
        } finally {
          open.delete(id)
        }
      },
    cancel: (id) => open.get(id)?.abort(),
  }
}

export interface StreamCalls {
  /** A handler named 'item'. */
  item(id: number, item: unknown): void
  /** Calls `name` of a thread that has a `StreamServer`. */
  stream<T>(thread: Caller, name: string, args: readonly unknown[], signal: AbortSignal): AsyncIterable<T>
}

/** Main's side. */
export function streamCalls(): StreamCalls {
  let next = 0
  const open = new Map<number, (item: unknown) => void>()
  return {
    item: (id, item) => open.get(id)?.(item),
    async *stream<T>(thread: Caller, name: string, args: readonly unknown[], signal: AbortSignal) {
      const id = next++
      const items: T[] = []
      let wake = () => {}
      let ended = false
      open.set(id, (item) => {
        items.push(item as T)
        wake()
      })
      const end = thread.call<void>(name, [id, ...args]).finally(() => {
        ended = true
        wake()
      })
      end.catch(() => {})
      const abort = () => wake()
      signal.addEventListener('abort', abort, { once: true })
      try {
        for (let at = 0; ; ) {
          if (signal.aborted) break
          if (at < items.length) yield items[at++] as T
          else if (ended) break
          else {
            at = 0
            items.length = 0
            await new Promise<void>((resolve) => (wake = resolve))
          }
        }
        if (!signal.aborted) await end
      } finally {
        signal.removeEventListener('abort', abort)
        open.delete(id)
        if (!ended) thread.tell('cancel', [id])
      }
    },
  }
}
