// Node ids of the settings as the server numbers them today, and what it says of these nodes.
import {
  AttributeIds,
  type ClientSession,
  coerceNodeId,
  type DataValue,
  type NodeId,
  StatusCodes,
  VariableIds,
} from 'node-opcua-client'
import type { ValueKind } from '../../core/reading.ts'
import { inChunks, type Limits, PER_CALL_DEFAULT } from './limits.ts'

/** Reading history costs a server more than reading a value. */
const HISTORY_PER_CALL_DEFAULT = 100
const BROWSE_PER_CALL_DEFAULT = 200

export interface ServerFacts {
  /** Index of a namespace is its place here. It may change with each restart of the server. */
  readonly namespaces: readonly string[]
  readonly limits: Limits
}

export async function readFacts(session: ClientSession): Promise<ServerFacts> {
  const first: Limits = { read: PER_CALL_DEFAULT, items: 1, browse: 1, history: 1 }
  const [namespaces, reads, items, browses, history] = await readValues(session, first, [
    coerceNodeId(VariableIds.Server_NamespaceArray),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData),
  ])
  return {
    namespaces: namespaces?.value?.value ?? [],
    limits: {
      // What was learned just now holds as well.
      read: Math.min(first.read, limit(reads, PER_CALL_DEFAULT)),
      items: limit(items, PER_CALL_DEFAULT),
      browse: limit(browses, BROWSE_PER_CALL_DEFAULT),
      history: limit(history, HISTORY_PER_CALL_DEFAULT),
    },
  }
}

function limit(data: DataValue | undefined, most: number): number {
  const stated = data?.statusCode.isGood() ? Number(data.value.value) : 0
  return stated > 0 ? Math.min(stated, most) : most
}

/** The library sends whatever it is given in one call, and a server refuses too long a one whole. */
export function readAttributes(
  session: ClientSession,
  limits: Limits,
  reads: readonly { readonly nodeId: NodeId; readonly attributeId: AttributeIds }[],
): Promise<DataValue[]> {
  return inChunks(limits, 'read', reads, (chunk) => session.read(chunk))
}

export function readValues(session: ClientSession, limits: Limits, nodes: readonly NodeId[]): Promise<DataValue[]> {
  return readAttributes(
    session,
    limits,
    nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
  )
}

/** `nsu=URI;…` with today's index. Undefined: the server has no such namespace, or no such id can be. */
export function resolveNode(node: string, namespaces: readonly string[]): NodeId | undefined {
  const [, uri, rest] = /^nsu=([^;]+);(.+)$/s.exec(node) ?? []
  const index = uri === undefined ? 0 : namespaces.indexOf(uri.replaceAll('%3B', ';').replaceAll('%25', '%'))
  if (index < 0) return undefined
  try {
    return coerceNodeId(uri === undefined ? node : `ns=${index};${rest}`)
  } catch {
    return undefined
  }
}

/** As the settings name it: it holds after a restart of the server too. */
export function nameNode(nodeId: NodeId, namespaces: readonly string[]): string {
  const id = nodeId.toString().replace(/^ns=\d+;/, '')
  const uri = namespaces[nodeId.namespace]
  if (nodeId.namespace === 0) return id
  return uri === undefined ? `ns=${nodeId.namespace};${id}` : `nsu=${uri.replaceAll('%', '%25').replaceAll(';', '%3B')};${id}`
}

/** The kinds that the nodes' data types will yield, where the type says so: a bad first value then does not open a series of another kind. */
export async function readKinds(
  session: ClientSession,
  limits: Limits,
  nodes: readonly NodeId[],
): Promise<(ValueKind | undefined)[]> {
  const read = (attributeId: AttributeIds) =>
    readAttributes(
      session,
      limits,
      nodes.map((nodeId) => ({ nodeId, attributeId })),
    )
  const types = await read(AttributeIds.DataType)
  const ranks = await read(AttributeIds.ValueRank)
  return nodes.map((_, at) => kindOf(types[at], ranks[at]))
}

/** By the number of the standard's type. */
export const KIND_BY_TYPE: ReadonlyMap<number, ValueKind> = new Map<number, ValueKind>([
  [1, 'bool'],
  ...[2, 3, 4, 5, 6, 7, 8, 9, 13, 19, 27, 28, 29, 294].map((id): [number, ValueKind] => [id, 'long']),
  ...[10, 11, 290].map((id): [number, ValueKind] => [id, 'double']),
  ...[12, 14, 16, 17, 18, 20, 21, 22, 295].map((id): [number, ValueKind] => [id, 'string']),
  [15, 'bytes'],
])
const RANK_SCALAR = -1

export function kindOf(type: DataValue | undefined, rank: DataValue | undefined): ValueKind | undefined {
  if (!rank?.statusCode.isGood() || !type?.statusCode.isGood()) return undefined
  if (rank.value.value >= 0) return 'string'
  const id: NodeId | null = type.value.value
  return rank.value.value === RANK_SCALAR && id?.namespace === 0 ? KIND_BY_TYPE.get(Number(id.value)) : undefined
}

export const NODE_UNKNOWN = StatusCodes.BadNodeIdUnknown
export const NODE_REMEDY = 'Check the node id and the rights of the user; `sources browse` shows what the server has.'
