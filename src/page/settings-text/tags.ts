// Lines of tags as the table that `sources tags` knows: what is pasted, what is picked in the browser, what is edited in bulk.
import { editTags, readTable } from '../../settings/tag-table.ts'
import { entriesOf } from './entries.ts'
import type { Entry } from './entries.ts'

export interface TagLine {
  readonly source: string
  /** Keys and values of the line. */
  readonly line: Entry
}

/** Every line that names tags, of all sources. */
export function tagLines(text: string): readonly TagLine[] {
  return entriesOf(text, 'sources').flatMap((entry) => {
    const lists = Object.values(entry).filter(
      (it): it is Entry[] => Array.isArray(it) && it.some((line) => 'tag' in Object(line)),
    )
    return lists.flat().map((line) => ({ source: String(entry['name']), line }))
  })
}

const FILE = 'settings.yaml'

/** Lines come in or take the place of those of the same tag; all others stay. Throws BadInput. */
export function mergeTags(text: string, source: string, lines: readonly Entry[]): string {
  const columns = [...new Set(lines.flatMap((it) => Object.keys(it)))]
  const rows = lines.map((line, at) => ({ line: at + 2, cells: line as Record<string, string | number | boolean> }))
  return editTags(text, FILE, source, { file: 'table', columns, rows }, true).text
}

/** A table as a spreadsheet gives it, as the whole list of the source or, merged, into it. Throws BadInput. */
export function tableIntoTags(text: string, source: string, table: string, isMerge: boolean): string {
  return editTags(text, FILE, source, readTable(new TextEncoder().encode(table), 'table'), isMerge).text
}

/** Takes lines out; a list that would be left empty is for the check to say. Throws BadInput. */
export function removeTags(text: string, source: string, tags: ReadonlySet<string>): string {
  const stay = tagLines(text).filter((it) => it.source === source && !tags.has(String(it.line['tag'])))
  const rows = stay.map(({ line }, at) => ({ line: at + 2, cells: { tag: String(line['tag']) } }))
  return editTags(text, FILE, source, { file: 'table', columns: ['tag'], rows }, false).text
}

/** The lines as CSV, columns in the order in which they first stand. */
export function tagsAsCsv(lines: readonly Entry[]): string {
  const columns = [...new Set(['tag', ...lines.flatMap((it) => Object.keys(it))])]
  const cell = (value: unknown) => {
    const text = value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
    return /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns.join(','), ...lines.map((line) => columns.map((it) => cell(line[it])).join(','))].join('\n')
}
