// Readings and gaps as they stand in the topics (flat JSON), cut down to what a proof needs.

export interface PlantRecord {
  /** `device:epoch:class`: the stream that `seq` counts. */
  readonly stream: string
  readonly device: string
  readonly seq: number
  readonly tag: string
  /** Source time, microseconds. */
  readonly ts: number
  readonly value: number | bigint | boolean | string | null
  readonly quality: string
}

/** A reading, or undefined when it is none. Integers beyond the safe ones come as text and become bigint. */
export function plantRecordOf(json: unknown): PlantRecord | undefined {
  const it = fieldsOf(json)
  const { device, epoch, class: name, tag, ts, seq, quality } = it
  if (typeof tag !== 'string' || typeof ts !== 'number' || typeof seq !== 'number' || typeof device !== 'string') return undefined
  return {
    stream: `${device}:${String(epoch)}:${String(name)}`,
    device,
    seq,
    tag,
    ts,
    value: valueIn(it),
    quality: String(quality ?? 'good'),
  }
}

export interface PlantGap {
  readonly stream: string
  readonly from: number
  readonly to: number
}

/** A gap record's sequences [from, to), of the readings it names; in the record, `seq_to` is the last one of them. */
export function plantGapOf(json: unknown): PlantGap | undefined {
  const { device, epoch, class: name, seq_from: from, seq_to: to } = fieldsOf(json)
  if (typeof device !== 'string' || typeof from !== 'number' || typeof to !== 'number') return undefined
  return { stream: `${device}:${String(epoch)}:${String(name)}`, from, to: to + 1 }
}

function fieldsOf(json: unknown): Record<string, unknown> {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
}

function valueIn(it: Record<string, unknown>): PlantRecord['value'] {
  const { value_double: double, value_long: long, value_bool: bool, value_string: string } = it
  if (typeof bool === 'boolean' || typeof string === 'string') return (bool ?? string) as boolean | string
  if (typeof long === 'number') return long
  if (typeof long === 'string' && /^-?\d+$/.test(long)) return BigInt(long)
  return typeof double === 'number' ? double : null
}
