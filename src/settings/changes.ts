// What differs between two settings files, as a person would say it: by the names of things, not by their places in a list.
import { parseDocument, stringify } from 'yaml'
import type { SettingsChange } from '../core/operator.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What tells the entries of a list apart: the first of these keys that all of them have, each with another value. */
const NAMES = ['name', 'tag', 'interface', 'topic', 'path'] as const
/** A change is said in so many lines at most; the text itself has all of it. */
const CHANGES_MAX = 10_000

/** Of texts that parse; a text that does not counts as empty. Comments and the order of keys are no change. */
export function changesOf(old: string, text: string): SettingsChange[] {
  const changes: SettingsChange[] = []
  compare(valueOf(old), valueOf(text), '', changes)
  return changes.slice(0, CHANGES_MAX)
}

function valueOf(text: string): Json | undefined {
  try {
    const document = parseDocument(text, { prettyErrors: false, version: '1.2' })
    return document.errors.length > 0 ? undefined : ((document.toJS({ maxAliasCount: 1_000 }) ?? undefined) as Json | undefined)
  } catch {
    // As in yaml-tree: too deep, or too many aliases.
    return undefined
  }
}

function compare(old: Json | undefined, now: Json | undefined, path: string, changes: SettingsChange[]): void {
  if (changes.length > CHANGES_MAX || isSame(old, now)) return
  const [before, after] = [partsOf(old, now), partsOf(now, old)]
  if (!before || !after) {
    changes.push({ path, ...(old !== undefined && { old: textOf(old) }), ...(now !== undefined && { new: textOf(now) }) })
    return
  }
  const count = changes.length
  for (const key of new Set([...before.parts.keys(), ...after.parts.keys()]))
    compare(before.parts.get(key), after.parts.get(key), pathOf(path, key, before.isList), changes)
  if (before.isList && changes.length === count) changes.push({ path, old: orderOf(before.parts), new: orderOf(after.parts) })
}

const pathOf = (path: string, key: string, isList: boolean) => (isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
const orderOf = (parts: ReadonlyMap<string, Json>) => `order: ${[...parts.keys()].join(', ')}`
const isSame = (a: Json | undefined, b: Json | undefined) => JSON.stringify(a) === JSON.stringify(b)

/** Of two maps, or of two lists whose entries have names, the parts by their names; else both are said whole. */
function partsOf(value: Json | undefined, other: Json | undefined): { parts: Map<string, Json>; isList: boolean } | undefined {
  if (typeof value !== 'object' || value === null || typeof other !== 'object' || other === null) return undefined
  if (Array.isArray(value) !== Array.isArray(other)) return undefined
  if (!Array.isArray(value)) return { parts: new Map(Object.entries(value)), isList: false }
  const key = NAMES.find((it) => isNamedBy(value, it) && isNamedBy(other as readonly Json[], it))
  if (key === undefined) return undefined
  return { parts: new Map(value.map((it) => [String(it[key]), it as Json])), isList: true }
}

function isNamedBy(list: readonly Json[], key: string): boolean {
  const names = list.map((it) =>
    typeof it === 'object' && it !== null && !Array.isArray(it) ? (it as { [key: string]: Json })[key] : null,
  )
  return names.every((it) => typeof it === 'string' || typeof it === 'number') && new Set(names.map(String)).size === list.length
}

const textOf = (value: Json) => stringify(value, { lineWidth: 0 }).trimEnd()
