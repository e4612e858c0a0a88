import { BROWSE_ENTRIES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { BrowseEntry } from '../core/source.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { document, lines, printable, table, wrap } from './text.ts'
import { operation } from './operation.ts'
import { browseEntry, browseInput } from './shapes/common.ts'

const browse = operation({
  name: 'sources browse',
  access: 'technician',
  summary: 'look round at a source: what stands at or below a node, with values',
  input: browseInput,
  output: browseEntry,
  many: true,
  run: (input, { agent, signal }) => agent.browseSource(input, signal),
})

const LIMIT_DEFAULT = 200
const VALUE_WIDTH_MIN = 12
const VALUE_WIDTH_MAX = 30

export const sourcesBrowse: Command = {
  name: 'sources browse',
  role: 'operate',
  summary: 'look round at a source: names, values, lines to paste',
  arguments: ['NAME', '[NODE]'],
  options: {
    search: { value: 'TEXT', summary: 'everything below whose name or path has these words in it' },
    limit: { value: 'N', summary: `at most so many (${LIMIT_DEFAULT})` },
    lines: { summary: 'lines to paste below tags: in the settings' },
  },
  operation: browse,
  async run(context) {
    const [name, node] = context.args as [string, string | undefined]
    const limit = limitOf(context)
    const { search } = context.options
    const request = { name, limit: limit + 1, ...(node !== undefined && { node }), ...(typeof search === 'string' && { search }) }
    const seen: BrowseEntry[] = []
    // One more than is shown says whether there are more.
    for await (const it of context.agent.browseSource(request, context.signal)) seen.push(it)
    const entries = seen.slice(0, limit)
    if (context.json) await document(context, { name, node: node ?? null, more: seen.length > limit, entries })
    else await lines(context.out, page(context, entries, seen.length > limit))
    return entries.length > 0 ? DONE : FAILED
  },
}

function limitOf({ options }: CommandContext): number {
  const limit = Number(options.limit ?? LIMIT_DEFAULT)
  const max = BROWSE_ENTRIES_MAX - 1
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit
  throw new BadInput([{ where: '--limit', text: `must be a whole number from 1 to ${max}` }])
}

function page(context: CommandContext, entries: readonly BrowseEntry[], hasMore: boolean): string[] {
  const { width } = context.out
  if (entries.length === 0) return ['nothing there']
  const rest = hasMore ? wrap('… there are more: --limit N shows more of them, --search TEXT finds', width) : []
  if (context.options.lines) return [...entries.flatMap(settingsLine), ...rest.map((it) => `# ${it}`)]
  const folders = entries.some((it) => it.isFolder) ? ['a name with a / has something below it: give its NODE'] : []
  return [...entryTable(entries, width), ...folders.flatMap((it) => wrap(it, width)), ...rest]
}

/** The node is never cut: it is what goes into the settings. */
function entryTable(entries: readonly BrowseEntry[], width: number): string[] {
  const nodeWidth = Math.max(...entries.map((it) => it.node.length))
  const left = width - nodeWidth
  const valueWidth = Math.min(VALUE_WIDTH_MAX, Math.max(VALUE_WIDTH_MIN, Math.floor(left / 3)))
  const columns = [
    { title: 'NAME', widthMax: Math.max(VALUE_WIDTH_MIN, left - valueWidth - 12) },
    { title: 'VALUE', widthMax: valueWidth },
    { title: 'TYPE', widthMax: 10 },
    { title: 'NODE', widthMax: nodeWidth },
  ]
  return table(
    columns,
    entries.map((it) => [nameOf(it), valueOf(it), it.value?.type ?? '', it.node]),
  )
}

function nameOf({ path, name, isFolder }: BrowseEntry): string {
  return `${[...(path ?? []), name].join('/')}${isFolder ? '/' : ''}`
}

function valueOf({ value, unit }: BrowseEntry): string {
  if (!value) return ''
  const text = unit === undefined || value.text === '' ? value.text : `${value.text} ${unit}`
  return value.quality === 'good' ? text : `${text} (${value.quality})`.trimStart()
}

function settingsLine({ line }: BrowseEntry): string[] {
  if (!line) return []
  const keys = Object.entries({ ...line, class: 'default' }).map(([key, it]) => `${key}: ${JSON.stringify(it)}`)
  return [printable(`- { ${keys.join(', ')} }`)]
}
