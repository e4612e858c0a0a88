// What the births have said: groups, their nodes, a node's devices and metrics. A place is named GROUP[/NODE[/DEVICE]], a metric PLACE:METRIC.
import { BadInput } from '../../core/errors.ts'
import { QUALITIES } from '../../core/reading.ts'
import type { BrowseEntry, BrowseRequest, BrowseValue } from '../../core/source.ts'
import type { Node } from './nodes.ts'
import type { Known, Scope } from './scope.ts'
import { TYPES } from './values.ts'

const TEXT_MAX = 200

export function* browseNodes(nodes: ReadonlyMap<string, Node>, { node, search, limit }: BrowseRequest): Iterable<BrowseEntry> {
  const place = node?.replace(/\/+$/, '')
  const words = (search ?? '').toLowerCase().split(/\s+/)
  const isSearched = (it: BrowseEntry) => {
    const text = it.node.toLowerCase()
    return words.every((word) => text.includes(word))
  }
  const below = place === undefined || place === '' ? groups(nodes) : at(nodes, place.split('/'))
  let left = limit
  for (const it of search === undefined ? below : deep(nodes, below)) {
    if (search !== undefined && !isSearched(it)) continue
    if (left-- <= 0) return
    yield it
  }
}

function* deep(nodes: ReadonlyMap<string, Node>, entries: Iterable<BrowseEntry>): Iterable<BrowseEntry> {
  for (const it of entries) {
    yield it
    if (it.isFolder) yield* deep(nodes, at(nodes, it.node.split('/')))
  }
}

const folder = (node: string, path: readonly string[], name: string, description?: string): BrowseEntry => ({
  node,
  name,
  path,
  isFolder: true,
  value: null,
  ...(description !== undefined && { description }),
})

function* groups(nodes: ReadonlyMap<string, Node>): Iterable<BrowseEntry> {
  const names = new Set([...nodes.values()].map(({ own }) => own.place.group))
  for (const name of [...names].toSorted()) yield folder(name, [], name)
}

function at(nodes: ReadonlyMap<string, Node>, [group = '', name, device, ...more]: readonly string[]): Iterable<BrowseEntry> {
  if (name === undefined) return nodesOf(nodes, group)
  const node = nodes.get(`${group}/${name}`)
  const scope = device === undefined ? node?.own : node?.devices.get(device)
  if (!node || !scope || more.length > 0)
    throw new BadInput([
      { where: 'NODE', text: 'is no group, node or device that has been heard; a place is named GROUP/NODE/DEVICE' },
    ])
  return device === undefined ? [...devicesOf(node), ...metricsOf(scope)] : metricsOf(scope)
}

function nodesOf(nodes: ReadonlyMap<string, Node>, group: string): BrowseEntry[] {
  const found = [...nodes.values()].filter(({ own }) => own.place.group === group)
  if (found.length === 0) throw new BadInput([{ where: 'NODE', text: `no node of a group ${group} has been heard` }])
  return found.map(({ own }) => folder(`${group}/${own.place.node}`, [group], own.place.node, says(own)))
}

function devicesOf(node: Node): BrowseEntry[] {
  const { group, node: name } = node.own.place
  return [...node.devices].map(([device, scope]) => folder(`${group}/${name}/${device}`, [group, name], device, says(scope)))
}

function says({ mode, wasBorn }: Scope): string {
  if (mode === 'confirmed') return 'on line'
  if (mode === 'dead') return 'off line'
  return wasBorn ? 'its next birth is awaited' : 'no birth has come yet'
}

function* metricsOf({ place, byName }: Scope): Iterable<BrowseEntry> {
  const path = [place.group, place.node, ...(place.device === undefined ? [] : [place.device])]
  for (const known of byName.values()) {
    const { name, unit } = known
    yield {
      node: `${path.join('/')}:${name}`,
      name,
      path,
      isFolder: false,
      value: valueOf(known),
      ...(unit !== undefined && { unit }),
      line: { match: name },
    }
  }
}

/** A data set or a template has its values below it: they are shown together. */
function valueOf({ datatype, slots }: Known): BrowseValue | null {
  const type = TYPES[datatype ?? 0] ?? 'Unknown'
  const read = [...slots].flatMap(([path, slot]) => (typeof slot === 'object' ? [{ path, slot }] : []))
  const [first] = read
  if (!first) return null
  const text = read.map(({ path, slot }) => `${path === '' ? '' : `${path}: `}${slot.lastValue ?? 'no value'}`).join(', ')
  return { kind: first.slot.kind, text: text.slice(0, TEXT_MAX), quality: QUALITIES[first.slot.lastQuality], type }
}
