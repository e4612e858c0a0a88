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

/** The four function codes that read: a source sends no others by itself. */
export type ReadCode = 1 | 2 | 3 | 4
/** A coil, a register, several: only where somebody sets a value (control.ts). */
export type WriteCode = 5 | 6 | 16

export interface Request {
  readonly unit: number
  readonly code: ReadCode | WriteCode
  readonly from: number
  readonly count: number
  /** Bytes of data that go over the line: in the answer, or in what is written. */
  readonly dataBytes: number
  /** What is written; absent: it is read. */
  readonly data?: Buffer
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
