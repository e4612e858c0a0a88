// A source's entry as the form holds it: texts by key, turned back into what the settings have.
import type { Entry } from '../../settings-text/entries.ts'
import { isVar, listText, partsOf, pemText, pemValue, textOf, valueOf as scalarOf } from '../../settings-text/scalar.ts'
import type { FieldSpec, ProtocolSpec } from './form-spec.ts'

export type Line = Readonly<Record<string, string>>

export interface Draft {
  readonly name: string
  readonly protocol: string
  /** By key: `security.policy`. */
  readonly values: Readonly<Record<string, string>>
  /** Passwords that were typed in; empty where the one that is stored stays. */
  readonly secrets: Readonly<Record<string, string>>
  readonly lines: readonly Line[]
}

const at = (entry: Entry, key: string): unknown =>
  key.split('.').reduce<unknown>((it, part) => (it as Entry | undefined)?.[part], entry)

export function draftOf(entry: Entry, spec: ProtocolSpec, isNew: boolean): Draft {
  const name = String(entry['name'] ?? '')
  const texts = spec.fields.filter((it) => !isSecret(it)).map((it) => [it.key, fieldText(it, at(entry, it.key))] as const)
  const given = spec.lines && entry[spec.lines.key]
  const found = Array.isArray(given) ? (given as Entry[]) : []
  const lines = found.length === 0 && isNew && spec.lines ? [spec.lines.first(name || 'source')] : found
  return {
    name,
    protocol: String(entry['protocol']),
    values: Object.fromEntries(texts.filter(([, text]) => text !== '')),
    secrets: {},
    lines: lines.map((line) => Object.fromEntries(Object.entries(line).map(([key, value]) => [key, textOf(value)]))),
  }
}

export const isSecret = ({ kind }: FieldSpec): boolean => kind === 'secret' || kind === 'secret-pem'
export const isThere = (entry: Entry, { key }: FieldSpec): boolean => at(entry, key) !== undefined
export const isOut = (field: FieldSpec, draft: Draft): boolean => field.isOut?.(draft.values) === true

function fieldText({ kind }: FieldSpec, value: unknown): string {
  if (kind === 'list') return listText(value)
  return kind === 'pem' ? pemText(value) : textOf(value)
}

/** Numbers as numbers; what is none stays, for the check to say so. */
function valueOf(text: string, isNumber: boolean): unknown {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  return isNumber && /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : scalarOf(trimmed)
}

/** The entry with what the form says; keys that the form does not know stay as `before` has them. */
export function entryFrom(draft: Draft, spec: ProtocolSpec, before: Entry, secretNames: Readonly<Record<string, string>>): Entry {
  const entry = structuredClone({ ...before, name: draft.name.trim(), protocol: draft.protocol }) as Record<string, unknown>
  for (const field of spec.fields) put(entry, field.key.split('.'), fieldValue(field, draft, before, secretNames))
  if (spec.lines && draft.lines.length > 0) entry[spec.lines.key] = linesFrom(draft, spec, before)
  return entry
}

function fieldValue(field: FieldSpec, draft: Draft, before: Entry, secretNames: Readonly<Record<string, string>>): unknown {
  if (isOut(field, draft)) return undefined
  const { key, kind } = field
  const [was, text] = [at(before, key), draft.values[key] ?? '']
  if (isSecret(field)) return secretNames[key] === undefined ? was : { secret: secretNames[key] }
  // As it stands, and what no field can show.
  if (fieldText(field, was) === text.trim() && was !== undefined) return was
  if (typeof was === 'object' && fieldText(field, was) === '' && text === '') return was
  if (kind === 'pem') return pemValue(text)
  if (kind === 'list') return listValue(text)
  return numberLike(key, text, kind === 'number')
}

function listValue(text: string): unknown {
  if (isVar(text)) return scalarOf(text)
  const parts = partsOf(text)
  return parts.length > 0 ? parts : undefined
}

/** `version: 5` is a number in the settings, though it is chosen from a list. */
const numberLike = (key: string, text: string, isNumber: boolean) =>
  valueOf(text, isNumber || (key === 'version' && text === '5'))

function linesFrom(draft: Draft, spec: ProtocolSpec, before: Entry): unknown {
  const columns = spec.lines?.columns ?? []
  const old = (before[spec.lines?.key ?? ''] as Entry[] | undefined) ?? []
  return draft.lines.map((line, index) => {
    const made: Record<string, unknown> = { ...old[index] }
    for (const it of columns) {
      const value = valueOf(line[it.key] ?? '', it.kind === 'number')
      if (value === undefined) delete made[it.key]
      else if (textOf(made[it.key]) !== line[it.key]) made[it.key] = value
    }
    return made
  })
}

function put(entry: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) {
    if (value === undefined) delete entry[key]
    else entry[key] = value
    return
  }
  const inner = { ...(entry[key] as Record<string, unknown> | undefined) }
  put(inner, rest, value)
  if (Object.keys(inner).length === 0) delete entry[key]
  else entry[key] = inner
}
