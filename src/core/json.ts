// JSON that gives back exactly what went in, on the agent's sockets and between panel and page: what JSON has no word for goes as a map with one
// key that begins with "$".
//
//   {"$bigint":"9007199254740993"}   {"$bytes":"base64"}   {"$number":"NaN"}  (also Infinity, -Infinity, -0)
//   {"$map":{"$bigint":"…"}}         a map that would be mistaken for one of these
//
// Keys whose value is undefined are left out, as JSON does.

export function toJson(value: unknown): string {
  return JSON.stringify(pack(value)) ?? 'null'
}

/** Throws SyntaxError when the text is not JSON or not such JSON. */
export function fromJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Most have no marker: then they are what they are.
  return text.includes('"$') ? unpack(value) : value
}

function pack(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $bigint: String(value) }
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'object':
      return value === null ? null : packObject(value)
    default:
      return value
  }
}

function packObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(pack)
  if (value instanceof Uint8Array) return { $bytes: base64Of(value) }
  const entries = Object.entries(value).filter(([, it]) => it !== undefined)
  const packed = Object.fromEntries(entries.map(([key, it]) => [key, pack(it)]))
  return entries.length === 1 && entries[0]?.[0].startsWith('$') ? { $map: packed } : packed
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(unpack)
  const entries = Object.entries(value)
  const [key, only] = entries[0] ?? []
  if (entries.length === 1 && key?.startsWith('$')) return unpackMarked(key, only)
  return Object.fromEntries(entries.map(([name, it]) => [name, unpack(it)]))
}

function unpackMarked(key: string, value: unknown): unknown {
  if (key === '$bigint' && typeof value === 'string') return bigintOf(value)
  if (key === '$bytes' && typeof value === 'string') return bytesOf(value)
  if (key === '$number' && typeof value === 'string') return Number(value)
  if (key === '$map' && typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, unpack(it)]))
  }
  throw new SyntaxError(`${key} is no marker`)
}

/** Millions of digits take seconds, and whoever reads does nothing else meanwhile. */
const BIGINT_CHARS_MAX = 64

function bigintOf(text: string): bigint {
  if (text.length > BIGINT_CHARS_MAX) throw new SyntaxError(`$bigint is longer than ${BIGINT_CHARS_MAX} characters`)
  return BigInt(text)
}

// A browser has no Buffer, and Node 24 no Uint8Array.toBase64. Pieces: a call takes so many arguments and no more.
const PIECE_BYTES = 8_192

function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES))
  return btoa(text)
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (it) => it.charCodeAt(0))
  } catch {
    throw new SyntaxError('$bytes is no base64')
  }
}
