// All headers of a record, by our own reading of its bytes: the product looks for three of them alone.
import type { RecordCursor } from '../../src/clients/kafka/batches.ts'

export function headersOf({ bytes, headersAt, headers }: RecordCursor): Record<string, string> {
  const found: Record<string, string> = {}
  let at = headersAt
  const length = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number
      value |= (byte & 127) << shift
      if (byte < 128) return Math.max(0, (value >>> 1) ^ -(value & 1))
    }
  }
  const text = () => {
    const size = length()
    at += size
    return bytes.toString('utf8', at - size, at)
  }
  for (let left = headers; left > 0; left--) {
    const name = text()
    found[name] = text()
  }
  return found
}
