// Sparkplug B's payload as protobuf lays it out: our own description of its messages, read by protobufjs' reader.
// What is not described (extensions, fields of later versions) is passed over. 64-bit integers are bigint, so nothing is rounded.
import type { Reader } from 'protobufjs/minimal.js'
import protobuf from 'protobufjs/minimal.js'

type Scalar = 'uint32' | 'uint64' | 'bool' | 'float' | 'double' | 'string' | 'bytes'
type Message = keyof typeof MESSAGES
type Field = readonly [name: string, type: string, list?: 'list']

const VALUES = ['intValue uint32', 'longValue uint64', 'floatValue float', 'doubleValue double', 'booleanValue bool'] as const
/** The fields of a value that stand in every message with one, from the number of the first on. */
const valuesFrom = (first: number): Record<number, Field> =>
  Object.fromEntries([...VALUES, 'stringValue string'].map((it, at) => [first + at, it.split(' ') as unknown as Field]))

const MESSAGES = {
  Payload: {
    1: ['timestamp', 'uint64'],
    2: ['metrics', 'Metric', 'list'],
    3: ['seq', 'uint64'],
  },
  Metric: {
    1: ['name', 'string'],
    2: ['alias', 'uint64'],
    3: ['timestamp', 'uint64'],
    4: ['datatype', 'uint32'],
    5: ['isHistorical', 'bool'],
    6: ['isTransient', 'bool'],
    7: ['isNull', 'bool'],
    9: ['properties', 'PropertySet'],
    ...valuesFrom(10),
    16: ['bytesValue', 'bytes'],
    17: ['datasetValue', 'DataSet'],
    18: ['templateValue', 'Template'],
  },
  PropertySet: { 1: ['keys', 'string', 'list'], 2: ['values', 'PropertyValue', 'list'] },
  PropertyValue: { 1: ['datatype', 'uint32'], 2: ['isNull', 'bool'], ...valuesFrom(3) },
  DataSet: { 2: ['columns', 'string', 'list'], 3: ['types', 'uint32', 'list'], 4: ['rows', 'Row', 'list'] },
  Row: { 1: ['elements', 'Cell', 'list'] },
  Cell: valuesFrom(1),
  Template: { 2: ['metrics', 'Metric', 'list'], 3: ['parameters', 'Parameter', 'list'], 5: ['isDefinition', 'bool'] },
  Parameter: { 1: ['name', 'string'], 2: ['datatype', 'uint32'], ...valuesFrom(3) },
} as const satisfies Record<string, Record<number, Field>>

export interface Carrier {
  readonly datatype?: number
  readonly isNull?: boolean
  readonly intValue?: number
  readonly longValue?: bigint
  readonly floatValue?: number
  readonly doubleValue?: number
  readonly booleanValue?: boolean
  readonly stringValue?: string
  readonly bytesValue?: Uint8Array
  readonly datasetValue?: DataSet
  readonly templateValue?: Template
}

export interface Metric extends Carrier {
  readonly name?: string
  readonly alias?: bigint
  readonly timestamp?: bigint
  readonly isHistorical?: boolean
  readonly properties?: { readonly keys?: readonly string[]; readonly values?: readonly Carrier[] }
}

export interface DataSet {
  readonly columns?: readonly string[]
  readonly types?: readonly number[]
  readonly rows?: readonly { readonly elements?: readonly Carrier[] }[]
}

export interface Template {
  readonly metrics?: readonly Metric[]
  readonly parameters?: readonly (Carrier & { readonly name?: string })[]
  readonly isDefinition?: boolean
}

export interface Payload {
  readonly timestamp?: bigint
  readonly seq?: bigint
  readonly metrics?: readonly Metric[]
}

/** Messages in one payload: two bytes make one, so a payload of a few MB could ask for more memory than there is. */
const MESSAGES_MAX = 50_000
/** Templates may hold templates. */
const DEPTH_MAX = 16

const WIRE_TYPE: Readonly<Record<string, number>> = { uint32: 0, uint64: 0, bool: 0, float: 5, double: 1 }
/** Protobuf's length-delimited. */
const DELIMITED = 2

/** Throws where the bytes are no payload. */
export function decodePayload(bytes: Uint8Array): Payload {
  const left = { messages: MESSAGES_MAX }
  return readMessage(protobuf.Reader.create(bytes), bytes.length, 'Payload', left, 0) as Payload
}

function readMessage(reader: Reader, end: number, message: Message, left: { messages: number }, depth: number): object {
  if (--left.messages < 0) throw new Error(`more than ${MESSAGES_MAX} parts`)
  if (depth > DEPTH_MAX) throw new Error(`nested deeper than ${DEPTH_MAX}`)
  const fields = MESSAGES[message] as Readonly<Record<number, Field>>
  const out: Record<string, unknown> = {}
  while (reader.pos < end) {
    const tag = reader.uint32()
    const field = fields[tag >>> 3]
    const wireType = tag & 7
    if (tag >>> 3 === 0) throw new Error('a field without a number')
    if (!field) skip(reader, wireType)
    else readField(reader, field, wireType, out, left, depth)
  }
  if (reader.pos !== end) throw new Error(`a ${message} runs past its end`)
  return out
}

function readField(
  reader: Reader,
  [name, type, list]: Field,
  wireType: number,
  out: Record<string, unknown>,
  left: { messages: number },
  depth: number,
): void {
  const wanted = WIRE_TYPE[type] ?? DELIMITED
  const values = list === undefined ? undefined : ((out[name] ??= []) as unknown[])
  if (values && wireType === DELIMITED && wanted !== DELIMITED) {
    // Lists of numbers may come packed.
    for (const end = reader.uint32() + reader.pos; reader.pos < end; ) values.push(readValue(reader, type, left, depth))
    return
  }
  if (wireType !== wanted) throw new Error(`${name} has the wire type ${wireType}`)
  const value = readValue(reader, type, left, depth)
  if (values) values.push(value)
  else out[name] = value
}

function readValue(reader: Reader, type: string, left: { messages: number }, depth: number): unknown {
  if (!Object.hasOwn(MESSAGES, type)) return readScalar(reader, type as Scalar)
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new Error(`a ${type} runs past the end`)
  return readMessage(reader, end, type as Message, left, depth + 1)
}

function readScalar(reader: Reader, type: Scalar): unknown {
  if (type !== 'uint64') return reader[type]()
  const { low, high } = reader.uint64() as unknown as { low: number; high: number }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

/** Groups are of an older protobuf; nobody sends them, and nested ones could go as deep as the payload is long. */
function skip(reader: Reader, wireType: number): void {
  if (wireType === 3 || wireType === 4) throw new Error('a group')
  reader.skipType(wireType)
}

const REBIRTH = 'Node Control/Rebirth'
const BOOLEAN = 11

/** The payload of an NCMD that asks for a birth. */
export function rebirthPayload(nowMs: number): Buffer {
  const metric = protobuf.Writer.create().uint32(0x0a).string(REBIRTH)
  metric.uint32(0x18).uint64(nowMs).uint32(0x20).uint32(BOOLEAN).uint32(0x70).bool(true)
  const payload = protobuf.Writer.create().uint32(0x08).uint64(nowMs).uint32(0x12).bytes(metric.finish())
  return Buffer.from(payload.finish())
}
