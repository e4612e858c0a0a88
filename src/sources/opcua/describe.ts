// One line about each of many nodes: value, type, unit, range, and the line of the settings that reads it.
import {
  AttributeIds,
  BrowseDirection,
  DataType,
  type DataValue,
  NodeClassMask,
  type NodeId,
  type ReferenceDescription,
  ReferenceTypeIds,
  ResultMask,
} from 'node-opcua-client'
import { QUALITIES } from '../../core/reading.ts'
import type { BrowseEntry, BrowseValue } from '../../core/source.ts'
import type { Open, Place } from './browse.ts'
import { qualityOf } from './decode.ts'
import { inChunks } from './limits.ts'
import { kindOf, nameNode, readAttributes } from './nodes.ts'
import { type Decoded, decode } from './values.ts'

const TEXT_MAX = 200
const PROPERTY = `ns=0;i=${ReferenceTypeIds.HasProperty}`

interface Below {
  readonly isFolder: boolean
  readonly unit?: NodeId
  readonly range?: NodeId
}

export async function describeAll(open: Open, places: readonly Place[]): Promise<BrowseEntry[]> {
  const { session, facts } = open
  const variables = places.filter((it) => it.isVariable)
  const below = new Map((await lookBelow(open, variables)).map((it, at) => [variables[at] as Place, it]))
  const reads: { nodeId: NodeId; attributeId: AttributeIds }[] = []
  const ask = (nodeId: NodeId | undefined, attributeId = AttributeIds.Value) =>
    nodeId === undefined ? -1 : reads.push({ nodeId, attributeId }) - 1
  const asked = places.map((it) => ({
    description: ask(it.nodeId, AttributeIds.Description),
    value: it.isVariable ? ask(it.nodeId) : -1,
    type: it.isVariable ? ask(it.nodeId, AttributeIds.DataType) : -1,
    rank: it.isVariable ? ask(it.nodeId, AttributeIds.ValueRank) : -1,
    unit: ask(below.get(it)?.unit),
    range: ask(below.get(it)?.range),
  }))
  const answers = await readAttributes(session, facts.limits, reads)
  const typeNames = await namesOf(
    open,
    asked.flatMap((it) => nodeIn(answers[it.type]) ?? []),
  )
  return places.map((place, at): BrowseEntry => {
    const it = asked[at] as (typeof asked)[number]
    const node = nameNode(place.nodeId, facts.namespaces)
    const unit = textOf(answers[it.unit], 'displayName')
    const description = answers[it.description]?.value?.value?.text
    const { low, high } = answers[it.range]?.value?.value ?? {}
    const type = nodeIn(answers[it.type])
    const value = valueOf(answers[it.value], kindOf(answers[it.type], answers[it.rank]), typeNames.get(String(type)) ?? '')
    return {
      node,
      name: place.name,
      path: place.path,
      isFolder: below.get(place)?.isFolder ?? true,
      value,
      ...(unit && { unit }),
      ...(Number.isFinite(low) && Number.isFinite(high) && { range: [low, high] as const }),
      ...(description && description !== place.name && { description: String(description) }),
      ...(value && {
        line: { tag: [...place.path, place.name].join('/').slice(0, 400), node, ...(unit && { unit: unit.slice(0, 40) }) },
      }),
    }
  })
}

/** Whether there is something below a variable, and where its unit and range stand. */
async function lookBelow({ session, facts }: Open, variables: readonly Place[]): Promise<Below[]> {
  const results = await inChunks(facts.limits, 'browse', variables, (chunk) =>
    session.browse(
      chunk.map(({ nodeId }) => ({
        nodeId,
        browseDirection: BrowseDirection.Forward,
        referenceTypeId: ReferenceTypeIds.HierarchicalReferences,
        includeSubtypes: true,
        nodeClassMask: NodeClassMask.Object | NodeClassMask.Variable,
        resultMask: ResultMask.BrowseName | ResultMask.ReferenceType,
      })),
    ),
  )
  const open = results.flatMap((it) => (it.continuationPoint?.length ? [it.continuationPoint] : []))
  if (open.length > 0) await inChunks(facts.limits, 'browse', open, (chunk) => session.browseNext(chunk, true)).catch(() => {})
  return results.map((it) => belowOf(it.references ?? []))
}

function belowOf(references: readonly ReferenceDescription[]): Below {
  const named = (name: string) =>
    references.find((it) => it.browseName.namespaceIndex === 0 && it.browseName.name === name)?.nodeId
  const [unit, range] = [named('EngineeringUnits'), named('EURange')]
  return {
    isFolder: references.some((it) => it.referenceTypeId.toString() !== PROPERTY),
    ...(unit && { unit }),
    ...(range && { range }),
  }
}

function nodeIn(data: DataValue | undefined): NodeId | undefined {
  return data?.statusCode.isGood() ? (data.value?.value ?? undefined) : undefined
}

function textOf(data: DataValue | undefined, field: string): string | undefined {
  const text = data?.statusCode.isGood() ? data.value?.value?.[field]?.text : undefined
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** The names of data types: of the built-in ones by heart, of others by asking. */
async function namesOf({ session, facts }: Open, types: readonly NodeId[]): Promise<Map<string, string>> {
  const byKey = new Map(types.map((it) => [it.toString(), it]))
  const names = new Map<string, string>()
  const unknown: NodeId[] = []
  for (const [key, type] of byKey) {
    const known = type.namespace === 0 ? DataType[Number(type.value)] : undefined
    if (known === undefined) unknown.push(type)
    else names.set(key, known)
  }
  const reads = unknown.map((nodeId) => ({ nodeId, attributeId: AttributeIds.BrowseName }))
  for (const [at, name] of (await readAttributes(session, facts.limits, reads)).entries())
    names.set(String(unknown[at]), String(name.value?.value?.name ?? unknown[at]))
  return names
}

function valueOf(data: DataValue | undefined, kind: BrowseValue['kind'] | undefined, type: string): BrowseValue | null {
  if (!data) return null
  const decoded = decode(data.value, undefined)
  return {
    kind: decoded.kind ?? kind ?? 'double',
    text: shown(decoded) || (data.statusCode.isGood() ? '' : data.statusCode.name),
    quality: QUALITIES[qualityOf(data.statusCode.value >>> 0) as 0 | 1 | 2],
    type,
  }
}

function shown({ kind, value, problem }: Decoded): string {
  const text = () => {
    if (value === undefined) return problem ?? ''
    if (value instanceof Uint8Array) return Buffer.from(value.subarray(0, TEXT_MAX)).toString('hex')
    return kind === 'bool' ? String(value === 1) : String(value)
  }
  const whole = text()
  return whole.length > TEXT_MAX ? `${whole.slice(0, TEXT_MAX - 1)}…` : whole
}
