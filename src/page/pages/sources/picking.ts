import type { BrowseEntry } from '../../../core/source.ts'

/** What entries need to know of the picking. */
export interface Picking {
  readonly source: string
  /** Values are asked for again while somebody looks. */
  readonly isLive: boolean
  /** Lines that the settings have already, by what they read. */
  readonly isKnown: (it: BrowseEntry) => boolean
  readonly isPicked: (it: BrowseEntry) => boolean
  readonly toggle: (it: BrowseEntry) => void
  readonly pick: (all: readonly BrowseEntry[]) => void
}

export const keyOf = (it: BrowseEntry) => `${it.node}|${it.name}`
