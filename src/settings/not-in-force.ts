// Keys that the schema takes and whose feature is not built yet. `check` prints each: what is set and does nothing is never silent.
// Whoever builds a feature takes its line out here; the list is empty when all is built.
import type { Path, Tree } from './yaml-tree.ts'
import { pathText } from './yaml-tree.ts'

export interface NotInForce {
  readonly path: string
  readonly line: number
  /** What happens instead. */
  readonly text: string
}

interface Rule {
  /** `*` stands for every entry of a list or a map. */
  readonly at: readonly string[]
  readonly text: string
  /** Whether the value changes nothing, since it asks for what is done anyway. Without it any value counts. */
  readonly unless?: (value: unknown) => boolean
}

const RULES: readonly Rule[] = [
  {
    at: ['network'],
    text:
      'addresses and zones of ports come in force when somebody says so: holdfast network set, or the page (Network, Put in force); ' +
      'a port without an address keeps the zone of its place; Wi-Fi, modem and service port stay as they are',
  },
  {
    at: ['time'],
    text: 'time servers come in force when somebody says so: holdfast clock servers, or the page (Network, Time servers)',
  },
]

export function notInForce(tree: Tree): NotInForce[] {
  const file = tree.value as Readonly<Record<string, unknown>>
  const found = RULES.flatMap((rule) =>
    [...matches(file, rule.at)]
      .filter(({ value }) => !rule.unless?.(value))
      .map(({ path }) => ({ path: pathText(path), line: tree.placeOf(path, 'key').line, text: rule.text })),
  )
  return found.toSorted((a, b) => a.line - b.line)
}

function* matches(value: unknown, at: readonly string[], path: Path = []): Iterable<{ path: Path; value: unknown }> {
  const [step, ...rest] = at
  if (step === undefined) {
    if (value !== undefined) yield { path, value }
    return
  }
  if (typeof value !== 'object' || value === null) return
  const entries = Object.entries(value).filter(([key]) => step === '*' || step === key)
  for (const [key, it] of entries) yield* matches(it, rest, [...path, Array.isArray(value) ? Number(key) : key])
}
