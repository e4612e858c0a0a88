// Tokens that only their holder knows: what is stored of them is a hash.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 bits, 43 characters that stand in a header as they are. */
export const drawToken = (): string => randomBytes(32).toString('base64url')

/** Short, for people and addresses; tells nothing of a token. */
export const drawId = (): string => randomBytes(6).toString('hex')

/** A token has 256 bits: a fast hash is enough. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

export function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((it) => createHash('sha256').update(it).digest()) as [Buffer, Buffer]
  return timingSafeEqual(a, b)
}
