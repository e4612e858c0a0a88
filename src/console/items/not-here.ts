// What an image with two slots brings with it: the helper of this system has no such verb, and what it does not have is not pretended.
import type { Item } from '../parts.ts'

function notHere(number: number, title: string, missing: string): Item {
  return { number, title, missing: () => missing, run: () => Promise.resolve() }
}

export const update = notHere(11, 'Update from USB / check server', 'the helper offers no verb that installs an update')
export const bootOtherSlot = notHere(12, 'Boot other slot', 'the helper offers no verb that changes the slot')
export const factoryReset = notHere(15, 'Factory reset', 'the helper offers no verb that resets the box')
