// One rule as a text, as it would stand in the settings: by itself, or copied out of the list with its dash.
import { BadInput } from '../core/errors.ts'
import type { RuleSettings } from '../core/rule.ts'
import { refuse, schemaProblems } from './read.ts'
import type { ExpressionProblem } from './rules.ts'
import { expressionChecks } from './rules.ts'
import { PARSE, ruleEntry } from './schema.ts'
import { parseTree } from './yaml-tree.ts'

/** Stands before the line in what is said of it. */
const TEXT = 'rule'

/** Throws BadInput that names every problem with its place. */
export function readRule(text: string, problemOf: ExpressionProblem): RuleSettings {
  const tree = parseTree(text, { variable: () => undefined, variables: [], secret: () => undefined })
  if (tree.value === undefined) refuse(TEXT, tree.problems)
  const isList = Array.isArray(tree.value)
  const entries = isList ? (tree.value as unknown[]) : [tree.value]
  if (entries.length !== 1)
    throw new BadInput([{ where: TEXT, text: `must be one rule, as it stands in the settings, and is ${entries.length}` }])
  const parsed = ruleEntry.safeParse(entries[0], PARSE)
  const pathOf = (path: readonly PropertyKey[]) => (isList ? [0, ...path] : [...path])
  const issues = (parsed.error?.issues ?? []).map((it) => ({ ...it, path: pathOf(it.path) }))
  const expression = expressionChecks({ rules: entries }, problemOf).map(({ path: [, , ...path], text }) => {
    const inText = pathOf(path) as (string | number)[]
    return { place: tree.placeOf(inText, 'value'), path: inText, text }
  })
  const secrets = [...tree.secrets.values()].map(({ path }) => ({
    place: tree.placeOf(path, 'value'),
    path,
    text: 'no secret belongs in a rule',
  }))
  refuse(TEXT, [...tree.problems, ...secrets, ...schemaProblems(tree, issues), ...expression])
  return parsed.data as RuleSettings
}
