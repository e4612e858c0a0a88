// The log's two threads, started before anybody knows what they are to open: what they are made of is loaded beside what their starter loads.
import { MessageChannel, Worker } from 'node:worker_threads'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'

export interface LogThread {
  readonly worker: Worker
  /** What it opens; calls wait until it has. Throws where the thread has ended. */
  begin(options: unknown): void
  /** Told of its end, also where that has been. */
  onEnd(tell: (error: Error) => void): void
}

export interface LogThreads {
  readonly writer: LogThread
  readonly keeper: LogThread
}

const WRITER_HEAP_MB = 256
const KEEPER_HEAP_MB = 256

export function startLogThreads(): LogThreads {
  return { writer: thread('writer', WRITER_HEAP_MB), keeper: thread('keeper', KEEPER_HEAP_MB) }
}

function thread(name: string, heapMb: number): LogThread {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL(`./${name}.ts`, import.meta.url), {
    workerData: port2,
    transferList: [port2],
    name,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  let ended: Error | undefined
  let told: (error: Error) => void = () => {}
  const end = (error: Error): void => {
    ended ??= error
    told(error)
  }
  worker.on('error', (error) => end(error as Error))
  worker.on('exit', (code) => end(new Error(`the log's ${name} thread ended with code ${code}`)))
  return {
    worker,
    begin(options) {
      if (ended) throw ended
      port1.postMessage(options)
      port1.close()
    },
    onEnd(tell) {
      told = tell
      if (ended) tell(ended)
    },
  }
}
