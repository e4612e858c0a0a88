// Loaded into each thread of a measured agent (`--import`): notes its heap once a second. A measuring aid; the product has nothing of it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { isMainThread, threadId, threadName } from 'node:worker_threads'

export interface ThreadHeap {
  readonly thread: string
  /** All in bytes. What V8 has taken for this thread, what of it is in use, and buffers outside of it. */
  readonly heap: number
  readonly used: number
  readonly buffers: number
  /** What V8's compiler and parser hold by malloc. */
  readonly malloced: number
}

const NOTE_EVERY_MS = 1000
const dir = process.env['HEAPS_DIR']

if (dir !== undefined) {
  const thread = isMainThread ? 'main' : threadName || `thread ${threadId}`
  setInterval(() => {
    const it = getHeapStatistics()
    const note: ThreadHeap = {
      thread,
      heap: it.total_heap_size,
      used: it.used_heap_size,
      buffers: process.memoryUsage().arrayBuffers,
      malloced: it.malloced_memory,
    }
    writeFileSync(join(dir, `${threadId}.json`), JSON.stringify(note))
  }, NOTE_EVERY_MS).unref()
}
