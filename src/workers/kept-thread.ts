// Main's side of a thread that works for itself: it is started again should it have died, and asked to end before it is cut off.
import { Worker } from 'node:worker_threads'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import type { Caller, Handlers } from './port.ts'
import { caller, serve } from './port.ts'

export interface KeptThreadParts {
  readonly file: URL
  readonly name: string
  readonly data: object
  readonly heapMb: number
  /** What it asks of us, anew for each of its lives; `over` aborts when that one ends, or is to. */
  handlers(over: AbortSignal): Handlers
  /** What open calls are rejected with when it ends. */
  restarting(): Error
  /** It died, and is started again after a while. */
  failed(cause: Error): void
}

export interface KeptThread {
  /** Undefined: it is being started anew. */
  calls(): Caller | undefined
  /** Undefined: it does not answer now. */
  ask<T>(call: string): Promise<T | undefined>
  /** Its call `stop` answers when all is done; after some time it is cut off. */
  stop(): Promise<void>
}

interface Life {
  readonly worker: Worker
  readonly calls: Caller
  readonly over: AbortController
  readonly ended: Promise<void>
}

const RESTART_MS = 5_000
const ANSWER_MS_MAX = 1_000
const STOP_MS_MAX = 2_000

export function keptThread(parts: KeptThreadParts): KeptThread {
  let isStopped = false
  let life: Life | undefined
  let again: NodeJS.Timeout | undefined

  function start(): void {
    const { file, name, data, heapMb } = parts
    const resourceLimits = { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB }
    const worker = new Worker(file, { workerData: data, name, resourceLimits })
    const calls = caller(worker)
    const over = new AbortController()
    serve(worker, parts.handlers(over.signal))
    let cause: Error | undefined
    worker.on('error', (error) => (cause = error as Error))
    const ended = new Promise<void>((resolve) => {
      worker.on('exit', () => {
        over.abort()
        calls.fail(parts.restarting())
        life = undefined
        resolve()
        if (!isStopped) fail(cause ?? new Error(`the thread ${name} ended`))
      })
    })
    life = { worker, calls, over, ended }
  }

  function fail(cause: Error): void {
    parts.failed(cause)
    again = setTimeout(start, RESTART_MS)
  }

  start()
  return {
    calls: () => life?.calls,
    ask<T>(call: string) {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, ANSWER_MS_MAX, undefined).unref())
      return Promise.race([life?.calls.call<T>(call, []).catch(() => undefined), late])
    },
    async stop() {
      isStopped = true
      clearTimeout(again)
      if (!life) return
      const { worker, calls, over, ended } = life
      const end = () => void worker.terminate()
      const cut = setTimeout(end, STOP_MS_MAX)
      void calls
        .call('stop', [])
        .catch(() => undefined)
        .then(end)
      over.abort()
      await ended
      clearTimeout(cut)
    },
  }
}
