// What comes with an image that has two slots. Nothing of it is built yet, whatever system this is: that is said, and nobody looks for a setting.
import type { Item } from '../parts.ts'

function notHere(number: number, title: string, missing: string): Item {
  return { number, title, missing: () => missing, run: () => Promise.resolve() }
}

export const update = notHere(11, 'Update from USB / check server', 'this version cannot install updates yet')
export const bootOtherSlot = notHere(12, 'Boot other slot', 'this version cannot change the slot yet')
export const factoryReset = notHere(15, 'Factory reset', 'this version cannot reset the box yet; nothing was erased')
