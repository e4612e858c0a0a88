// How the values of a run of series are written, and their bytes in the block.
export const DECIMAL = 0
export const DECIMAL_SINGLE = 1
export const PLANES = 2
export const PLANES_SINGLE = 3
export const LONG = 4
export const SPAN = 6
export const NEAR_DECIMAL = 7
/** int64 within ±2^51: numbers as decimals are, without any. */
export const SMALL_LONG = 8

/** Forms of sum and m2, PLANES beside them. */
export const EXACT = 0
export const WITH_UNITS = 1

/** Value columns of a row: min, max, first, last. */
export const COLUMNS = 4

/** Whether values are written as whole numbers k. */
export function isScaled(form: number): boolean {
  const kind = form & 0xf
  return kind === DECIMAL || kind === DECIMAL_SINGLE || kind === NEAR_DECIMAL || kind === SMALL_LONG
}

/** One run of series among the rows with a value. Its slots in `values` are COLUMNS × [from, to): all min, all max, all first, all last. */
export interface RunForm {
  readonly from: number
  readonly to: number
  readonly form: number
  readonly sumForm: number
  readonly m2Form: number
}

/** Where column `column` of a run begins among the slots. */
export function columnAt({ from, to }: RunForm, column: number): number {
  return from * COLUMNS + column * (to - from)
}
