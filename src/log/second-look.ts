// Blocks that could not be read. At the first look it may be that the block has just gone: the writer is told, and gives up what is damaged. Where it
// is still there at the next look, an uplink may have it under way: whoever reads on here need not wait until that is decided.
const BLOCKS_MAX = 1_000

/** Of a block that cannot be read: whether that was so before. */
export function secondLooks(): (block: number) => boolean {
  const seen = new Set<number>()
  return (block) => {
    if (seen.has(block)) return true
    if (seen.size >= BLOCKS_MAX) seen.clear()
    seen.add(block)
    return false
  }
}
