import type { MessagePort } from 'node:worker_threads'
import { workerData } from 'node:worker_threads'

/** In a thread of the log: what it is to open, once its starter says (log-threads.ts). */
export function begun<T>(): Promise<T> {
  return new Promise((resolve) => void (workerData as MessagePort).once('message', resolve))
}
