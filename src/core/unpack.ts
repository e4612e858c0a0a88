// What `unpack` tells of itself.

export interface UnpackReport {
  readonly blocks: number
  readonly readings: number
  readonly aggregates: number
  readonly transactions: number
  /** Records in the topic that are no blocks: left aside. */
  readonly foreign: number
  /** Offsets that the topic had deleted before they were read: what stood there is not in the destination. */
  readonly deleted: number
  /** Readings and aggregates that were at the destination although no position said so. */
  readonly present: number
  readonly seconds: number
}

export interface UnpackProgress extends UnpackReport {
  /** Offsets that are not read yet, as of the last look. */
  readonly behind: number
}

/** What `unpack --files` found. */
export interface FilesReport {
  readonly written: number
  /** Were there already, to the byte. */
  readonly there: number
  /** Of what was written. */
  readonly bytes: number
  /** Parts whose name or place is none. */
  readonly foreign: number
  /** Whole, and not what their hash says: not written. */
  readonly damaged: readonly string[]
  /** Parts are missing: not sent yet, or named in a gap record. */
  readonly incomplete: readonly { readonly name: string; readonly parts: number; readonly have: number }[]
}
