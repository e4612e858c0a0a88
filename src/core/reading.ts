// The nouns: series, quality, value. A reading as an object exists only at the edges (a query's row), never on the route.

/** What a series' values are. One series has one kind; a tag whose values change kind goes on in another series. */
export type ValueKind = 'double' | 'long' | 'bool' | 'string' | 'bytes'

/** As a byte in columns: index into this list. */
export const QUALITIES = ['good', 'uncertain', 'bad'] as const
export type Quality = (typeof QUALITIES)[number]
export const GOOD = 0
export const UNCERTAIN = 1
export const BAD = 2
export type QualityCode = 0 | 1 | 2

/** Set beside the quality code in a quality byte: the reading has no value (a bad status often has none). */
export const NO_VALUE = 4

/** Where readings of one tag belong. All of it is the identity: another kind, unit or origin of the time is another series of the same tag. */
export interface SeriesDescriptor {
  readonly tag: string
  readonly class: string
  readonly kind: ValueKind
  readonly unit?: string
  /** The time of its readings is not from the far end: this box's clock gave it. Part of the identity: what is corrected with that clock is all or nothing of a series. */
  readonly boxTime?: true
}

/** Integer microseconds since 1970 UTC; exact as a double until the year 2255. */
export type Micros = number

export type Value = number | bigint | boolean | string | Uint8Array
