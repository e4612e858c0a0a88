/** A package that the box carries. */
export interface Licence {
  readonly name: string
  readonly version: string
  /** As the package names it: SPDX. */
  readonly licence: string
}
