// A YAML text as plain values, with the place of each key and value at hand for messages.
// `{ var: NAME }` and `{ secret: NAME }` are replaced on the way; what an alias expands to is bounded.
import type { Document, Node, Pair } from 'yaml'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { nearest } from './nearest.ts'

export type Path = readonly (string | number)[]

export interface Place {
  readonly line: number
  readonly column: number
}

export interface TreeProblem {
  readonly place: Place
  readonly path: Path
  readonly text: string
  readonly remedy?: string
  /** What runs copes with it: no reason to stop settings that ran before. */
  readonly runs?: true
}

/** Where values that are not in the text come from; undefined when there is none of that name. */
export interface Lookup {
  variable(name: string): unknown
  variables: readonly string[]
  secret(name: string): string | undefined
}

export interface Tree {
  readonly value: unknown
  readonly problems: readonly TreeProblem[]
  /** Paths whose value could not be found, so that nothing else need be said of them. */
  readonly unresolved: ReadonlySet<string>
  /** By the text of the path: the secret that stands there. */
  readonly secrets: ReadonlyMap<string, { readonly name: string; readonly path: Path }>
  /** Where the value at a path stands, or its key; of what is missing the nearest thing around it. */
  placeOf(path: Path, what: 'key' | 'value'): Place
}

export const TEXT_BYTES_MAX = 8_000_000
const NODES_MAX = 1_000_000
const DEPTH_MAX = 32
/** Stands in for a secret that is missing, so that the schema can go on. */
const PLACEHOLDER = 'unresolved'

/** `sources[0].tags[3].register` */
export function pathText(path: Path): string {
  return path.reduce<string>((text, it) => (typeof it === 'number' ? `${text}[${it}]` : text ? `${text}.${it}` : `${it}`), '')
}

/** The tree of one YAML text. Never throws on bad input: what is wrong is in `problems`, and then `value` may be incomplete. */
export function parseTree(text: string, lookup: Lookup): Tree {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const at = lines.linePos(offset)
    return { line: Math.max(at.line, 1), column: Math.max(at.col, 1) }
  }
  const doc = parseText(text, lines)
  if (typeof doc === 'string') return unreadable({ place: { line: 1, column: 1 }, path: [], text: doc })
  const faults = [...doc.errors, ...doc.warnings]
  if (faults.length > 0) {
    return unreadable(...faults.map((it) => ({ place: placeAt(it.pos[0]), path: [], text: faultText(it.code, it.message) })))
  }
  return new Walk(doc, lookup, placeAt).tree()
}

function parseText(text: string, lineCounter: LineCounter): Document.Parsed | string {
  if (text.length > TEXT_BYTES_MAX) return `longer than ${TEXT_BYTES_MAX / 1e6} MB`
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, version: '1.2', uniqueKeys: true, strict: true })
  } catch (error) {
    // The parser is recursive: ten thousand open brackets end its stack.
    return `cannot be read as YAML: ${(error as Error).message}`
  }
}

function faultText(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands in the same map twice'
  if (code === 'TAB_AS_INDENT') return 'a tab in the indentation; YAML takes spaces only'
  if (code === 'MULTIPLE_DOCS') return 'more than one YAML document; settings are one'
  return `not valid YAML: ${message}`
}

function unreadable(...problems: TreeProblem[]): Tree {
  const place = problems[0]?.place ?? { line: 1, column: 1 }
  return { value: undefined, problems, unresolved: new Set(), secrets: new Map(), placeOf: () => place }
}

class Walk {
  readonly #doc: Document.Parsed
  readonly #lookup: Lookup
  readonly #placeAt: (offset: number) => Place
  readonly #anchors = new Map<string, Node>()
  /** Alias nodes, with what they stood for where they stood: an anchor may be given anew further down. */
  readonly #aliased = new Map<Node, Node>()
  readonly #problems: TreeProblem[] = []
  readonly #unresolved = new Set<string>()
  readonly #secrets = new Map<string, { name: string; path: Path }>()
  #nodes = 0

  constructor(doc: Document.Parsed, lookup: Lookup, placeAt: (offset: number) => Place) {
    this.#doc = doc
    this.#lookup = lookup
    this.#placeAt = placeAt
  }

  tree(): Tree {
    const value = this.#value(this.#doc.contents, [])
    return {
      // Cut at a bound it is worth no further look.
      value: this.#nodes > NODES_MAX ? undefined : value,
      problems: this.#problems,
      unresolved: this.#unresolved,
      secrets: this.#secrets,
      placeOf: (path, what) => this.#placeOf(path, what),
    }
  }

  #value(node: Node | null, path: Path): unknown {
    if (!node) return null
    if (++this.#nodes > NODES_MAX) return this.#once(node, path, `more than ${NODES_MAX} values once aliases are expanded`)
    if (path.length > DEPTH_MAX) return this.#once(node, path, `nested deeper than ${DEPTH_MAX}`)
    if (isAlias(node)) return this.#alias(node, path)
    if (node.anchor) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return node.value
    if (isSeq(node)) return node.items.map((it, index) => this.#value(it as Node, [...path, index]))
    return this.#map(node, path)
  }

  #alias(node: Node & { source: string }, path: Path): unknown {
    const target = this.#anchors.get(node.source)
    if (!target) return this.#once(node, path, `the alias *${node.source} has no anchor before it`)
    this.#aliased.set(node, target)
    return this.#value(target, path)
  }

  #map(node: Node, path: Path): unknown {
    if (!isMap(node)) return undefined
    const one = node.items.length === 1 ? scalarPair(node.items[0] as Pair) : undefined
    if (one?.key === 'var') return this.#variable(node, path, one.value)
    if (one?.key === 'secret') return this.#secret(path, one.value)
    const result: Record<string, unknown> = {}
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? pair.key.value : undefined
      if (typeof key !== 'string') this.#problem(pair.key, path, 'a key must be text; put it in quotes')
      else if (key === '__proto__') this.#problem(pair.key, path, 'no key may be named __proto__')
      else result[key] = this.#value(pair.value, [...path, key])
    }
    return result
  }

  #variable(node: Node, path: Path, name: string): unknown {
    const value = this.#lookup.variable(name)
    if (value !== undefined) return value
    this.#unresolved.add(pathText(path))
    const { variables } = this.#lookup
    const text = `the variable "${name}" has no value`
    const like = nearest(name, variables)
    return this.#problem(
      node,
      path,
      like ? `${text}; did you mean "${like}"?` : text,
      `give it one in values.yaml (--values FILE)`,
    )
  }

  #secret(path: Path, name: string): unknown {
    this.#secrets.set(pathText(path), { name, path })
    const value = this.#lookup.secret(name)
    if (value !== undefined) return value
    this.#unresolved.add(pathText(path))
    return PLACEHOLDER
  }

  #problem(node: Node, path: Path, text: string, remedy?: string): undefined {
    this.#problems.push({ place: this.#placeAt(node.range?.[0] ?? 0), path, text, ...(remedy && { remedy }) })
    return undefined
  }

  /** Of a value that there is none of. A bound that is passed is passed a thousand times: say it once. */
  #once(node: Node, path: Path, text: string): undefined {
    this.#unresolved.add(pathText(path))
    if (!this.#problems.some((it) => it.text === text)) this.#problem(node, path, text)
    return undefined
  }

  #placeOf(path: Path, what: 'key' | 'value'): Place {
    let offset = this.#doc.contents?.range?.[0] ?? 0
    let node: Node | null | undefined = this.#doc.contents
    for (const [index, step] of path.entries()) {
      while (node && isAlias(node)) node = this.#aliased.get(node)
      const last = index === path.length - 1
      const found = stepInto(node, step)
      if (!found) break
      node = found.value
      offset = (last && what === 'key' ? found.key : found.value)?.range?.[0] ?? found.key?.range?.[0] ?? offset
    }
    return this.#placeAt(offset)
  }
}

function stepInto(node: Node | null | undefined, step: string | number): { key?: Node; value: Node | null } | undefined {
  if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) return { value: node.items[step] as Node }
  if (!isMap(node)) return undefined
  const pair = (node.items as Pair<Node, Node | null>[]).find((it) => isScalar(it.key) && it.key.value === step)
  return pair && { key: pair.key, value: pair.value }
}

function scalarPair(pair: Pair): { key: string; value: string } | undefined {
  const { key, value } = pair
  if (!isScalar(key) || typeof key.value !== 'string' || !isScalar(value) || typeof value.value !== 'string') return undefined
  return { key: key.value, value: value.value }
}
