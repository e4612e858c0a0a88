// Claim codes: read off a label or a screen and typed on a phone.
import { randomInt } from 'node:crypto'

/** Nobody takes one of these for another: no 0 and O, no 1 and I. 32 of them: 5 bits each. */
const LETTERS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
const CODE = new RegExp(`^[${LETTERS}]{16}$`)
const TYPED_CHARS_MAX = 64

/** 80 bits from the system's generator, as `7KQM-2XHD-9RTV-C4WB`. */
export function drawCode(): string {
  const letters = Array.from({ length: 16 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return inGroups(letters)
}

/** As it was drawn, in whatever case and groups it was typed; undefined: no code looks so. */
export function readCode(typed: string): string | undefined {
  if (typed.length > TYPED_CHARS_MAX) return undefined
  const letters = typed.replaceAll(/[\s-]/g, '').toUpperCase()
  return CODE.test(letters) ? inGroups(letters) : undefined
}

const inGroups = (letters: string) => (letters.match(/.{4}/g) ?? []).join('-')
