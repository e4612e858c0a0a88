// What of a source's tags can be written at all: which type a node has only the server knows.
import type { OpcuaTag } from './settings.ts'

/** Why not; undefined: it can. */
export function unwritableTag({ tags }: { readonly tags: readonly OpcuaTag[] }, tag: string): string | undefined {
  const found = tags.find((it) => it.tag === tag)
  if (!found) return `"${tag}" is none of the tags of this source`
  return found.isFlat ? 'a structure cannot be written' : undefined
}
