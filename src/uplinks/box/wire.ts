// A transaction to and from bytes; README.md beside this file says how they look. What comes from outside is checked in full: shape, sizes, and that
// every slice's block lies in the body. Whether a block can be read shows where it is stored.
import { z } from 'zod'
import type { BoxTransaction } from '../../core/boxes.ts'
import type { Slice } from '../../core/log.ts'
import type { StreamIntervals } from '../../core/stream.ts'
import { streamKey, streamOf } from '../../core/stream.ts'

const MAGIC = 0x4254
const VERSION = 1
const PREFIX_BYTES = 8
/** More than any transaction has: the largest single block, and what describes it. */
export const BODY_BYTES_MAX = 64_000_000

const sequence = z.number().int().min(0)
const number = z.number().finite()
const key = z.string().regex(/^[^:\p{Cc}]{1,128}:[0-9a-f]{32}:[^:\p{Cc}]{0,128}:(raw|aggregate|gap|event)$/u)
const range = z.tuple([key, sequence, sequence]).refine(([, from, to]) => from < to)
const intervals = z
  .array(z.tuple([sequence, sequence]))
  .refine((list) => list.every(([from, to], n) => from < to && from >= (list[n - 1]?.[1] ?? 0)))
const time = z.strictObject({ quality: z.enum(['synchronised', 'corrected', 'relative']), shiftUs: number })
const line = z.strictObject({
  sequence,
  stream: key,
  from: sequence,
  to: sequence,
  timeFrom: number,
  timeTo: number,
  count: sequence,
  exact: z.boolean(),
  action: z.enum(['dropped', 'aggregated', 'refused', 'damaged', 'overflowed', 'elsewhere']),
  reason: z.string().max(1_000),
  at: number,
})
const event = z.strictObject({ sequence, text: z.string().max(100_000) })
const place = { stream: key, from: sequence, to: sequence }
const slice = z.discriminatedUnion('form', [
  z.strictObject({ form: z.enum(['raw', 'aggregate']), ...place, bytes: sequence, time: time.optional() }),
  z.strictObject({ form: z.literal('gap'), ...place, rows: z.array(line) }),
  z.strictObject({ form: z.literal('event'), ...place, rows: z.array(event) }),
])
const series = z.strictObject({
  id: z.number().int().min(0).max(0xffff_ffff),
  tag: z.string().min(1).max(1_000),
  class: z.string().max(128),
  kind: z.enum(['double', 'long', 'bool', 'string', 'bytes']),
  unit: z.string().max(100).optional(),
  boxTime: z.boolean().optional(),
})
const head = z.strictObject({
  transaction: sequence,
  delivered: z.array(z.tuple([key, intervals])),
  ranges: z.array(range),
  elsewhere: z.array(range),
  series: z.array(series),
  slices: z.array(slice),
})
type Head = z.infer<typeof head>

const positionSchema = z.strictObject({ transaction: sequence, delivered: z.array(z.tuple([key, intervals])) })
export const sessionSchema = z.object({ session: z.string().min(1).max(100), position: positionSchema.nullable() })
export const refusalSchema = z.object({
  code: z.string().max(100),
  text: z.string().max(2_000),
  classes: z.array(z.string().max(128)).optional(),
  remedy: z.string().max(2_000).optional(),
})

type WirePosition = z.infer<typeof positionSchema>

export function positionToWire({ transaction, delivered }: Pick<BoxTransaction, 'transaction' | 'delivered'>): WirePosition {
  return { transaction, delivered: [...delivered].map(([stream, set]) => [stream, set.map((it) => [it.from, it.to])]) }
}

export function positionFromWire({ transaction, delivered }: WirePosition): Pick<BoxTransaction, 'transaction' | 'delivered'> {
  return { transaction, delivered: intervalsOf(delivered) }
}

function intervalsOf(delivered: WirePosition['delivered']): StreamIntervals {
  return new Map(delivered.map(([stream, set]) => [stream, set.map(([from, to]) => ({ from, to }))]))
}

export function encodeTransaction({
  transaction,
  delivered,
  ranges,
  elsewhere,
  series: described,
  slices,
}: Omit<BoxTransaction, 'device'>): Buffer {
  const blocks: Uint8Array[] = []
  const text: Head = {
    ...positionToWire({ transaction, delivered }),
    ranges: ranges.map(({ stream, from, to }) => [stream, from, to]),
    elsewhere: elsewhere.map(({ stream, from, to }) => [stream, from, to]),
    series: described.map(({ id, tag, class: name, kind, unit, boxTime }) => ({ id, tag, class: name, kind, unit, boxTime })),
    slices: slices.map((it) => {
      const { from, to } = it
      const stream = streamKey(it.stream)
      if (it.form === 'event') return { form: it.form, stream, from, to, rows: [...it.rows] }
      if (it.form === 'gap')
        return { form: it.form, stream, from, to, rows: it.rows.map((row) => ({ ...row, stream: streamKey(row.stream) })) }
      blocks.push(it.block)
      return { form: it.form, stream, from, to, bytes: it.block.length, time: it.time }
    }),
  }
  const headBytes = Buffer.from(JSON.stringify(text), 'utf8')
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt16LE(MAGIC, 0)
  prefix.writeUInt16LE(VERSION, 2)
  prefix.writeUInt32LE(headBytes.length, 4)
  return Buffer.concat([prefix, headBytes, ...blocks])
}

/** Throws RangeError that says what is wrong with it. */
export function decodeTransaction(body: Buffer, device: string): BoxTransaction {
  if (body.length < PREFIX_BYTES || body.readUInt16LE(0) !== MAGIC) throw new RangeError('no transaction of this product')
  const version = body.readUInt16LE(2)
  if (version !== VERSION) throw new RangeError(`a transaction of version ${version}; this program knows ${VERSION}`)
  const headEnd = PREFIX_BYTES + body.readUInt32LE(4)
  if (headEnd > body.length) throw new RangeError('a transaction that is cut off')
  const parsed = head.safeParse(jsonOf(body.toString('utf8', PREFIX_BYTES, headEnd)))
  if (!parsed.success) throw new RangeError(`a head that cannot be: ${z.prettifyError(parsed.error).slice(0, 300)}`)
  const { transaction, delivered, ranges, elsewhere, series: described, slices } = parsed.data
  let at = headEnd
  const take = (bytes: number): Uint8Array => {
    if (at + bytes > body.length) throw new RangeError('blocks that are cut off')
    at += bytes
    return new Uint8Array(body.subarray(at - bytes, at))
  }
  const found = slices.map((it) => sliceOf(it, take))
  if (at !== body.length) throw new RangeError('more blocks than slices')
  return {
    device,
    transaction,
    delivered: intervalsOf(delivered),
    ranges: ranges.map(([stream, from, to]) => ({ stream, from, to })),
    elsewhere: elsewhere.map(([stream, from, to]) => ({ stream, from, to })),
    series: described.map(({ unit, boxTime, ...it }) => ({
      ...it,
      ...(unit !== undefined && { unit }),
      ...(boxTime && { boxTime }),
    })),
    slices: found,
  }
}

function sliceOf(it: Head['slices'][number], take: (bytes: number) => Uint8Array): Slice {
  const { from, to } = it
  const stream = streamOf(it.stream)
  if (stream.form !== it.form || from >= to) throw new RangeError(`a slice that cannot be: ${it.stream} ${from} to ${to}`)
  if (it.form === 'event') return { form: 'event', stream, from, to, rows: it.rows }
  if (it.form === 'gap')
    return { form: 'gap', stream, from, to, rows: it.rows.map((row) => ({ ...row, stream: streamOf(row.stream) })) }
  return { form: it.form, stream, from, to, block: take(it.bytes), ...(it.time && { time: it.time }) }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RangeError('a head that is no JSON')
  }
}
