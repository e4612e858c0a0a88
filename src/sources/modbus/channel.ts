// A way for bytes, a serial port or a TCP connection, and the frames on it.
import type { Answer } from './link.ts'

export interface Channel {
  readonly isOpen: boolean
  /** What goes wrong shows as `lost`. */
  write(bytes: Buffer): void
  /** What has come and nobody has taken is gone once it resolves. */
  discard(): Promise<void>
  /** Never waits for the far end. Resolves once the same way can be opened again. */
  close(): Promise<void>
}

/** Who hears what happens on a channel. */
export interface Ear {
  data(chunk: Buffer): void
  /** Once, and nothing after it. */
  lost(cause?: unknown): void
}

/** The four function codes that read: no others are ever sent. */
export type ReadCode = 1 | 2 | 3 | 4

export interface Request {
  readonly unit: number
  readonly code: ReadCode
  readonly from: number
  readonly count: number
  /** Bytes of data that the answer has. */
  readonly dataBytes: number
  readonly timeoutMs: number
}

/** `broken`: what came is no answer and cannot become one. */
export type Taken = Answer | { readonly broken: string } | undefined

/** The frames of one channel, for its life. One request at a time. */
export interface Framing {
  /** The bytes to send. From now on `take` looks for the answer to this. */
  ask(request: Request): Buffer
  /** All that comes, in pieces as it comes; undefined while the answer is not whole. */
  take(chunk: Buffer): Taken
  /** Nobody waits any more: what still comes is thrown away. */
  end(): void
}
