// Settings that ran under an earlier version, and that this one would refuse. A start must not stop the data path for what the data path can do
// with, or without:
//
//   a problem that `runs`  ─► they run with it: settings-outdated
//   one inside a source, rule, notifier, port of the box  ─► they run without that entry: settings-left-out (a version on trial is not kept without a source)
//   anything else  ─► refused, as new settings are
//
// Only what was in force before is read so: new settings are refused for each of these.
import { parseDocument } from 'yaml'
import { BadInput } from '../core/errors.ts'
import type { Issue, LeftOut } from '../core/status.ts'
import { notInForce } from './not-in-force.ts'
import type { CheckedSettings, SecretUse, SettingsProblem } from './read.ts'
import type { Tree } from './yaml-tree.ts'

const KINDS = { sources: 'source', rules: 'rule', notify: 'notifier', ports: 'port' } as const
const ENTRY = /^((?:network\.)?(sources|rules|notify|ports))\[(\d+)\]/
const REMEDY = 'put it right in the settings; until then no other change of them is taken'

/** What is left out may be asked for by others: a notifier by its rule. */
const ROUNDS_MAX = 3

export function outdated({ path, text, remedy = REMEDY }: SettingsProblem): Issue {
  return { code: 'settings-outdated', severity: 'warning', text: `${path}: ${text}`, remedy }
}

export function secretUses({ secrets }: Tree): SecretUse[] {
  return [...secrets].map(([path, { name }]) => ({ name, path }))
}

/** As `parse` takes them, without entries that are wrong now. Throws what `parse` throws of the whole text where that does not help. */
export function withoutWrongEntries(
  text: string,
  parse: (text: string) => CheckedSettings,
  treeOf: (text: string) => Tree,
): CheckedSettings {
  try {
    return parse(text)
  } catch (error) {
    const found = error instanceof BadInput ? withLess(text, error.problems, { parse, treeOf }) : undefined
    if (!found) throw error
    // Of the text as it stands: a secret of what is left out is still needed, and lines are those of the file.
    const tree = treeOf(text)
    return { ...found, secrets: secretUses(tree), notInForce: notInForce(tree) }
  }
}

interface Readers {
  readonly parse: (text: string) => CheckedSettings
  readonly treeOf: (text: string) => Tree
}

function withLess(text: string, problems: BadInput['problems'], by: Readers, round = 1): CheckedSettings | undefined {
  const less = leaveOut(text, problems, by.treeOf)
  if (!less || round > ROUNDS_MAX) return undefined
  try {
    const found = by.parse(less.text)
    return { ...found, issues: [...found.issues, ...less.issues] }
  } catch (error) {
    const found = error instanceof BadInput ? withLess(less.text, error.problems, by, round + 1) : undefined
    return found && { ...found, issues: [...found.issues, ...less.issues] }
  }
}

/** Undefined where a problem stands elsewhere, or what is left cannot stand without it (an alias of what went). */
function leaveOut(
  text: string,
  problems: BadInput['problems'],
  treeOf: Readers['treeOf'],
): { text: string; issues: Issue[] } | undefined {
  const wrong = new Map<string, SettingsProblem>()
  for (const it of problems as readonly Partial<SettingsProblem>[]) {
    const entry = ENTRY.exec(it.path ?? '')?.[0]
    if (entry === undefined) return undefined
    if (!wrong.has(entry)) wrong.set(entry, it as SettingsProblem)
  }
  const document = parseDocument(text)
  // A name may stand there by a variable or an alias.
  const { value, secrets } = treeOf(text)
  const entries = [...wrong].map(([entry, problem]) => {
    const [, path = '', kind = '', at = ''] = ENTRY.exec(entry) ?? []
    const place = [...path.split('.'), Number(at)]
    const key = kind === 'ports' ? 'interface' : 'name'
    const name = secrets.has(`${entry}.${key}`) ? entry : (valueAt(value, [...place, key]) ?? entry)
    const { path: of, text: why } = problem
    return { place, issue: issueOf({ kind: KINDS[kind as keyof typeof KINDS], name: String(name), path: of, text: why }) }
  })
  try {
    // From the end: what stands before keeps its place. Problems come by their lines, and what an alias stands for may stand anywhere.
    for (const { place } of entries.toSorted((a, b) => Number(b.place.at(-1)) - Number(a.place.at(-1)))) document.deleteIn(place)
    return { text: String(document), issues: entries.map((it) => it.issue) }
  } catch {
    return undefined
  }
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((of, key) => (of as Record<string | number, unknown> | null | undefined)?.[key], value)
}

function issueOf(leftOut: LeftOut): Issue {
  const { kind, name, path, text } = leftOut
  return {
    code: 'settings-left-out',
    severity: 'problem',
    text: `${kind} ${name} is left out, for this version does not take its settings: ${path}: ${text}`,
    remedy: REMEDY,
    of: `${kind} ${name}`,
    leftOut,
  }
}
