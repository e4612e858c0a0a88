// Data that leaves by hand: what was given out on a stick, and what a receipt says of it.
import type { LogReader, Resumed } from './log.ts'
import type { Refusal } from './position.ts'
import type { StreamIntervals, StreamRange } from './stream.ts'

/** The log as an export sees it. What is given out keeps its numbers for ever, but only a receipt makes it delivered. */
export interface GivingLog extends Pick<LogReader, 'next' | 'heads'> {
  /**
   * From now on `next` hands out, under the name `exportOf(uplink)`, all that the uplink has neither by its position nor by `have`;
   * `isMore`: nor by a whole file of an export before. `start` is all of that.
   */
  begin(uplink: string, have: StreamIntervals, isMore: boolean): Promise<GivenOut & { readonly start: StreamIntervals }>
  /** Durable before it resolves: from now on these numbers may be at the destination. */
  give(uplink: string, ranges: readonly StreamRange[]): Promise<void>
  /** A file of them is whole on a stick: `isMore` leaves them out from now on. */
  whole(uplink: string, ranges: readonly StreamRange[]): Promise<void>
  /** The export is over, whatever came of it: what was handed out and not given is free again. */
  end(uplink: string): Promise<void>
}

export interface GivenOut {
  /** The uplink's own position as the log knows it. */
  readonly position: Pick<Resumed, 'transaction' | 'delivered' | 'inDoubt'>
  /** What exports have given out and no epoch's end has made needless to know. */
  readonly given: StreamIntervals
  /** … and what of it is known to have become whole files. */
  readonly whole: StreamIntervals
}

/** What a receipt says: `ranges` are at the destination, but for `refused`. */
export interface ReceiptContent {
  readonly device: string
  readonly uplink: string
  /** Of the last transaction that it is about. */
  readonly transaction: number
  /** µs since 1970 UTC, by the clock of whoever imported. */
  readonly at: number
  readonly ranges: readonly StreamRange[]
  readonly refused: readonly Refusal[]
  /** SHA-256 of each file that was read, hexadecimal. */
  readonly files: Readonly<Record<string, string>>
}

/** What became of a receipt's ranges. In readings, aggregates and lines of the ledger. */
export interface Received {
  /** Counted as delivered by this receipt. */
  readonly counted: number
  /** Known before. */
  readonly known: number
  /** Of streams that are over, or that this log never had: changes nothing. */
  readonly ignored: number
}

export interface ReceivingLog {
  /** Durable before it resolves. Rejects with BadInput, and changes nothing, when it names what was never given out. */
  receive(receipt: Pick<ReceiptContent, 'uplink' | 'transaction' | 'ranges' | 'refused'>): Promise<Received>
}

/** Under which name the log keeps what exports for an uplink have given out. No uplink can have it: names hold no colon. */
export const exportOf = (uplink: string) => `export:${uplink}`
/** … what of it became whole files … */
export const wholeOf = (uplink: string) => `whole:${uplink}`
/** … and what receipts have said of it. */
export const receiptOf = (uplink: string) => `receipt:${uplink}`
/** All of these names for an uplink. */
export const givenOutFor = (uplink: string): string[] => [exportOf(uplink), wholeOf(uplink), receiptOf(uplink)]
/** Whether it is one of these names. */
export const isByHand = (name: string) => name.includes(':')

/** One call of `export`. */
export interface ExportRequest {
  /** The uplink whose lack is written; absent: the one that the settings name. */
  readonly uplink?: string | undefined
  /** Manifests of the whole files that lie on the stick: what is in them is left out. */
  readonly have: readonly string[]
  /** Leave out as well what is in whole files of exports before, wherever they are. */
  readonly isMore: boolean
  /** A file ends before it is larger. */
  readonly fileBytesMax: number
  /** The first free number of a file. */
  readonly nextNumber: number
}

/** What an export hands out, in this order: a file's name, its bytes, its end; then the next file. Nothing of a file counts without its end. */
export type ExportPiece =
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly done: number; readonly all: number }
  /** `manifest`: to be handed back once the file is whole. */
  | { readonly kind: 'end'; readonly readings: number; readonly manifest: string }

/** Who a box is to an importer. */
export interface ExportKey {
  readonly device: string
  readonly epoch: string
  /** `ed25519:…` of this box. */
  readonly key: string
  /** Absent: the settings say nothing of an export. */
  readonly uplink: string | null
}

export interface AirgapApi {
  exportKey(): Promise<ExportKey>
  /** Rejects with BadInput where the settings name no recipients, or a manifest is not this box's. */
  exportFiles(request: ExportRequest, signal: AbortSignal): AsyncIterable<ExportPiece>
  /** A file has reached the stick, by its manifest. */
  fileIsWhole(manifest: string): Promise<void>
  /** Rejects with BadInput, and changes nothing, where the receipt does not count. `text` as it stands in the file. */
  takeReceipt(text: string): Promise<Received>
}
