// A way to one unit, as the poller sees it; tcp.ts and rtu.ts make them.
import type { RegisterKind } from './registers.ts'

/** What a device said: the bytes of the registers (bits packed eight to a byte, the first lowest), or its exception code. */
export type Answer = { readonly data: Buffer } | { readonly exception: number }

export interface Link {
  /** Opens the way if it is not open. Fails with Unreachable. */
  connect(): Promise<void>
  /** Waits for its turn on the line. Fails with Unreachable: 'timeout', 'connection-lost', 'bad-frame', or what connect fails with. */
  read(kind: RegisterKind, from: number, count: number): Promise<Answer>
  /** Asks a unit that did not answer for one register: not before others on the line can spare the time, and without waiting long. */
  knock(kind: RegisterKind, from: number): Promise<Answer>
  /** Once: whatever becomes of it, it is not sent again. The answer has no data of its own. */
  write(kind: 'coil' | 'holding', from: number, data: Buffer): Promise<Answer>
  /** Never waits for the far end; requests under way fail. */
  close(): void
}

/** How to get a link, and what to make of its failures. */
export interface Transport {
  open(unit: number): Link
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
