// A device that refuses a read does not say which address it has not got. This finds out with few requests, and keeps the reads long.
import { isAddressException } from './exceptions.ts'
import type { Answer } from './link.ts'
import type { Block } from './plan.ts'
import { BITS_PER_REGISTER, blockAround } from './plan.ts'
import type { Point } from './registers.ts'
import { isBitKind } from './registers.ts'

interface Part<P extends Point> {
  readonly block: Block<P>
  readonly data: Buffer
}

export interface Refused<P extends Point> {
  readonly point: P
  readonly exception: number
}

/** `other`: the device answered with an exception that says nothing about addresses (busy): nothing was found out. */
export type Found<P extends Point> =
  | { readonly parts: readonly Part<P>[]; readonly refused: readonly Refused<P>[] }
  | { readonly other: number }

type Read<P extends Point> = (block: Block<P>) => Promise<Answer>

/** Splits a block that was refused with `exception` into the longest parts that are not, and the points that are by themselves. */
export async function searchBlock<P extends Point>(whole: Block<P>, exception: number, read: Read<P>): Promise<Found<P>> {
  const { points } = whole
  if (points.length === 1) return { parts: [], refused: [{ point: points[0] as P, exception }] }
  const parts: Part<P>[] = []
  const refused: Refused<P>[] = []
  for (let at = 0; at < points.length; ) {
    const step = await longestFrom(points.slice(at), at === 0, read)
    if ('data' in step) {
      parts.push(step)
      at += step.block.points.length
    } else if (isAddressException(step.exception)) {
      refused.push({ point: points[at] as P, exception: step.exception })
      at++
    } else return { other: step.exception }
  }
  return { parts, refused }
}

/** The longest readable part that begins with the first point; the exception when that point alone is refused, or says something else. */
async function longestFrom<P extends Point>(
  points: readonly P[],
  isWholeRefused: boolean,
  read: Read<P>,
): Promise<Part<P> | { exception: number }> {
  const upTo = async (end: number) => {
    const block = blockAround(points.slice(0, end))
    return { block, ...(await read(block)) }
  }
  if (!isWholeRefused) {
    const all = await upTo(points.length)
    if ('data' in all || points.length === 1 || !isAddressException(all.exception)) return all
  }
  let best = await upTo(1)
  if (!('data' in best)) return best
  let refusedEnd = points.length
  while (refusedEnd - best.block.points.length > 1) {
    const middle = await upTo((best.block.points.length + refusedEnd) >> 1)
    if ('data' in middle) best = middle
    else if (isAddressException(middle.exception)) refusedEnd = middle.block.points.length
    else return middle
  }
  return best
}

/**
 * Registers that the device gives at once, where the search shows it: a part ends although the next address is there and follows directly,
 * so that nothing but the length can have been refused. For bits the same in sixteens.
 */
export function limitShown<P extends Point>(whole: Block<P>, parts: readonly Part<P>[]): number | undefined {
  const { points } = whole
  const places = new Map(points.map((point, at) => [point, at]))
  const atLength = parts.slice(0, -1).filter(({ block }, n) => {
    const next = (parts[n + 1] as Part<P>).block
    const isNext = places.get(next.points[0] as P) === (places.get(block.points.at(-1) as P) as number) + 1
    return isNext && next.from === block.to
  })
  if (atLength.length === 0) return undefined
  const longest = Math.max(...parts.map(({ block }) => block.to - block.from))
  return Math.max(1, isBitKind(whole.kind) ? Math.floor(longest / BITS_PER_REGISTER) : longest)
}
