// Changes to the text of the settings that leave comments, order and style of everything else as they are. Loaded with the forms: `yaml` is large.
import type { Document, Node, YAMLMap, YAMLSeq } from 'yaml'
import { isMap, isSeq, parseDocument } from 'yaml'

export type Entry = Readonly<Record<string, unknown>>
type Doc = Document.Parsed

const parse = (text: string): Doc => parseDocument(text, { version: '1.2' })
const print = (doc: Doc): string => doc.toString({ lineWidth: 0, flowCollectionPadding: true })

export type ListKey = 'sources' | 'uplinks' | 'classes' | 'rules' | 'notify'

/** What stands under `sources:` or another list, in its order. */
export function entriesOf(text: string, key: ListKey): readonly Entry[] {
  const list = parse(text).get(key)
  return isSeq(list) ? list.items.filter(isMap).map((it) => it.toJSON() as Entry) : []
}

export function entryOf(text: string, key: ListKey, name: string): Entry | undefined {
  return entriesOf(text, key).find((it) => it['name'] === name)
}

/** `before`: the name of the entry that is changed, undefined where it is new. */
export const isTaken = (text: string, key: ListKey, before: string | undefined, given: string): boolean =>
  before === undefined && entryOf(text, key, given) !== undefined

/** Names of the classes; where the file says none there is one, and it is called so. */
export function classNames(text: string): readonly string[] {
  const names = entriesOf(text, 'classes').map((it) => String(it['name']))
  return names.length > 0 ? names : ['default']
}

/** The entry of that name becomes `entry`; without a name, or where there is none, it comes at the end. */
export function putEntry(text: string, key: ListKey, name: string | undefined, entry: Entry): string {
  const doc = parse(text)
  const list = listOf(doc, key)
  const found = name === undefined ? undefined : list.items.find((it) => isMap(it) && it.get('name') === name)
  if (isMap(found)) putKeys(doc, found as YAMLMap, entry)
  else list.add(doc.createNode(entry))
  list.flow = false
  return print(doc)
}

export function removeEntry(text: string, key: ListKey, name: string): string {
  const doc = parse(text)
  const list = listOf(doc, key)
  list.items = list.items.filter((it) => !(isMap(it) && it.get('name') === name))
  if (list.items.length === 0) list.flow = true
  return print(doc)
}

/** Keys below the top (`device.site`), in one go; undefined takes one out. */
export function putValues(text: string, values: readonly (readonly [path: readonly string[], value: unknown])[]): string {
  const doc = parse(text)
  for (const [path, value] of values) {
    if (value === undefined) {
      doc.deleteIn(path)
      continue
    }
    // A key with nothing behind it is no map yet.
    const [top = ''] = path
    if (path.length > 1 && !isMap(doc.get(top))) doc.set(top, doc.createNode({}))
    doc.setIn(path, typeof value === 'object' ? doc.createNode(value) : value)
  }
  return print(doc)
}

function listOf(doc: Doc, key: ListKey): YAMLSeq {
  const found = doc.get(key)
  if (isSeq(found)) return found as YAMLSeq
  const list = doc.createNode([]) as unknown as YAMLSeq
  doc.set(key, list)
  return list
}

/** Only what differs is touched, so that a comment beside a value stays where it is. */
function putKeys(doc: Doc, map: YAMLMap, entry: Entry): void {
  const before = map.toJSON() as Entry
  for (const key of Object.keys(before)) if (entry[key] === undefined) map.delete(key)
  for (const [key, value] of Object.entries(entry)) {
    if (value === undefined || same(before[key], value)) continue
    const inner = map.get(key)
    if (isMap(inner) && isPlain(value)) putKeys(doc, inner as YAMLMap, value)
    // A plain value goes into the node that is there, so that the comment beside it stays.
    else map.set(key, typeof value === 'object' ? (doc.createNode(value) as Node) : value)
  }
}

const isPlain = (value: unknown): value is Entry => typeof value === 'object' && value !== null && !Array.isArray(value)
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
