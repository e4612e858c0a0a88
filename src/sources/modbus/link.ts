// A way to one device, as the poller sees it; tcp.ts and line.ts are the two there are.
import type { RegisterKind } from './registers.ts'

/** What a device said: the bytes of the registers (bits packed eight to a byte, the first lowest), or its exception code. */
export type Answer = { readonly data: Buffer } | { readonly exception: number }

export interface Link {
  readonly isOpen: boolean
  /** One request at a time. Fails with Unreachable: 'timeout', 'connection-lost', 'bad-frame'. */
  read(kind: RegisterKind, from: number, count: number): Promise<Answer>
  /** Never waits for the far end; a request under way fails. */
  close(): void
}

/** How to get a link, and what to make of its failures. */
export interface Transport {
  /** Fails with Unreachable. */
  connect(signal: AbortSignal): Promise<Link>
  /** After these failures the same request may be sent again at once; all others mean that the device is down. */
  readonly repeatable: readonly string[]
  /** The least wait before a device that failed is asked again. */
  readonly retryMsMin: number
  /** For people. */
  readonly details: Readonly<Record<string, string | number>>
}

/** Bytes of data in an answer. */
export function bytesExpected(isBits: boolean, count: number): number {
  return isBits ? Math.ceil(count / 8) : count * 2
}
