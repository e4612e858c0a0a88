// Every type that the Milo server has, at its ends.
import type { Row } from './helpers.ts'

export const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
export const node = (name: string) => `nsu=urn:plant:milo;s=${name}`

/** Ticks of 100 ns since 1601, in µs since 1970: what is finer is cut off. */
export const TIME = 133_000_000_000_123_457n / 10n - 11_644_473_600_000_000n
export const ISO = new Date(Number(TIME / 1000n)).toISOString().replace('Z', `${String(TIME % 1000n).padStart(3, '0')}Z`)

/** By the name of the server's node. */
export const EXPECTED: Readonly<Record<string, [kind: Row['kind'], value: Row['value']]>> = {
  Boolean: ['bool', true],
  SByte: ['long', -128n],
  Byte: ['long', 255n],
  Int16: ['long', -32768n],
  UInt16: ['long', 65535n],
  Int32: ['long', -(2n ** 31n)],
  UInt32: ['long', 2n ** 32n - 1n],
  Int64: ['long', -9007199254740993n],
  UInt64: ['long', 2n ** 63n - 1n],
  Float: ['double', Math.fround(0.1)],
  Double: ['double', 0.1 + 0.2],
  String: ['string', 'Größe 10 µm, 日本, 𝛑'],
  DateTime: ['long', TIME],
  Guid: ['string', '12345678-9ABC-DEF0-1234-56789ABCDEF0'],
  ByteString: ['bytes', Uint8Array.of(0, 255, 127, 128)],
  XmlElement: ['string', '<a>1</a>'],
  NodeId: ['string', 'ns=1;s=Speed'],
  QualifiedName: ['string', '1:Speed'],
  LocalizedText: ['string', 'Speed'],
  StatusCode: ['long', 0x808b0000n],
  // The number, as it travels; its names are a matter of the server.
  Enumeration: ['long', 3n],
  Structure: ['string', '{"Low":-40.5,"High":200}'],
  Int64Array: ['string', '["-9223372036854775808","0","9223372036854775807"]'],
  DateTimeArray: ['string', JSON.stringify([ISO])],
  Matrix: ['string', '[[1,2,3],[4,5,6]]'],
}
