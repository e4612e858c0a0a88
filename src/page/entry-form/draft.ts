// An entry as the form holds it: texts by key, turned back into what the settings have.
import type { Entry } from '../settings-text/entries.ts'
import { isVar, itemsOf, listText, pemText, pemValue, secretName, textOf, valueOf as scalarOf } from '../settings-text/scalar.ts'
import type { EntrySpec, FieldSpec, Values } from './spec.ts'

export type Line = Readonly<Record<string, string>>

export interface Draft {
  readonly name: string
  /** By key: `security.policy`. */
  readonly values: Values
  /** Passwords that were typed in; empty where the one that is stored stays. */
  readonly secrets: Readonly<Record<string, string>>
  readonly lines: readonly Line[]
}

const at = (entry: Entry, key: string): unknown =>
  key.split('.').reduce<unknown>((it, part) => (it as Entry | undefined)?.[part], entry)

export function draftOf(entry: Entry, spec: EntrySpec, isNew: boolean): Draft {
  const name = String(entry['name'] ?? '')
  const texts = spec.fields
    .filter((it) => !isSecret(it))
    .flatMap((it) => {
      const value = at(entry, it.key)
      const kept = it.kind !== 'pem' && secretName(value) !== '' ? [[keptKey(it.key), 'true'] as const] : []
      return [[it.key, fieldText(it, value)] as const, ...kept]
    })
  const given = spec.lines && entry[spec.lines.key]
  const found = Array.isArray(given) ? (given as Entry[]) : []
  const lines = found.length === 0 && isNew && spec.lines ? [spec.lines.first(name || 'source')] : found
  return {
    name,
    values: Object.fromEntries(texts.filter(([, text]) => text !== '')),
    secrets: {},
    lines: lines.map((line) => Object.fromEntries(Object.entries(line).map(([key, value]) => [key, textOf(value)]))),
  }
}

/** Beside a value that no field shows: whether it is kept as a secret. */
export const keptKey = (key: string): string => `${key}?`
export function isSecret({ kind, key }: FieldSpec, values: Values = {}): boolean {
  return kind === 'secret' || kind === 'secret-pem' || (kind === 'address' && values[keptKey(key)] === 'true')
}
export const secretOf = (entry: Entry, key: string): string => secretName(at(entry, key))
export const isThere = (entry: Entry, { key }: FieldSpec): boolean => at(entry, key) !== undefined
export const isOut = (field: FieldSpec, draft: Draft): boolean => field.isOut?.(draft.values) === true

function fieldText({ kind }: FieldSpec, value: unknown): string {
  if (kind === 'list' || kind === 'classes' || kind === 'rules') return listText(value)
  if (kind === 'check') return value === true ? 'true' : ''
  return kind === 'pem' ? pemText(value) : textOf(value)
}

/** Numbers as numbers; what is none stays, for the check to say so. */
function valueOf(text: string, isNumber: boolean): unknown {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  return isNumber && /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : scalarOf(trimmed)
}

/** The entry with what the form says; keys that the form does not know stay as `before` has them. */
export function entryFrom(draft: Draft, spec: EntrySpec, before: Entry, secretNames: Readonly<Record<string, string>>): Entry {
  const entry = structuredClone({ ...before, name: draft.name.trim() }) as Record<string, unknown>
  for (const field of spec.fields) put(entry, field.key.split('.'), fieldValue(field, draft, before, secretNames))
  if (spec.lines && draft.lines.length > 0) entry[spec.lines.key] = linesFrom(draft, spec, before)
  return entry
}

function fieldValue(field: FieldSpec, draft: Draft, before: Entry, secretNames: Readonly<Record<string, string>>): unknown {
  if (isOut(field, draft)) return undefined
  const { key, kind } = field
  const [was, text] = [at(before, key), draft.values[key] ?? '']
  if (isSecret(field, draft.values)) return secretNames[key] === undefined ? was : { secret: secretNames[key] }
  // As it stands, and what no field can show.
  if (fieldText(field, was) === text.trim() && was !== undefined) return was
  if (typeof was === 'object' && fieldText(field, was) === '' && text === '') return was
  if (kind === 'pem') return pemValue(text)
  if (kind === 'list' || kind === 'classes' || kind === 'rules') return listValue(text)
  if (kind === 'check') return text === 'true' || undefined
  return numberLike(key, text, kind === 'number')
}

function listValue(text: string): unknown {
  if (isVar(text)) return scalarOf(text)
  const items = itemsOf(text)
  return items.length > 0 ? items : undefined
}

/** `version: 5` is a number in the settings, though it is chosen from a list. */
const numberLike = (key: string, text: string, isNumber: boolean) =>
  valueOf(text, isNumber || (/(^|\.)version$/.test(key) && text === '5'))

function linesFrom(draft: Draft, spec: EntrySpec, before: Entry): unknown {
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
