// What zod found wrong, in words for a person: what is wrong, what is allowed.
import type { z } from 'zod'
import { nearest } from './nearest.ts'

type RawIssue = z.core.$ZodRawIssue
type Issue = z.core.$ZodIssue

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'nothing',
}

/** For zod's `error` option: the text of an issue whose schema brings no text of its own. */
export function explain(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KIND_NAMES[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return allowedValues(issue.values, issue.input)
    case 'unrecognized_keys':
      return unknownKeys(issue)
    case 'too_small':
      return bound(issue.origin, 'at least', issue.inclusive ? issue.minimum : `more than ${issue.minimum}`)
    case 'too_big':
      return bound(issue.origin, 'at most', issue.inclusive ? issue.maximum : `less than ${issue.maximum}`)
    case 'invalid_union':
      return issue.discriminator ? `must hold a known "${issue.discriminator}"` : undefined
    default:
      return undefined
  }
}

function allowedValues(values: readonly unknown[], input: unknown): string {
  const names = values.map(String)
  const like = typeof input === 'string' ? nearest(input, names) : undefined
  const list = names.length > 1 ? `must be one of ${names.join(', ')}` : `must be ${names[0]}`
  return like ? `${list}; did you mean "${like}"?` : list
}

function bound(origin: string, word: string, limit: unknown): string {
  const unit = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : ''
  const verb = unit ? 'must have' : 'must be'
  return typeof limit === 'string' ? `${verb} ${limit}${unit}` : `${verb} ${word} ${limit}${unit}`
}

function unknownKeys(issue: z.core.$ZodRawIssue & { code?: string }): string {
  const { keys } = issue as unknown as { keys: string[] }
  const known = shapeOf(issue.inst)
  // One line a key: `findings` takes them apart again.
  return keys.map((key) => unknownKey(key, known)).join('\n')
}

function unknownKey(key: string, known: readonly string[]): string {
  const like = nearest(key, known)
  if (like) return `unknown key "${key}"; did you mean "${like}"?`
  return known.length > 0 ? `unknown key "${key}"; allowed here: ${known.join(', ')}` : `unknown key "${key}"`
}

function shapeOf(schema: unknown): string[] {
  const shape = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape
  return shape ? Object.keys(shape) : []
}

export interface Finding {
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly text: string
}

/** One finding for each thing that is wrong: unknown keys singly, unions by the branch that comes nearest. `root` is what was parsed. */
export function findings(issues: readonly Issue[], root: unknown, at: Path = []): Finding[] {
  return issues
    .filter((it) => !isEcho(it, issues))
    .flatMap((issue) => {
      const path = [...at, ...issue.path] as Path
      if (issue.code === 'unrecognized_keys') return unknownKeyFindings(issue, path)
      if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionFindings(issue, root, path)
      return [{ path, at: 'value' as const, text: withFound(issue, valueAt(root, path), issue.message) }]
    })
}

type Path = readonly (string | number)[]

/** A list where a text should be is also too short a text: that need not be said. */
function isEcho(issue: Issue, issues: readonly Issue[]): boolean {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return false
  const path = issue.path.join('\0')
  return issues.some((it) => it.code === 'invalid_type' && it.path.join('\0') === path)
}

/** The value as it was given: what a schema has made of it says nothing to a person. */
function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

function unknownKeyFindings(issue: Issue & { code: 'unrecognized_keys' }, path: Path): Finding[] {
  const texts = issue.message.split('\n')
  return issue.keys.map((key, index) => ({ path: [...path, key], at: 'key' as const, text: texts[index] ?? issue.message }))
}

function unionFindings(issue: Issue & { code: 'invalid_union' }, root: unknown, path: Path): Finding[] {
  const depth = (branch: readonly Issue[]): number => Math.max(0, ...branch.map((it) => it.path.length))
  // A branch is meant when something fitted: then its own problems lie deeper than the union.
  const meant = issue.errors.filter((it) => depth(it) > 0 || it.some((one) => one.code === 'unrecognized_keys'))
  const best = meant.toSorted((a, b) => a.length - b.length)[0]
  if (best) return findings(best, root, path)
  const own = issue.message === 'Invalid input' ? '' : issue.message
  const text = own || [...new Set(issue.errors.flat().map((it) => it.message))].join(', or ')
  return [{ path, at: 'value', text: withFound(issue, valueAt(root, path), text) }]
}

/** Begins what is secret wherever it stands: the identity that belongs to a recipient is easily taken for it. */
const PRIVATE = /^(AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY)/

/** With what was found instead. Only scalars are shown; whether a value is secret by its place is the reader's business. */
function withFound(issue: Issue, found: unknown, text: string): string {
  if (found === undefined) return issue.code === 'custom' ? text : `is missing; ${text}`
  if (typeof found === 'string' && PRIVATE.test(found)) return `${text} (found a private key: it does not belong here)`
  if (typeof found === 'string') return `${text} (found "${found.length > 60 ? `${found.slice(0, 60)}…` : found}")`
  if (typeof found === 'number' || typeof found === 'boolean') return `${text} (found ${found})`
  if (found === null) return `${text} (found nothing)`
  return issue.code === 'custom' ? text : `${text} (found ${Array.isArray(found) ? 'a list' : 'a map'})`
}
