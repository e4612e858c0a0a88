// Tag lines of a source as a table: what a spreadsheet gives, and what of it changes in a settings file. Comments of the file stay.
import type { Document, YAMLMap, YAMLSeq } from 'yaml'
import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { splitCsv } from '../core/csv.ts'
import type { Problem } from '../core/errors.ts'
import { BadInput } from '../core/errors.ts'

export type Cell = string | number | boolean

export interface TagRow {
  /** Of the table. */
  readonly line: number
  /** By column; absent: the field is empty. */
  readonly cells: Readonly<Record<string, Cell>>
}

export interface TagTable {
  /** What messages call it. */
  readonly file: string
  readonly columns: readonly string[]
  readonly rows: readonly TagRow[]
}

export interface Change {
  readonly tag: string
  readonly keys: readonly { readonly key: string; readonly from?: unknown; readonly to?: unknown }[]
}

export interface TagEdit {
  readonly text: string
  readonly added: readonly string[]
  readonly changed: readonly Change[]
  readonly removed: readonly string[]
  readonly unchanged: number
  /** `sources[2].tags`, and what stands at each place of it: a row of the table, or a line that was there. */
  readonly path: string
  readonly rows: readonly (TagRow | undefined)[]
}

/** Keys whose value is text, whatever it looks like. */
const TEXT_KEYS: ReadonlySet<string> = new Set(['tag', 'unit', 'class', 'node', 'register', 'topic'])
const KEY = 'tag'

/** `file` is what messages call it. Throws BadInput. */
export function readTable(content: Uint8Array, file: string): TagTable {
  const lines = decoded(content)
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
  const [head = ''] = lines
  const separator = ['\t', ';'].find((it) => head.includes(it)) ?? ','
  const columns = (splitCsv(head, separator) ?? []).map((it) => it.trim())
  if (!columns.includes(KEY))
    fail({ where: `${file}:1`, text: `has no column "${KEY}"; the first line names the columns as the settings do` })
  const twice = columns.find((it, at) => it !== '' && columns.indexOf(it) !== at)
  if (twice !== undefined) fail({ where: `${file}:1`, text: `has two columns "${twice}"` })
  const problems: Problem[] = []
  const rows = lines.flatMap((text, at) =>
    at === 0 || text.trim() === '' ? [] : rowOf(text, at + 1, separator, columns, file, problems),
  )
  problems.push(...tagsTwice(rows, file))
  if (rows.length === 0 && problems.length === 0) fail({ where: file, text: 'has no lines below the names of the columns' })
  if (problems.length > 0) fail(...problems)
  return { file, columns: columns.filter((it) => it !== ''), rows }
}

function fail(...problems: Problem[]): never {
  throw new BadInput(problems)
}

/** What a spreadsheet saves is UTF-8, or what Windows had before it. */
function decoded(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return new TextDecoder('windows-1252').decode(content)
  }
}

function rowOf(
  text: string,
  line: number,
  separator: string,
  columns: readonly string[],
  file: string,
  problems: Problem[],
): TagRow[] {
  const fields = splitCsv(text, separator)
  const where = `${file}:${line}`
  if (!fields) problems.push({ where, text: 'a quote is not closed' })
  else if (fields.slice(columns.length).some((it) => it.trim() !== ''))
    problems.push({ where, text: `has more fields than there are columns (${columns.length})` })
  else if ((fields[columns.indexOf(KEY)] ?? '').trim() === '') problems.push({ where, text: `has no ${KEY}` })
  else {
    const cells = columns.flatMap((key, at) => {
      const field = fields[at]?.trim() ?? ''
      return key === '' || field === '' ? [] : [[key, cellOf(key, field, separator)] as const]
    })
    return [{ line, cells: Object.fromEntries(cells) }]
  }
  return []
}

function cellOf(key: string, field: string, separator: string): Cell {
  if (TEXT_KEYS.has(key)) return field
  if (field === 'true' || field === 'false') return field === 'true'
  const isGerman = separator !== ',' && /^-?\d+,\d+$/.test(field)
  const text = isGerman ? field.replace(',', '.') : field
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) && text.length < 16 ? Number(text) : field
}

function tagsTwice(rows: readonly TagRow[], file: string): Problem[] {
  const first = new Map<Cell, number>()
  return rows.flatMap(({ line, cells }) => {
    const tag = cells[KEY] as Cell
    const before = first.get(tag)
    first.set(tag, before ?? line)
    return before === undefined ? [] : [{ where: `${file}:${line}`, text: `the tag "${tag}" stands in line ${before} too` }]
  })
}

/** The settings with the table's lines in the source of that name. `isMerge`: lines that it does not name stay. Throws BadInput. */
export function editTags(text: string, file: string, source: string, table: TagTable, isMerge: boolean): TagEdit {
  const doc = parseDocument(text, { version: '1.2' })
  if (doc.errors.length > 0)
    fail({ where: file, text: `is not valid YAML: ${doc.errors[0]?.message.split('\n')[0]}`, remedy: `holdfast check ${file}` })
  const { index, entry } = sourceOf(doc, file, source)
  const { key, list } = listOf(doc, entry, file, source)
  const wanted = new Map(table.rows.map((it) => [it.cells[KEY] as Cell, it]))
  const rows: (TagRow | undefined)[] = []
  const changed: Change[] = []
  const removed: string[] = []
  let unchanged = 0
  list.items = list.items.filter((item) => {
    const tag = isMap(item) ? (item.get(KEY) as Cell | undefined) : undefined
    const row = tag === undefined ? undefined : wanted.get(tag)
    if (row) wanted.delete(tag as Cell)
    else if (!isMerge) {
      removed.push(String(tag))
      return false
    }
    const change = row && isMap(item) ? changeOf(item, row, table.columns) : undefined
    if (change) changed.push(change)
    else unchanged++
    rows.push(row)
    return true
  })
  for (const row of wanted.values()) {
    const item = doc.createNode(row.cells, { flow: true }) as unknown as YAMLMap
    list.items.push(item)
    rows.push(row)
  }
  if (list.items.length > 0) list.flow = false
  return {
    text: doc.toString({ lineWidth: 0, flowCollectionPadding: true }),
    added: [...wanted.keys()].map(String),
    changed,
    removed,
    unchanged,
    path: `sources[${index}].${key}`,
    rows,
  }
}

function sourceOf(doc: Document.Parsed, file: string, name: string): { index: number; entry: YAMLMap } {
  const sources = doc.get('sources')
  const entries = isSeq(sources) ? sources.items : []
  const index = entries.findIndex((it) => isMap(it) && it.get('name') === name)
  const entry = entries[index]
  if (isMap(entry)) return { index, entry: entry as YAMLMap }
  const names = entries.flatMap((it) => (isMap(it) ? [String(it.get('name'))] : []))
  return fail({ where: file, text: `has no source "${name}"; there are: ${names.join(', ') || 'none'}` })
}

/** The list of the source whose lines name tags; a new one where there is none yet. */
function listOf(doc: Document.Parsed, entry: YAMLMap, file: string, name: string): { key: string; list: YAMLSeq } {
  const found = entry.items.find(({ value }) => isSeq(value) && value.items.some((it) => isMap(it) && it.has(KEY)))
  const [key, value] = found
    ? [String(isScalar(found.key) ? found.key.value : found.key), found.value]
    : ['tags', entry.get('tags', true)]
  if (isSeq(value)) return { key, list: value as YAMLSeq }
  if (value !== undefined && !(isScalar(value) && value.value === null))
    return fail({ where: file, text: `${key} of the source "${name}" is no list of its own` })
  const list = doc.createNode([]) as unknown as YAMLSeq
  entry.set('tags', list)
  return { key: 'tags', list }
}

/** Puts the row's cells into a line that is there. Keys that the table has no column for stay. Undefined: nothing changed. */
function changeOf(item: YAMLMap, { cells }: TagRow, columns: readonly string[]): Change | undefined {
  const keys = columns.flatMap((key) => {
    const [from, to] = [item.get(key), cells[key]]
    if (from === to || (from === undefined && to === undefined)) return []
    if (to === undefined) item.delete(key)
    else item.set(key, to)
    return [{ key, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }]
  })
  return keys.length > 0 ? { tag: String(cells[KEY]), keys } : undefined
}
