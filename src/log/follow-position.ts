// A follower's position as text: p1-CHECKSUM-NAMEn.NAMEn…, NAME of eight characters for each stream, n its next number to base 36.
//
// A name is made of the stream's key, so it means the same stream for good, also in a journal that was rebuilt. A checksum that is off says that the
// text was changed on its way: a name that nobody knows would else begin its stream anew.
import { crc32 } from 'node:zlib'
import { BadInput } from '../core/errors.ts'
import type { FollowNumbers } from '../core/follow.ts'

const NAME_CHARS = 8
const BASE = 36
const POSITION = /^p1-([0-9a-z]{1,7})-((?:[\w-]{8}[0-9a-z]{1,11})(?:\.[\w-]{8}[0-9a-z]{1,11})*)?$/

/** 48 bits of its key's hash. */
export function followName(streamKey: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(streamKey).digest('base64url').slice(0, NAME_CHARS)
}

export const isPosition = (text: string): boolean => text.startsWith('p1-')

export function positionText(numbers: FollowNumbers): string {
  return sealed(
    Object.entries(numbers)
      .map(([name, next]) => name + next.toString(BASE))
      .join('.'),
  )
}

const sealed = (body: string): string => withChecksum(crc32(body), body)
const withChecksum = (checksum: number, body: string): string => `p1-${checksum.toString(BASE)}-${body}`

/** Texts of positions that differ in one stream's number only. */
export function positionsAlong(numbers: FollowNumbers, name: string): (next: number) => string {
  const others = Object.entries(numbers).filter(([it]) => it !== name)
  const head = others.map(([it, next]) => `${it}${next.toString(BASE)}.`).join('') + name
  // Each row has one: of many streams only the end is gone through anew.
  const ofHead = crc32(head)
  return (next) => {
    const tail = next.toString(BASE)
    return withChecksum(crc32(tail, ofHead), head + tail)
  }
}

/** Throws BadInput where it is none. */
export function positionOf(text: string): FollowNumbers {
  const [, checksum, body = ''] = POSITION.exec(text) ?? []
  if (checksum === undefined || sealed(body) !== text)
    throw notAPosition('this is no position, or it was cut or changed on its way')
  const entries = body === '' ? [] : body.split('.')
  return Object.fromEntries(entries.map((it) => [it.slice(0, NAME_CHARS), Number.parseInt(it.slice(NAME_CHARS), BASE)]))
}

export function notAPosition(text: string): BadInput {
  const remedy =
    'begin with a position that this box gave, with "beginning" (all that its log holds), "now", or a time; what is read twice has the same device, epoch, class and sequence'
  return new BadInput([{ where: 'from', text, remedy }])
}
