// Blocks that could not be read. At the first look it may be that the block has just gone: the writer is told, and gives up what is damaged. Where it
// is still there at the next look, an uplink may have it under way: whoever reads on here need not wait until that is decided.
//
// One memory for all who read: each read has a snapshot of its own, so what another could not read before, and is still there now, has not just gone.
// A block that could be read in between begins anew.
const BLOCKS_MAX = 1_000

export interface SecondLooks {
  /** Of a block that cannot be read: whether that was so at the look before, whosever it was. */
  isSecond(block: number): boolean
  /** It can be read. */
  passed(block: number): void
}

export function secondLooks(): SecondLooks {
  const seen = new Set<number>()
  return {
    isSecond(block) {
      if (seen.has(block)) return true
      if (seen.size >= BLOCKS_MAX) seen.clear()
      seen.add(block)
      return false
    },
    passed: (block) => void seen.delete(block),
  }
}
