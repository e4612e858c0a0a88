// What of a source's tags can be written at all. Apart from control.ts: who checks settings needs no line.
import type { DataType, RegisterKind, TagLine } from './registers.ts'
import { pointsOf } from './registers.ts'

/** Why not; undefined: it can. */
export function unwritable({ kind, type }: { readonly kind: RegisterKind; readonly type: DataType }): string | undefined {
  if (kind !== 'coil' && kind !== 'holding') return `${kind} registers can only be read: coil and holding can be written`
  return type.name === 'bit' ? 'one bit of a register cannot be written without the others' : undefined
}

interface Own {
  readonly tags: readonly TagLine[]
  readonly unit: number
  readonly units?: readonly number[] | undefined
}

export function unwritableTag({ tags, unit, units }: Own, tag: string): string | undefined {
  for (const number of units ?? [unit]) {
    const point = pointsOf(tags, number).find((it) => it.tag === tag)
    if (point) return unwritable(point)
  }
  return `"${tag}" is none of the tags of this source`
}
