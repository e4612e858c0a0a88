// What the server has below a node, on the session that the source has.
//
//   references, a page at a time ─► names, then values, units, ranges of that page ─► one entry each
//
// A search walks on below, objects before variables and the server's own diagnostics last, within a bound of nodes and of time.
import {
  AttributeIds,
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  coerceNodeId,
  type NodeId,
  NodeClass,
  NodeClassMask,
  ObjectIds,
  type ReferenceDescription,
  ReferenceTypeIds,
  ResultMask,
  StatusCodes,
} from 'node-opcua-client'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { BrowseEntry, BrowseRequest } from '../../core/source.ts'
import { describeAll } from './describe.ts'
import { inChunks } from './limits.ts'
import { nameNode, resolveNode, type ServerFacts } from './nodes.ts'

/** References that come in one answer: what a person waits for before the first line. */
const PAGE_MAX = 1_000
const DEPTH_MAX = 30

export interface SearchBounds {
  readonly nodesMax: number
  readonly msMax: number
}
const SEARCH_BOUNDS: SearchBounds = { nodesMax: 200_000, msMax: 120_000 }

/** A session to look round with. */
export interface Open {
  readonly session: ClientSession
  readonly facts: ServerFacts
}

/** A node on the way, with its names from the root. */
export interface Place {
  readonly nodeId: NodeId
  readonly name: string
  readonly path: readonly string[]
  readonly isVariable: boolean
}

const ROOT = coerceNodeId(ObjectIds.ObjectsFolder)
const SERVER = coerceNodeId(ObjectIds.Server).toString()

export async function* browse(
  open: Open,
  request: BrowseRequest,
  signal: AbortSignal,
  bounds = SEARCH_BOUNDS,
): AsyncGenerator<BrowseEntry> {
  const start = await startOf(open, request.node)
  const found =
    request.search === undefined ? childrenOf(open, [start], signal) : search(open, start, request.search, signal, bounds)
  let left = request.limit
  for await (const page of found) {
    const places = page.filter((it): it is Place => !('stopped' in it)).slice(0, left)
    left -= places.length
    yield* await describeAll(open, places)
    for (const it of page) if ('stopped' in it && left > 0) yield stoppedAt(open, it)
    if (left <= 0 || signal.aborted) return
  }
}

interface Stopped {
  readonly stopped: string
  readonly at: Place
}

/** The last entry of a search that did not see all: where it would have gone on. */
function stoppedAt({ facts }: Open, { stopped, at }: Stopped): BrowseEntry {
  return {
    node: nameNode(at.nodeId, facts.namespaces),
    name: '…',
    path: at.path,
    isFolder: true,
    value: null,
    description: `The search stopped here, before ${[...at.path, at.name].join('/')}: ${stopped}. Search below a node further down.`,
  }
}

async function startOf(open: Open, node: string | undefined): Promise<Place> {
  const nodeId = node === undefined ? ROOT : resolveNode(node, open.facts.namespaces)
  const bad = (text: string) =>
    new BadInput([
      { where: node ?? 'Objects', text, remedy: 'Take a node from what `sources browse` shows, or leave it out for the root.' },
    ])
  if (!nodeId) throw bad('is no node id, or of a namespace that the server does not have')
  const isRoot = nodeId.toString() === ROOT.toString()
  const path = isRoot ? [] : await pathTo(open, nodeId)
  if (path === undefined) throw bad('the server has no such node, or does not show it to this user')
  return { nodeId, name: path.at(-1) ?? '', path: path.slice(0, -1), isVariable: false }
}

/** Names from below the root to the node itself. Undefined: the server does not know it. */
async function pathTo({ session }: Open, node: NodeId): Promise<string[] | undefined> {
  const names: string[] = []
  const seen = new Set<string>()
  for (let at = node; at.toString() !== ROOT.toString() && names.length < DEPTH_MAX; ) {
    if (seen.has(at.toString())) break
    seen.add(at.toString())
    // Its own name stands in the reference of the one above it.
    const above = await session.browse(wanted(at, BrowseDirection.Inverse, 0))
    if (above.statusCode.isBad()) return undefined
    const named = await session.read({ nodeId: at, attributeId: AttributeIds.BrowseName })
    names.unshift(String(named.value.value?.name ?? at.toString()))
    const [up] = above.references ?? []
    if (above.continuationPoint?.length) await session.browseNext(above.continuationPoint, true)
    if (!up) break
    at = up.nodeId
  }
  return names
}

function wanted(nodeId: NodeId, browseDirection: BrowseDirection, nodeClassMask: number) {
  return {
    nodeId,
    browseDirection,
    referenceTypeId: ReferenceTypeIds.HierarchicalReferences,
    includeSubtypes: true,
    nodeClassMask,
    resultMask: ResultMask.BrowseName | ResultMask.NodeClass | ResultMask.ReferenceType,
  }
}

/** Everything directly below the places, a page at a time, each node once. */
async function* childrenOf(open: Open, parents: readonly Place[], signal: AbortSignal): AsyncGenerator<Place[]> {
  const { session, facts } = open
  session.requestedMaxReferencesPerNode = PAGE_MAX
  const seen = new Set<string>()
  const results = await inChunks(facts.limits, 'browse', parents, (chunk) => session.browse(chunk.map(below)))
  for (const [at, first] of results.entries()) {
    const parent = parents[at] as Place
    const names = parent.name === '' ? [] : [...parent.path, parent.name]
    // A server has only so many continuation points: what it had none left for is asked for alone.
    const isShort = first.statusCode.equals(StatusCodes.BadNoContinuationPoints)
    let result = assertWhole(isShort ? await session.browse(below(parent)) : first)
    let point = pointOf(result)
    try {
      for (;;) {
        yield placesIn(result.references ?? [], names, seen)
        if (!point || signal.aborted) break
        const held = point
        // One that was asked for is used up, whatever comes of it.
        point = undefined
        result = assertWhole(await session.browseNext(held, false))
        point = pointOf(result)
      }
    } finally {
      if (point) await session.browseNext(point, true).catch(() => {})
    }
  }
}

function below({ nodeId }: Place) {
  return wanted(nodeId, BrowseDirection.Forward, NodeClassMask.Object | NodeClassMask.Variable)
}

/** A page that does not come is not an end: what follows would be missing without a word. Some nodes are hidden from some users. */
function assertWhole(result: BrowseResult): BrowseResult {
  const { statusCode } = result
  if (statusCode.isBad() && !/NodeIdUnknown|NotReadable|AccessDenied/.test(statusCode.name))
    throw new Unreachable('browse-failed', `the server broke the list off: ${statusCode.name}`, { remedy: 'Try again.' })
  return result
}

function pointOf(result: { readonly continuationPoint?: Buffer | null }): Buffer | undefined {
  return result.continuationPoint?.length ? result.continuationPoint : undefined
}

function placesIn(references: readonly ReferenceDescription[], path: readonly string[], seen: Set<string>): Place[] {
  return references.flatMap((it) => {
    const key = it.nodeId.toString()
    // A node on another server cannot be read here.
    if (seen.has(key) || (it.nodeId as { serverIndex?: number }).serverIndex) return []
    seen.add(key)
    const name = it.browseName.name ?? key
    return [{ nodeId: it.nodeId, name, path, isVariable: it.nodeClass === NodeClass.Variable }]
  })
}

/** Pages of what has all the words in its names, itself and what is above it; at most one `Stopped`, at the end. */
async function* search(
  open: Open,
  start: Place,
  text: string,
  signal: AbortSignal,
  bounds: SearchBounds,
): AsyncGenerator<(Place | Stopped)[]> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const matches = ({ path, name }: Place) => {
    const whole = [...path, name].join('/').toLowerCase()
    return words.every((it) => whole.includes(it))
  }
  const began = performance.now()
  const waiting = { objects: [start], variables: [] as Place[], server: [] as Place[] }
  const seen = new Set([start.nodeId.toString()])
  if (start.name !== '' && matches(start)) yield [start]
  for (;;) {
    const queue = [waiting.objects, waiting.variables, waiting.server].find((it) => it.length > 0)
    const [next] = queue ?? []
    if (!queue || !next || signal.aborted) return
    const spent = performance.now() - began
    if (seen.size > bounds.nodesMax) return yield [{ stopped: `it has seen ${seen.size} nodes`, at: next }]
    if (spent > bounds.msMax) return yield [{ stopped: `it has taken ${Math.round(spent / 1000)} s`, at: next }]
    for await (const page of childrenOf(open, queue.splice(0, open.facts.limits.browse), signal)) {
      const fresh = page.filter((it) => !seen.has(it.nodeId.toString()))
      for (const it of fresh) {
        const key = it.nodeId.toString()
        seen.add(key)
        const kind = key === SERVER ? 'server' : it.isVariable ? 'variables' : 'objects'
        if (it.path.length < DEPTH_MAX) waiting[kind].push(it)
      }
      const hits = fresh.filter(matches)
      if (hits.length > 0) yield hits
      if (seen.size > bounds.nodesMax) break
    }
  }
}
