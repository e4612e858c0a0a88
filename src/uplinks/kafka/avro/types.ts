// Gap records and events in Avro, and records of any form back to what they say in JSON: by avsc, a few a second.
import avro from 'avsc'
import type { Form } from '../../../core/stream.ts'
import { schemaOf } from './schemas.ts'

/** Confluent's frame: a zero and the schema's id, big endian. */
const FRAME_BYTES = 5

/** Integers beyond what a double holds exactly come as bigints, and go in so. */
const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => small(bytes.readBigInt64LE()),
  toBuffer(value: number | bigint) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a === b ? 0 : a < b ? -1 : 1),
})

function small(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function typeOf(form: Form): avro.Type {
  return avro.Type.forSchema(schemaOf(form) as avro.Schema, { registry: { long: longType }, wrapUnions: 'auto' })
}

const TYPES: Readonly<Record<Form, avro.Type>> = {
  raw: typeOf('raw'),
  aggregate: typeOf('aggregate'),
  gap: typeOf('gap'),
  event: typeOf('event'),
}

/** Without the frame. Throws when the value is not of the schema. */
export function encodeAvro(form: Form, value: object): Buffer {
  return TYPES[form].toBuffer(value)
}

/** Whether a value has the frame of a schema registry; JSON never has. */
export function isAvro(value: Uint8Array): boolean {
  return value.length > FRAME_BYTES && value[0] === 0
}

/** What a value with its frame says, by the schema of this program; fields that are null are left out. Throws when it is of another one. */
export function decodeAvro(form: Form, value: Buffer): Record<string, unknown> {
  return plain(TYPES[form].fromBuffer(value.subarray(FRAME_BYTES))) as Record<string, unknown>
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const present = Object.entries(value).filter(([, it]) => it !== null)
  return Object.fromEntries(present.map(([name, it]) => [name, plain(it)]))
}

export function frameOf(id: number): string {
  const frame = Buffer.alloc(FRAME_BYTES)
  frame.writeUInt32BE(id, 1)
  return frame.toString('latin1')
}
