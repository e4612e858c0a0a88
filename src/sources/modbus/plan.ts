// From points to block reads: few requests, each within what the protocol and the device allow. Pure.
import type { Point, RegisterKind } from './registers.ts'
import { isBitKind, REGISTER_KINDS } from './registers.ts'

export const BITS_PER_REGISTER = 16

export interface PlanLimits {
  /** Registers that a read may take along for nobody; times 16 for bits. */
  readonly maxGap: number
  /** Registers in one read; times 16 for bits. */
  readonly blockMax: number
}

/** One request: registers (or bits) [from, to) of one kind, and the points that lie wholly in them, by address. */
export interface Block<P extends Point = Point> {
  readonly kind: RegisterKind
  readonly from: number
  readonly to: number
  readonly points: readonly P[]
}

/** The smallest block around points of one kind that are sorted by address. */
export function blockAround<P extends Point>(points: readonly P[]): Block<P> {
  const first = points[0] as P
  const to = points.reduce((end, it) => Math.max(end, it.address + it.width), 0)
  return { kind: first.kind, from: first.address, to, points }
}

/** Every point in exactly one block; no block over `blockMax`; no run of unasked registers inside a block over `maxGap`. */
export function planBlocks<P extends Point>(points: readonly P[], limits: PlanLimits): Block<P>[] {
  return REGISTER_KINDS.flatMap((kind) =>
    planKind(
      points.filter((it) => it.kind === kind),
      isBitKind(kind) ? BITS_PER_REGISTER : 1,
      limits,
    ),
  )
}

function planKind<P extends Point>(points: readonly P[], perRegister: number, limits: PlanLimits): Block<P>[] {
  const sorted = points.toSorted((a, b) => a.address - b.address || a.width - b.width)
  const blocks: Block<P>[] = []
  let group: P[] = []
  let from = 0
  let to = 0
  for (const point of sorted) {
    const end = Math.max(to, point.address + point.width)
    const fits = point.address - to <= limits.maxGap * perRegister && end - from <= limits.blockMax * perRegister
    if (group.length > 0 && !fits) {
      blocks.push(blockAround(group))
      group = []
    }
    if (group.length === 0) {
      from = point.address
      to = from
    }
    group.push(point)
    to = Math.max(to, point.address + point.width)
  }
  if (group.length > 0) blocks.push(blockAround(group))
  return blocks
}
