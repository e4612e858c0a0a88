// Standard output and error as commands write them.
import type { Writable } from 'node:stream'
import type { Output } from './command.ts'

const WIDTH_DEFAULT = 80
const WIDTH_MIN = 40
const WIDTH_MAX = 100

/** What is written resolves when the system has taken it: whoever keeps a position says no more than that, for this process may be killed. */
export function outputOn(stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }): Output {
  // Whoever reads has gone (`| head`): nothing is left to say.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    isTerminal: stream.isTTY === true,
    get width() {
      // A serial line or a bare pty says 0.
      return Math.max(WIDTH_MIN, Math.min(stream.columns || WIDTH_DEFAULT, WIDTH_MAX))
    },
    write: (text) =>
      new Promise((resolve) => {
        // What failed is never done: the process ends by the error.
        stream.write(text, (error) => {
          if (!error) resolve()
        })
      }),
  }
}
