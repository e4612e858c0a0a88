// The two slots of a box, whatever writes them.
import type { SlotView } from '../core/update.ts'

/** What a bundle says of itself, its signature checked. */
export interface BundleInfo {
  readonly version: string
  /** Rises when what is older must not come back, whatever its version says. 0: the bundle has none. */
  readonly generation: number
}

export interface Slots {
  view(): Promise<readonly SlotView[]>
  /** What the booted one lies on, to be read; undefined: nobody knows. */
  bootedDevice(): Promise<string | undefined>
  /** Throws Unreachable `bundle-refused` where the signature is not ours, the bundle is damaged or for other hardware. */
  inspect(file: string): Promise<BundleInfo>
  /** Into the slot that is not booted, which the next boot then takes. `at`: a share from 0 to 1, and what is done. Throws Unreachable `install-failed`. */
  install(file: string, at: (share: number, text: string) => void, signal: AbortSignal): Promise<void>
  /** The booted one may be booted again. */
  markGood(): Promise<void>
  /** The booted one is not booted again. */
  markBad(): Promise<void>
  /** What was written to the other one is not booted: the booted one stays the next. */
  discardOther(): Promise<void>
  /** The next boot takes the other one. */
  activateOther(): Promise<void>
}
