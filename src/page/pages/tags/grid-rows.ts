// Rows of the grid: every tag that has a value, with the line of the settings that reads it, and lines that brought nothing yet.
import type { LiveValue } from '../../../core/operator.ts'
import type { TagLine } from '../../settings-text/tags.ts'

export interface GridRow {
  readonly tag: string
  readonly source: string
  readonly class: string
  readonly unit: string | undefined
  readonly line: TagLine | undefined
  readonly live: LiveValue | undefined
}

export function gridRows(lines: readonly TagLine[], values: readonly LiveValue[]): readonly GridRow[] {
  const bySource = Map.groupBy(lines, (it) => it.source)
  const finders = new Map([...bySource].map(([source, its]) => [source, finderOf(its)]))
  const used = new Set<TagLine>()
  const live = values.map((it): GridRow => {
    const line = finders.get(it.source)?.(it.tag)
    if (line) used.add(line)
    return { tag: it.tag, source: it.source, class: it.class, unit: it.unit, line, live: it }
  })
  const silent = lines.filter((it) => !used.has(it)).map(rowOf)
  return [...live, ...silent].toSorted((a, b) => (a.tag < b.tag ? -1 : 1))
}

function rowOf(it: TagLine): GridRow {
  const text = (key: string) => (it.line[key] === undefined ? undefined : String(it.line[key]))
  return { tag: text('tag') ?? '', source: it.source, class: text('class') ?? '', unit: text('unit'), line: it, live: undefined }
}

/** A line whose name has places in braces, or ends in /**, stands for many tags. */
function finderOf(lines: readonly TagLine[]): (tag: string) => TagLine | undefined {
  const exact = new Map(lines.map((it) => [String(it.line['tag']), it]))
  const patterns = lines.filter((it) => isPattern(it)).map((it) => [patternOf(String(it.line['tag'])), it] as const)
  return (tag) => exact.get(tag) ?? patterns.find(([pattern]) => pattern.test(tag))?.[1]
}

export function isPattern({ line }: TagLine): boolean {
  const tag = String(line['tag'])
  return tag.includes('{') || tag.endsWith('/**') || line['flatten'] === true
}

function patternOf(tag: string): RegExp {
  const parts = tag.replace(/\/\*\*$/, '').split(/\{[^}]*\}/)
  const escaped = parts.map((it) => it.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.+?')}(/.*)?$`)
}
