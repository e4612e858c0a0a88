// A tag's template: `{name}` is a level that the topic captures, `{$.path}` a field of the item.
import { pathReader } from './payload.ts'

type Read = (item: unknown) => unknown

/** The text between a tag's fields, captures filled in, and the fields: one part more than fields. */
export function splitTag(template: string, captured: Readonly<Record<string, string>>): { parts: string[]; fields: Read[] } {
  const parts = ['']
  const fields: Read[] = []
  for (const piece of template.split(/(\{[^}]*\})/)) {
    if (piece.startsWith('{$')) {
      fields.push(pathReader(piece.slice(1, -1)))
      parts.push('')
    } else {
      parts[parts.length - 1] += piece.startsWith('{') ? (captured[piece.slice(1, -1)] ?? '') : piece
    }
  }
  return { parts, fields }
}

export function joinTag(parts: readonly string[], values: readonly string[]): string {
  return parts.map((part, at) => part + (values[at] ?? '')).join('')
}
