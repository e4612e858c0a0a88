// Passwords: what is taken for one, and how it is kept.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { BadInput } from '../core/errors.ts'
import { isCommon } from './common-passwords.ts'

const PASSWORD_CHARS_MIN = 8
export const PASSWORD_CHARS_MAX = 128

/**
 * argon2id with 19 MiB, two passes, one lane: 50 ms of a core of a PC and some 200 of a small ARM, and memory that a box of 512 MB has. They stand
 * in each hash, so that they can grow: `isOutdated`.
 */
const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const NONCE_BYTES = 16
const TAG_BYTES = 32

const derive = promisify(argon2)

/** Throws BadInput that says what to do. Characters are counted as people do; nothing is cut off, nothing is forbidden. */
export function checkPassword(password: string, user: string, where = 'password'): void {
  const wrong = (text: string, remedy: string) => new BadInput([{ where, text, remedy }])
  const chars = [...password].length
  if (chars < PASSWORD_CHARS_MIN)
    throw wrong(
      `has ${chars} characters, and needs ${PASSWORD_CHARS_MIN} at least`,
      'four words that you draw by chance are easy to keep in mind',
    )
  if (chars > PASSWORD_CHARS_MAX) throw wrong(`is longer than ${PASSWORD_CHARS_MAX} characters`, 'choose a shorter one')
  if (isCommon(password, user))
    throw wrong('is one of those that are tried first', 'choose one that nobody else would: four words that you draw by chance')
}

/** `$argon2id$v=19$m=…,t=…,p=…$nonce$tag` */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(NONCE_BYTES)
  const tag = await tagOf(password, nonce, { memory: MEMORY_KIB, passes: PASSES, parallelism: LANES })
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${plain(nonce)}$${plain(tag)}`
}

const HASH = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, memory, passes, parallelism, nonce = '', tag = ''] = HASH.exec(hash) ?? []
  if (memory === undefined) return false
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const made = await tagOf(password, Buffer.from(nonce, 'base64'), cost)
  return timingSafeEqual(made, Buffer.from(tag, 'base64'))
}

/** Of no password: what it costs to look at it tells nobody that there is no such user. */
export const NOBODY = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${'A'.repeat(22)}$${'A'.repeat(43)}`

export const isOutdated = (hash: string): boolean => !hash.startsWith(NOBODY.slice(0, NOBODY.lastIndexOf('p=') + 3))

const plain = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')

function tagOf(password: string, nonce: Buffer, cost: { memory: number; passes: number; parallelism: number }): Promise<Buffer> {
  // One text has one password, on whatever keyboard it was composed.
  const message = password.normalize('NFC')
  return derive('argon2id', { message, nonce, tagLength: TAG_BYTES, ...cost }) as Promise<Buffer>
}
