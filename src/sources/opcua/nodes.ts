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

/** Where the server states no limit. */
const PER_CALL_DEFAULT = 1_000

export interface ServerFacts {
  /** Index of a namespace is its place here. It may change with each restart of the server. */
  readonly namespaces: readonly string[]
  readonly nodesPerRead: number
  readonly itemsPerCall: number
}

export async function readFacts(session: ClientSession): Promise<ServerFacts> {
  const [namespaces, reads, items] = await readChunked(session, PER_CALL_DEFAULT, AttributeIds.Value, [
    coerceNodeId(VariableIds.Server_NamespaceArray),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
    coerceNodeId(VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
  ])
  return { namespaces: namespaces?.value?.value ?? [], nodesPerRead: limit(reads), itemsPerCall: limit(items) }
}

function limit(data: DataValue | undefined): number {
  const stated = data?.statusCode.isGood() ? Number(data.value.value) : 0
  return stated > 0 ? Math.min(stated, PER_CALL_DEFAULT) : PER_CALL_DEFAULT
}

/** One attribute of many nodes. The library sends whatever it is given in one call, and a server refuses too long a one whole. */
export async function readChunked(
  session: ClientSession,
  perCall: number,
  attributeId: AttributeIds,
  nodes: readonly NodeId[],
): Promise<DataValue[]> {
  const found: DataValue[] = []
  for (const chunk of chunks(nodes, perCall))
    found.push(...(await session.read(chunk.map((nodeId) => ({ nodeId, attributeId })))))
  return found
}

export function* chunks<T>(list: readonly T[], size: number): Iterable<T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size)
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

/** The kinds that the nodes' data types will yield, where the type says so: a bad first value then does not open a series of another kind. */
export async function readKinds(
  session: ClientSession,
  perCall: number,
  nodes: readonly NodeId[],
): Promise<(ValueKind | undefined)[]> {
  const types = await readChunked(session, perCall, AttributeIds.DataType, nodes)
  const ranks = await readChunked(session, perCall, AttributeIds.ValueRank, nodes)
  return nodes.map((_, at) => kindOf(types[at], ranks[at]))
}

const KIND_BY_TYPE = new Map<number, ValueKind>([
  [1, 'bool'],
  ...[2, 3, 4, 5, 6, 7, 8, 9, 13, 19, 27, 28, 29, 294].map((id): [number, ValueKind] => [id, 'long']),
  ...[10, 11, 290].map((id): [number, ValueKind] => [id, 'double']),
  ...[12, 14, 16, 17, 18, 20, 21, 22, 295].map((id): [number, ValueKind] => [id, 'string']),
  [15, 'bytes'],
])
const RANK_SCALAR = -1

function kindOf(type: DataValue | undefined, rank: DataValue | undefined): ValueKind | undefined {
  if (!rank?.statusCode.isGood() || !type?.statusCode.isGood()) return undefined
  if (rank.value.value >= 0) return 'string'
  const id: NodeId | null = type.value.value
  return rank.value.value === RANK_SCALAR && id?.namespace === 0 ? KIND_BY_TYPE.get(Number(id.value)) : undefined
}

export const NODE_UNKNOWN = StatusCodes.BadNodeIdUnknown
export const NODE_REMEDY = 'Check the node id and the rights of the user; `sources browse` shows what the server has.'
