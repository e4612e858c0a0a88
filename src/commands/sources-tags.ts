import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import type { Problem } from '../core/errors.ts'
import { BadInput } from '../core/errors.ts'
import type { SettingsProblem } from '../settings/read.ts'
import type { TagEdit, TagTable } from '../settings/tag-table.ts'
import { checkedText } from './check.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { document, lines, painter, printable } from './text.ts'

const SHOWN_MAX = 40
const PROBLEMS_MAX = 100

export const sourcesTags: Command = {
  name: 'sources tags',
  role: 'local',
  summary: 'tags of a source from a table (CSV, or pasted from a spreadsheet)',
  arguments: ['NAME', 'TABLE'],
  options: {
    settings: { value: 'FILE', summary: 'the settings file that has the source' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
    merge: { summary: 'tags that the table does not name stay; else they go' },
    write: { summary: 'put them into the settings file; its comments stay' },
  },
  async run(context) {
    const [name, table] = context.args as [string, string]
    const { settings: file } = context.options
    if (typeof file !== 'string')
      throw new BadInput([{ where: '--settings', text: 'is needed: which settings file has the source' }])
    const { editTags, readTable } = await import('../settings/tag-table.ts')
    const rows = readTable(await contentOf(table), table)
    const before = new TextDecoder().decode(await contentOf(file))
    const edit = editTags(before, file, name, rows, context.options.merge === true)
    const others = await check(context, { file, before, table: rows }, edit)
    const isWritten = context.options.write === true
    if (isWritten) await replace(file, edit.text)
    const { added, changed, removed, unchanged } = edit
    if (context.json)
      await document(context, { source: name, added, changed, removed, unchanged, otherProblems: others, written: isWritten })
    else await lines(context.out, page(context, edit, others, isWritten))
    return DONE
  },
}

async function contentOf(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code ?? error.message}` }])
  })
}

/** Throws what the table makes wrong, at its place there where that is one; says how many problems the settings have anyway. */
async function check(context: CommandContext, { file, before, table }: Checked, edit: TagEdit): Promise<number> {
  const after = await problemsOf(context, edit.text, file)
  const known = new Set((after.length > 0 ? await problemsOf(context, before, file) : []).map(textOf))
  const mine = after.flatMap((it) => placed(it, table, edit) ?? (known.has(textOf(it)) ? [] : [it]))
  const shown = mine.slice(0, PROBLEMS_MAX)
  if (mine.length > shown.length) shown.push({ where: table.file, text: `and ${mine.length - shown.length} more problems` })
  if (shown.length > 0) throw new BadInput(shown)
  return after.length
}

interface Checked {
  readonly file: string
  /** Its text as it is. */
  readonly before: string
  readonly table: TagTable
}

const textOf = ({ path, text }: SettingsProblem) => `${path}: ${text}`

function problemsOf(context: CommandContext, text: string, file: string): Promise<readonly SettingsProblem[]> {
  return checkedText(context, text, file).then(
    () => [],
    (error: unknown) => {
      if (error instanceof BadInput) return error.problems as readonly SettingsProblem[]
      throw error
    },
  )
}

/** `sources[0].tags[3].register` as line and column of the table; undefined: it is about something else. */
function placed(problem: SettingsProblem, { columns, file }: TagTable, edit: TagEdit): Problem | undefined {
  if (!problem.path?.startsWith(`${edit.path}[`)) return undefined
  const [, index, key] = /^\[(\d+)\](?:\.([^.[]+))?/.exec(problem.path.slice(edit.path.length)) ?? []
  const row = edit.rows[Number(index)]
  if (!row) return undefined
  const column = key === undefined ? 0 : columns.indexOf(key) + 1
  const where = `${file}:${row.line}${column > 0 ? `:${column}` : ''}${key === undefined ? '' : ` ${key}`}`
  return { where, text: problem.text, ...(problem.remedy !== undefined && { remedy: problem.remedy }) }
}

/** Whole or not at all. */
async function replace(file: string, text: string): Promise<void> {
  const { mode } = await stat(file)
  await writeFile(`${file}.new`, text, { mode, flush: true })
  await rename(`${file}.new`, file)
}

function page(context: CommandContext, edit: TagEdit, others: number, isWritten: boolean): string[] {
  const paint = painter(context.out, context.env)
  const { added, changed, removed, unchanged } = edit
  const changes = changed.map(({ tag, keys }) => {
    const all = keys.map((it) => `${it.key} ${shown(it.from)} → ${shown(it.to)}`)
    return paint('yellow', `~ ${printable(tag)}: ${printable(all.join(', '))}`)
  })
  const file = String(context.options.settings)
  return [
    ...some(added.map((it) => paint('green', `+ ${printable(it)}`))),
    ...some(changes),
    ...some(removed.map((it) => paint('red', `- ${printable(it)}`))),
    `${added.length} added, ${changed.length} changed, ${removed.length} removed, ${unchanged} as they were`,
    ...(others > 0 ? [`${file} has ${others} problems elsewhere: holdfast check ${file}`] : []),
    isWritten ? `written to ${file}` : 'nothing is written; --write does',
  ]
}

function some(list: readonly string[]): string[] {
  return list.length <= SHOWN_MAX ? [...list] : [...list.slice(0, SHOWN_MAX), `  … and ${list.length - SHOWN_MAX} more`]
}

const shown = (value: unknown) => (value === undefined ? '(none)' : JSON.stringify(value))
