// Values that somebody sets, on the session that the source has: one Write, in the type that the node has now, never sent a second time.
import { AttributeIds, DataType, type DataValue, type NodeId, Variant, VariantArrayType } from 'node-opcua-client'
import type { Control } from '../../core/cloud-command.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Value } from '../../core/reading.ts'
import type { Open } from './browse.ts'
import { within } from './connection.ts'
import { asUnreachable } from './failures.ts'
import { NODE_REMEDY, readValues, resolveNode } from './nodes.ts'
import type { OpcuaTag } from './settings.ts'
import { decode } from './values.ts'

const ANSWER_MS_MAX = 10_000
/** The server says that it has not even begun; after any other bad status nobody knows. */
const NOTHING_DONE =
  /^Bad(?:NotWritable|UserAccessDenied|TypeMismatch|OutOfRange|WriteNotSupported|NodeIdUnknown|NodeIdInvalid|AttributeIdInvalid|IndexRangeInvalid|NotSupported|InvalidArgument|InvalidState|Locked)$/

/** Whole numbers by type: bits, and whether there are negative ones. */
const INTEGERS: ReadonlyMap<DataType, { readonly bits: number; readonly isSigned: boolean }> = new Map([
  [DataType.SByte, { bits: 8, isSigned: true }],
  [DataType.Byte, { bits: 8, isSigned: false }],
  [DataType.Int16, { bits: 16, isSigned: true }],
  [DataType.UInt16, { bits: 16, isSigned: false }],
  [DataType.Int32, { bits: 32, isSigned: true }],
  [DataType.UInt32, { bits: 32, isSigned: false }],
  [DataType.Int64, { bits: 64, isSigned: true }],
  [DataType.UInt64, { bits: 64, isSigned: false }],
])

export function controlOf(tags: readonly OpcuaTag[], session: () => Open): Control {
  function find(tag: string): { it: OpcuaTag; nodeId: NodeId; open: Open } {
    const it = tags.find((one) => one.tag === tag)
    if (!it) throw wrong(tag, 'the source has no such tag')
    const open = session()
    const nodeId = resolveNode(it.node, open.facts.namespaces)
    if (!nodeId) throw wrong(tag, `the server has no namespace for ${it.node}`)
    return { it, nodeId, open }
  }

  async function dataOf(tag: string): Promise<DataValue> {
    const { nodeId, open } = find(tag)
    const [data] = await asked(() => readValues(open.session, open.facts.limits, [nodeId]))
    if (data && !data.statusCode.isBad()) return data
    const status = data?.statusCode.name ?? 'no answer'
    throw new Unreachable('node-refused', `${tag} cannot be read: ${status}`, { remedy: NODE_REMEDY })
  }

  const meant = async (tag: string, value: Value) => {
    const { value: now } = await dataOf(tag)
    return { now, variant: variantLike(tag, now, value) }
  }

  return {
    read: async (tag) => plainOf(tag, (await dataOf(tag)).value, find(tag).it),
    async prepare(tag, value) {
      const { now, variant } = await meant(tag, value)
      const { it } = find(tag)
      return { from: plainOf(tag, now, it), to: plainOf(tag, variant, it) }
    },
    async write(tag, value) {
      const { variant } = await meant(tag, value)
      const { nodeId, open } = find(tag)
      // The library keeps what is asked while it connects again, and would send it whenever that is done.
      if (open.session.isReconnecting) throw wrong(tag, 'the session is being taken up again: nothing was sent')
      const status = await asked(() => open.session.write({ nodeId, attributeId: AttributeIds.Value, value: { value: variant } }))
      if (status.isGood()) return
      if (NOTHING_DONE.test(status.name)) throw wrong(tag, `the server refuses the write: ${status.name}`)
      throw new Unreachable('write-doubtful', `the server says to the write: ${status.name}`)
    },
  }
}

async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await within(ANSWER_MS_MAX, 'no answer within 10 s: timeout', call)
  } catch (error) {
    throw asUnreachable(error, '')
  }
}

/** As the source reads it. */
function plainOf(tag: string, variant: Variant, { type }: OpcuaTag): Value {
  const { kind, value } = decode(variant, type)
  if (kind === undefined || value === undefined) throw wrong(tag, 'the node has no value of a kind that can be kept')
  return kind === 'bool' ? value === 1 : value
}

/** In the type of what the node has now. */
function variantLike(tag: string, now: Variant, value: Value): Variant {
  const { dataType, arrayType } = now
  if (arrayType !== VariantArrayType.Scalar) throw wrong(tag, 'an array cannot be written')
  return new Variant({ dataType, arrayType, value: valueIn(tag, dataType, value) })
}

function valueIn(tag: string, dataType: DataType, value: Value): unknown {
  const integer = INTEGERS.get(dataType)
  if (integer) return integerIn(tag, integer, value)
  if (dataType === DataType.Boolean) return typeof value === 'boolean' ? value : no(tag, 'takes true or false')
  if (dataType === DataType.String) return typeof value === 'string' ? value : no(tag, 'takes a text')
  if (dataType !== DataType.Float && dataType !== DataType.Double)
    return no(tag, `${DataType[dataType]} cannot be written: numbers, true or false, and texts can`)
  const number = typeof value === 'number' ? (dataType === DataType.Float ? Math.fround(value) : value) : Number.NaN
  return Number.isFinite(number) ? number : no(tag, `takes a number that fits into ${DataType[dataType]}`)
}

function integerIn(tag: string, { bits, isSigned }: { bits: number; isSigned: boolean }, value: Value): unknown {
  if (typeof value !== 'number' && typeof value !== 'bigint') return no(tag, 'takes a number')
  const whole = typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.round(value)) : no(tag, 'takes a number')
  const [least, most] = isSigned ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n] : [0n, (1n << BigInt(bits)) - 1n]
  if (whole < least || whole > most) return no(tag, `${value} does not fit into ${bits} bits`)
  if (bits < 64) return Number(whole)
  const raw = BigInt.asUintN(64, whole)
  return [Number(raw >> 32n), Number(raw & 0xffffffffn)]
}

function no(tag: string, text: string): never {
  throw wrong(tag, text)
}

function wrong(tag: string, text: string): BadInput {
  return new BadInput([{ where: tag, text }])
}
