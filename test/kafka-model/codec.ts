// Kafka's types, in the classic and in the flexible encoding (compact lengths, tagged fields): the call's version decides which.

export interface Reader {
  int8(): number
  int16(): number
  int32(): number
  int64(): bigint
  text(): string | null
  bytes(): Buffer
  array<T>(each: () => T): T[]
  /** The end of a structure. */
  end(): void
}

export function reader(bytes: Buffer, isFlexible: boolean): Reader {
  let at = 0
  const move = (by: number) => (at += by) - by
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
  }
  const it: Reader = {
    int8: () => bytes.readInt8(move(1)),
    int16: () => bytes.readInt16BE(move(2)),
    int32: () => bytes.readInt32BE(move(4)),
    int64: () => bytes.readBigInt64BE(move(8)),
    text() {
      const length = isFlexible ? varint() - 1 : it.int16()
      return length < 0 ? null : bytes.toString('utf8', move(length), at)
    },
    bytes() {
      const length = isFlexible ? varint() - 1 : it.int32()
      const from = move(Math.max(0, length))
      return bytes.subarray(from, at)
    },
    array(each) {
      const count = isFlexible ? varint() - 1 : it.int32()
      return Array.from({ length: Math.max(0, count) }, each)
    },
    end() {
      if (!isFlexible) return
      for (let left = varint(); left > 0; left--) {
        varint()
        move(varint())
      }
    },
  }
  return it
}

export interface Writer {
  int8(n: number): Writer
  int16(n: number): Writer
  int32(n: number): Writer
  int64(n: bigint): Writer
  text(it: string | null): Writer
  bytes(it: Buffer): Writer
  array<T>(list: readonly T[], each: (it: T) => void): Writer
  end(): Writer
  /** A finalised feature of the cluster, as ApiVersions tags it. */
  tag(number: number, body: Writer): Writer
  take(): Buffer
}

export function writer(isFlexible: boolean): Writer {
  const parts: Buffer[] = []
  const fixed = (size: number, write: (bytes: Buffer) => void) => {
    const bytes = Buffer.alloc(size)
    write(bytes)
    parts.push(bytes)
    return it
  }
  const varint = (n: number) => {
    let rest = n
    for (; rest > 127; rest >>>= 7) parts.push(Buffer.from([(rest & 127) | 128]))
    parts.push(Buffer.from([rest]))
  }
  const raw = (bytes: Buffer) => {
    parts.push(bytes)
    return it
  }
  const it: Writer = {
    int8: (n) => fixed(1, (bytes) => bytes.writeInt8(n)),
    int16: (n) => fixed(2, (bytes) => bytes.writeInt16BE(n)),
    int32: (n) => fixed(4, (bytes) => bytes.writeInt32BE(n)),
    int64: (n) => fixed(8, (bytes) => bytes.writeBigInt64BE(n)),
    text(text) {
      const bytes = Buffer.from(text ?? '')
      if (isFlexible) varint(text === null ? 0 : bytes.length + 1)
      else it.int16(text === null ? -1 : bytes.length)
      return raw(bytes)
    },
    bytes(bytes) {
      if (isFlexible) varint(bytes.length + 1)
      else it.int32(bytes.length)
      return raw(bytes)
    },
    array(list, each) {
      if (isFlexible) varint(list.length + 1)
      else it.int32(list.length)
      for (const one of list) each(one)
      return it
    },
    end() {
      if (isFlexible) varint(0)
      return it
    },
    tag(number, body) {
      const bytes = body.take()
      varint(1)
      varint(number)
      varint(bytes.length)
      return raw(bytes)
    },
    take: () => Buffer.concat(parts),
  }
  return it
}
