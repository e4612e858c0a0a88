// What comes with an image that has two slots. Nothing of it is built yet, whatever system this is: that is said, and nobody looks for a setting.
import type { Item } from '../parts.ts'

function notHere(number: number, title: string, missing: string): Item {
  return { number, title, missing: () => missing, run: () => Promise.resolve() }
}

export const factoryReset = notHere(15, 'Factory reset', 'this version cannot reset the box yet; nothing was erased')
