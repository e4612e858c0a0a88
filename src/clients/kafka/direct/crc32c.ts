// CRC-32C (Castagnoli), eight bytes a step: what a record batch carries. Node's own crc32 is of the other polynomial.
const POLYNOMIAL = 0x82f63b78
const TABLES = tablesOf()

/** Over all parts, one after the other; unsigned. */
export function crc32c(...parts: readonly Uint8Array[]): number {
  let crc = -1
  for (const it of parts) crc = update(crc, it)
  return (crc ^ -1) >>> 0
}

function update(from: number, bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as unknown as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  let crc = from
  let at = 0
  const whole = bytes.length & ~7
  for (; at < whole; at += 8) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t7[crc & 255] as number) ^
      (t6[(crc >>> 8) & 255] as number) ^
      (t5[(crc >>> 16) & 255] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number)
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number)
  return crc
}

function tablesOf(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256))
  const first = tables[0] as Int32Array
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    first[n] = crc
  }
  for (let k = 1; k < 8; k++)
    for (let n = 0; n < 256; n++) {
      const before = (tables[k - 1] as Int32Array)[n] as number
      ;(tables[k] as Int32Array)[n] = (before >>> 8) ^ (first[before & 255] as number)
    }
  return tables
}
