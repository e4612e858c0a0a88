// Report by exception: what a source need not hand over because the last report says it well enough.

/** What readings of some tags are withheld. The first rule of a source that fits a tag counts. */
export interface ReportRule {
  /** A tag; each `*` stands for any characters. */
  readonly tags: string
  /** A reading within so much of the last report is withheld; 0: one that is the same. Absent: values withhold nothing. */
  readonly deadband?: number
  /** Instead: readings within so much of the straight line between two reports are withheld. */
  readonly swingingDoor?: number
  /** For so long after a report nothing is reported but a change of quality; then the newest. By source time. */
  readonly atMostMs?: number
  /** A reading that comes so long after the last report, or later, is reported. By source time. */
  readonly atLeastMs?: number
}
