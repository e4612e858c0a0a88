// Kafka's encoding of requests and answers. "Compact" is that of the flexible versions: lengths as unsigned varints, one more than they are.

export interface Encoder {
  int8(n: number): Encoder
  int16(n: number): Encoder
  int32(n: number): Encoder
  int64(n: bigint): Encoder
  /** Two bytes of length; null is −1. */
  text(value: string | null): Encoder
  bytes(value: Uint8Array): Encoder
  compactText(value: string | null): Encoder
  varint(n: number): Encoder
  array<T>(items: readonly T[], each: (item: T) => void): Encoder
  /** Writes an empty list of tagged fields after each. */
  compactArray<T>(items: readonly T[], each: (item: T) => void): Encoder
  noTags(): Encoder
  /** Bytes that are handed on as they are, without a copy. */
  append(...buffers: readonly Buffer[]): Encoder
  take(): Buffer[]
}

const FIRST_BYTES = 512

export function encoder(): Encoder {
  const done: Buffer[] = []
  let bytes = Buffer.allocUnsafe(FIRST_BYTES)
  let start = 0
  let at = 0

  function room(more: number): void {
    if (at + more <= bytes.length) return
    const next = Buffer.allocUnsafe(Math.max(bytes.length * 2, at - start + more))
    bytes.copy(next, 0, start, at)
    at -= start
    start = 0
    bytes = next
  }

  function raw(value: Uint8Array): void {
    room(value.length)
    bytes.set(value, at)
    at += value.length
  }

  const self: Encoder = {
    int8(n) {
      room(1)
      at = bytes.writeInt8(n, at)
      return self
    },
    int16(n) {
      room(2)
      at = bytes.writeInt16BE(n, at)
      return self
    },
    int32(n) {
      room(4)
      at = bytes.writeInt32BE(n, at)
      return self
    },
    int64(n) {
      room(8)
      at = bytes.writeBigInt64BE(n, at)
      return self
    },
    text(value) {
      if (value === null) return self.int16(-1)
      const utf8 = Buffer.from(value, 'utf8')
      self.int16(utf8.length)
      raw(utf8)
      return self
    },
    bytes(value) {
      self.int32(value.length)
      raw(value)
      return self
    },
    compactText(value) {
      if (value === null) return self.varint(0)
      const utf8 = Buffer.from(value, 'utf8')
      self.varint(utf8.length + 1)
      raw(utf8)
      return self
    },
    varint(n) {
      room(5)
      let rest = n
      for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128
      bytes[at++] = rest
      return self
    },
    array(items, each) {
      self.int32(items.length)
      for (const it of items) each(it)
      return self
    },
    compactArray(items, each) {
      self.varint(items.length + 1)
      for (const it of items) {
        each(it)
        self.noTags()
      }
      return self
    },
    noTags: () => self.varint(0),
    append(...buffers) {
      done.push(bytes.subarray(start, at), ...buffers)
      start = at
      return self
    },
    take() {
      done.push(bytes.subarray(start, at))
      start = at
      return done.splice(0)
    },
  }
  return self
}

/** Every reading beyond the end throws a RangeError: the answer is not one. */
export interface Decoder {
  int8(): number
  int16(): number
  int32(): number
  int64(): bigint
  text(): string | null
  bytes(): Buffer
  compactText(): string | null
  array<T>(each: () => T): T[]
  compactArray<T>(each: () => T): T[]
  /** Tagged fields; those that `known` does not name are passed over. */
  tags(known?: Readonly<Record<number, () => void>>): void
  /** All that was not read yet. */
  rest(): Buffer
}

export function decoder(bytes: Buffer): Decoder {
  let at = 0

  function take(length: number): number {
    if (length < 0 || at + length > bytes.length) throw new RangeError(`${length} bytes at ${at} of an answer of ${bytes.length}`)
    at += length
    return at - length
  }

  function varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[take(1)] as number
      value += (byte & 127) * factor
      if (byte < 128) return value
      if (factor > 2 ** 28) throw new RangeError(`a number without an end at ${at} of an answer`)
    }
  }

  function textOf(length: number): string | null {
    return length < 0 ? null : bytes.toString('utf8', take(length), at)
  }

  /** Each entry has a byte at least, so that a count that lies costs no memory. */
  function many<T>(count: number, each: () => T): T[] {
    if (count > bytes.length - at) throw new RangeError(`a list of ${count} at ${at} of an answer of ${bytes.length}`)
    return Array.from({ length: Math.max(0, count) }, each)
  }

  const self: Decoder = {
    int8: () => bytes.readInt8(take(1)),
    int16: () => bytes.readInt16BE(take(2)),
    int32: () => bytes.readInt32BE(take(4)),
    int64: () => bytes.readBigInt64BE(take(8)),
    text: () => textOf(self.int16()),
    bytes() {
      const length = self.int32()
      return bytes.subarray(take(Math.max(0, length)), at)
    },
    compactText: () => textOf(varint() - 1),
    array: (each) => many(self.int32(), each),
    compactArray: (each) => many(varint() - 1, each),
    tags(known = {}) {
      for (let left = varint(); left > 0; left--) {
        const tag = varint()
        const end = varint() + at
        if (end > bytes.length) throw new RangeError(`a field that ends at ${end} of an answer of ${bytes.length}`)
        known[tag]?.()
        at = end
      }
    },
    rest: () => bytes.subarray(take(bytes.length - at), at),
  }
  return self
}
