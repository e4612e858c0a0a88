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
