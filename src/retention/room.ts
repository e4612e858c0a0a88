// How far a class that gives nothing up may grow: it leaves every other class its floor, and no more than that.
import type { ClassRetention } from '../core/retention.ts'

/**
 * Bytes that a class with `whenFull: wait` may still take of `blockBytesMax`; 0 or less: its sources wait. All that others hold above their
 * floors counts as free, since it will be given up for it; another class that waits keeps what it has. Classes give up whole bands, so a floor
 * holds only with room for one more (`bandBytesMax`). Its own floor it may always fill. `bytesOf`: by class, what is not delivered.
 */
export function waitRoomBytes(
  cls: ClassRetention,
  classes: readonly ClassRetention[],
  bytesOf: (name: string) => number,
  { blockBytesMax, bandBytesMax }: { readonly blockBytesMax: number; readonly bandBytesMax: number },
): number {
  const own = bytesOf(cls.name)
  const taken = classes.map(({ name, floorBytes, whenFull }) => {
    if (name === cls.name) return 0
    if (whenFull === 'wait') return Math.max(bytesOf(name), floorBytes)
    return floorBytes > 0 ? floorBytes + bandBytesMax : 0
  })
  return Math.max(cls.floorBytes, blockBytesMax - taken.reduce((sum, it) => sum + it, 0)) - own
}
