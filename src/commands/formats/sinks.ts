// Where rows go. A file has its name only once it is whole: until then it is FILE.part, which goes when the query comes to nothing.
import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm } from 'node:fs/promises'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Output } from '../command.ts'
import type { Sink } from './format.ts'

/** But for line ends and tabs: texts of devices must not steer the terminal. */
const STEERING = /[^\P{Cc}\r\n\t]|[\u202a-\u202e\u2066-\u2069]/gu

/** Text for standard output. Waits for a reader that is slow, and for none once the signal aborts. */
export function outputSink(out: Output, signal: AbortSignal): Sink {
  let abort: () => void = () => undefined
  const aborted = new Promise<void>((resolve) => (abort = resolve))
  signal.addEventListener('abort', abort, { once: true })
  return {
    async write(chunk) {
      const text = String(chunk)
      await Promise.race([out.write(out.isTerminal ? text.replace(STEERING, '\ufffd') : text), aborted])
      signal.throwIfAborted()
    },
    end: async () => signal.removeEventListener('abort', abort),
    discard: async () => signal.removeEventListener('abort', abort),
  }
}

/** Throws BadInput when there can be no such file, Unreachable ('file-failed') when it cannot be written to its end. */
export async function fileSink(path: string): Promise<Sink> {
  const part = `${path}.part`
  const file = await opened(part, path)
  const failing = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((error: NodeJS.ErrnoException) => {
      throw new Unreachable('file-failed', `${path}: ${error.message}`, { cause: error })
    })
  }
  return {
    write: (chunk) => failing(file.appendFile(chunk)),
    async end() {
      await failing(file.sync())
      await file.close()
      await failing(rename(part, path))
    },
    async discard() {
      await file.close().catch(() => undefined)
      await rm(part, { force: true })
    },
  }
}

async function opened(part: string, path: string): Promise<FileHandle> {
  try {
    return await open(part, 'w')
  } catch (error) {
    throw new BadInput([{ where: '--to-file', text: `${path} cannot be written: ${(error as Error).message}` }])
  }
}
