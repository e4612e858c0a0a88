// What somebody types, character by character: whoever waits gets the next one; Ctrl-C and Ctrl-D also reach what runs meanwhile.
import type { Readable } from 'node:stream'

/** Why what runs is left: back to the menu, logged out, or nobody is there any more. */
export class Left extends Error {
  override readonly name = 'Left'
  readonly how: 'back' | 'out' | 'gone'
  constructor(how: Left['how']) {
    super(how)
    this.how = how
  }
}

export const CTRL_C = '\x03'
export const CTRL_D = '\x04'
/** Arrows, function keys, and what terminals answer to questions. */
// oxlint-disable-next-line no-control-regex
const SEQUENCE = /\x1b(?:[[O][0-9;?]*[ -/]*[@-~]|.)?/g
/** Typed ahead at most. */
const QUEUE_MAX = 4_096

export interface Keys {
  /** Rejects with Left: 'gone' at the end of the line, 'out' when nobody types for so long. */
  next(idleMs: number): Promise<string>
  /** Told of each key at once, until what it returns is called. True: nobody else gets it. */
  watch(see: (key: string) => boolean): () => void
  forget(): void
  close(): void
}

export function keysOf(input: Readable): Keys {
  let queue: string[] = []
  let waiting: { resolve(key: string): void; reject(left: Left): void } | undefined
  let gone = false
  const watchers = new Set<(key: string) => boolean>()
  const take = (key: string): void => {
    if ([...watchers].some((see) => see(key))) return
    if (waiting) waiting.resolve(key)
    else if (queue.length < QUEUE_MAX) queue.push(key)
  }
  const onData = (part: string): void => {
    for (const key of part.replace(SEQUENCE, '').replaceAll('\r\n', '\n')) take(key)
  }
  const end = (): void => {
    gone = true
    waiting?.reject(new Left('gone'))
    for (const see of watchers) see(CTRL_D)
  }
  // Latin-1: half of a character of two bytes is never waited for.
  input.setEncoding('latin1')
  input.on('data', onData)
  for (const event of ['end', 'close', 'error']) input.on(event, end)
  return {
    next(idleMs) {
      const key = queue.shift()
      if (key !== undefined) return Promise.resolve(key)
      if (gone) return Promise.reject(new Left('gone'))
      return new Promise((resolve, reject) => {
        const timer = Number.isFinite(idleMs) ? setTimeout(() => settle(() => reject(new Left('out'))), idleMs) : undefined
        const settle = (done: () => void): void => {
          clearTimeout(timer)
          waiting = undefined
          done()
        }
        waiting = { resolve: (it) => settle(() => resolve(it)), reject: (left) => settle(() => reject(left)) }
      })
    },
    watch(see) {
      watchers.add(see)
      return () => void watchers.delete(see)
    },
    forget() {
      queue = []
    },
    close() {
      input.off('data', onData)
      input.pause()
      end()
    },
  }
}
