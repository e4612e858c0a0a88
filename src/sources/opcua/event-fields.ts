// What is asked of each event, and what becomes of it: one line of JSON.
import {
  AttributeIds,
  ContentFilter,
  ContentFilterElement,
  coerceNodeId,
  DataType,
  EventFilter,
  FilterOperator,
  LiteralOperand,
  type NodeId,
  ObjectTypeIds,
  QualifiedName,
  SimpleAttributeOperand,
  Variant,
} from 'node-opcua-client'
import { jsonText } from './json-text.ts'
import { nameNode } from './nodes.ts'

/** Asked for always, in this order: by them an event is known, sorted out and put in its place in time. */
const ALWAYS = ['EventId', 'EventType', 'Time', 'Severity'] as const
const FIELDS_DEFAULT = ['SourceNode', 'SourceName', 'Message', 'ConditionName', 'ActiveState/Id', 'AckedState/Id']

/** Where a field that is not of every event is declared: some servers look it up there alone. */
const DECLARED_IN: Readonly<Record<string, number>> = {
  ConditionName: ObjectTypeIds.ConditionType,
  BranchId: ObjectTypeIds.ConditionType,
  Retain: ObjectTypeIds.ConditionType,
  'EnabledState/Id': ObjectTypeIds.ConditionType,
  Comment: ObjectTypeIds.ConditionType,
  Quality: ObjectTypeIds.ConditionType,
  'AckedState/Id': ObjectTypeIds.AcknowledgeableConditionType,
  'ConfirmedState/Id': ObjectTypeIds.AcknowledgeableConditionType,
  'ActiveState/Id': ObjectTypeIds.AlarmConditionType,
  InputNode: ObjectTypeIds.AlarmConditionType,
}

export function fieldsOf(asked: readonly string[] | undefined): readonly string[] {
  return [...new Set([...ALWAYS, ...(asked ?? FIELDS_DEFAULT)])]
}

/** With the least severity only where it keeps something out: not every server has all of a filter. */
export function eventFilter(fields: readonly string[], severity: number, namespaces: readonly string[]): EventFilter {
  const selectClauses = fields.map((it) => operand(it, namespaces))
  if (severity <= 1) return new EventFilter({ selectClauses })
  const least = new LiteralOperand({ value: new Variant({ dataType: DataType.UInt16, value: severity }) })
  const element = new ContentFilterElement({
    filterOperator: FilterOperator.GreaterThanOrEqual,
    filterOperands: [operand('Severity', namespaces), least],
  })
  return new EventFilter({ selectClauses, whereClause: new ContentFilter({ elements: [element] }) })
}

function operand(field: string, namespaces: readonly string[]): SimpleAttributeOperand {
  return new SimpleAttributeOperand({
    attributeId: AttributeIds.Value,
    browsePath: namesOf(field, namespaces),
    typeDefinitionId: coerceNodeId(DECLARED_IN[field] ?? ObjectTypeIds.BaseEventType),
  })
}

/** `A/nsu=URI;B`, where a URI may have slashes of its own. */
function namesOf(field: string, namespaces: readonly string[]): QualifiedName[] {
  return [...field.matchAll(/(?:nsu=([^;]+);)?([^/]+)(?:\/|$)/g)].map(([, uri, name]) => {
    const index = uri === undefined ? 0 : namespaces.indexOf(uri.replaceAll('%3B', ';').replaceAll('%25', '%'))
    // A namespace that is not there today has no such field: the server says so for each event by a null.
    return new QualifiedName({ name: name as string, namespaceIndex: index < 0 ? 65_535 : index })
  })
}

/** Fields that the event does not have are left out. Throws where a value contradicts its own description. */
export function eventText(
  fields: readonly string[],
  values: readonly Variant[],
  namespaces: readonly string[],
  isRefresh: boolean,
): string {
  const parts = fields.flatMap((name, at) => {
    const value = values[at]
    if (!value || value.dataType === DataType.Null || value.value === null || value.value === undefined) return []
    return [`${JSON.stringify(name)}:${valueText(value, namespaces)}`]
  })
  // A condition that is told again because we asked, not because it changed.
  if (isRefresh) parts.push('"refresh":true')
  return `{${parts.join(',')}}`
}

function valueText(value: Variant, namespaces: readonly string[]): string {
  const isNode = value.dataType === DataType.NodeId || value.dataType === DataType.ExpandedNodeId
  return isNode && isSingleNode(value.value) ? JSON.stringify(nameNode(value.value, namespaces)) : jsonText(value)
}

function isSingleNode(value: unknown): value is NodeId {
  return typeof (value as Partial<NodeId>).namespace === 'number'
}
