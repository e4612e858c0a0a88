// What an asyncua server sends, and what comes out: every type, every quality, every kind of time.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asyncua, freePort, remove, type Row, type Running, run, type ServerProcess, temporary, until } from './helpers.ts'

const insecure = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const node = (name: string) => `nsu=urn:plant:line;s=${name}`

/** What is at the server, and what the reading has to be. */
const EXPECTED: Readonly<Record<string, [kind: Row['kind'], value: Row['value']]>> = {
  Boolean: ['bool', true],
  SByte: ['long', -128n],
  Byte: ['long', 255n],
  Int16: ['long', -32768n],
  UInt16: ['long', 65535n],
  Int32: ['long', -(2n ** 31n)],
  UInt32: ['long', 2n ** 32n - 1n],
  Int64Min: ['long', -(2n ** 63n)],
  Int64Max: ['long', 2n ** 63n - 1n],
  Int64Odd: ['long', -9007199254740993n],
  UInt64Fits: ['long', 2n ** 63n - 1n],
  Float: ['double', 0.10000000149011612],
  Double: ['double', 74.93588199999998],
  NaN: ['double', Number.NaN],
  NegativeZero: ['double', -0],
  Infinity: ['double', Number.NEGATIVE_INFINITY],
  String: ['string', 'Größe 10 µm, 日本, 𝛑'],
  LocalizedText: ['string', 'Drehzahl'],
  ByteString: ['bytes', Uint8Array.from({ length: 256 }, (_, n) => n)],
  // 1969-07-20T20:17:40.123457Z
  DateTime: ['long', BigInt(Date.UTC(1969, 6, 20, 20, 17, 40)) * 1000n + 123_457n],
  Guid: ['string', '12345678-9ABC-DEF0-1234-56789ABCDEF0'],
  StatusCodeValue: ['long', 0x808b0000n],
  NodeIdValue: ['string', 'ns=1;s=Speed'],
  QualifiedName: ['string', '1:Speed'],
  ByteArray: ['string', '[0,127,255]'],
  DoubleArray: ['string', '[1.5,"NaN","Infinity",-2.25]'],
  Int64Array: ['string', '["-9223372036854775808","0","9223372036854775807"]'],
  UInt64Array: ['string', '["0","18446744073709551615"]'],
  StringArray: ['string', '["a","b\\"c","日"]'],
  Matrix: ['string', '[[1,2,3],[4,5,6]]'],
  Dose: ['string', '{"Count":"-9223372036854775808","Level":0.5,"Steps":["1","9223372036854775807"],"Name":"mix"}'],
}

let dir: string
let server: ServerProcess
let source: Running

beforeAll(async () => {
  dir = temporary()
  server = await asyncua({ port: await freePort(), certificates: dir })
  source = run(
    {
      endpoint: server.endpoint,
      security: insecure,
      publishing: '50ms',
      sampling: '0ms',
      tags: [
        ...[...Object.keys(EXPECTED), 'UInt64Beyond'].map((name) => ({ tag: name, node: node(name), class: 'process' })),
        { tag: 'as-double', node: node('Int16'), class: 'process', type: 'double' },
        { tag: 'as-text', node: node('Boolean'), class: 'process', type: 'string' },
        { tag: 'as-long', node: node('Double'), class: 'process', type: 'long' },
      ],
    },
    dir,
  )
  await until('a value of every tag', () => new Set(source.rows.map((it) => it.tag)).size === Object.keys(EXPECTED).length + 4)
})

afterAll(async () => {
  await source?.stop()
  await server?.kill()
  remove(dir)
})

describe('types', () => {
  test.each(Object.entries(EXPECTED))('%s', (name, [kind, value]) => {
    expect(source.of(name)).toEqual([{ tag: name, kind, value, quality: 'good', status: 0, time: expect.any(Number) }])
  })

  test('an unsigned integer beyond 64 bits signed is bad, without a value, and counted', () => {
    expect(source.of('UInt64Beyond')).toMatchObject([{ kind: 'long', value: undefined, quality: 'bad' }])
    expect(source.status().notes).toMatchObject({ 'uint64-range': 1 })
  })

  test('a type in the settings converts what loses nothing by it, and refuses the rest', () => {
    expect(source.of('as-double')).toMatchObject([{ kind: 'double', value: -32768, quality: 'good' }])
    expect(source.of('as-text')).toMatchObject([{ kind: 'string', value: 'true', quality: 'good' }])
    expect(source.of('as-long')).toMatchObject([{ kind: 'long', value: undefined, quality: 'bad' }])
    expect(source.status().notes).toMatchObject({ 'type-mismatch': 1 })
  })
})

/** Writes, and waits for the reading that comes of it. */
async function written(name: string, command: object): Promise<Row> {
  const before = source.of(name).length
  await server.command({ do: 'write', node: name, ...command })
  return await until(`a reading of ${name}`, () => source.of(name)[before])
}

describe('status, time', () => {
  const source0 = '2014-02-14T14:30:00.123456'
  const micros = Date.UTC(2014, 1, 14, 14, 30, 0) * 1000 + 123_456

  test('good: value and source time to the microsecond; what is finer is cut off', async () => {
    const row = await written('Int32', { type: 'Int32', value: 7, source: source0, picoseconds: 9_999 })
    expect(row).toMatchObject({ value: 7n, quality: 'good', status: 0, time: micros })
  })

  test('uncertain, with its value', async () => {
    const row = await written('Int32', { type: 'Int32', value: 8, status: 0x40920000, source: source0 })
    expect(row).toMatchObject({ value: 8n, quality: 'uncertain', status: 0x40920000, time: micros })
  })

  test('bad without a value stays in the series of the tag', async () => {
    const row = await written('Double', { status: 0x80310000, source: source0 })
    expect(row).toMatchObject({ kind: 'double', value: undefined, quality: 'bad', status: 0x80310000 })
  })

  test('without a source time: the time of the server; without that, when it came', async () => {
    expect(await written('Int16', { type: 'Int16', value: 1, server: source0 })).toMatchObject({ time: micros })
    const row = await written('Int16', { type: 'Int16', value: 2 })
    // This server fills in its own time, which is now as well.
    expect(Math.abs(row.time / 1000 - Date.now())).toBeLessThan(60_000)
  })

  test('times of 1970 and 2099', async () => {
    expect(await written('UInt16', { type: 'UInt16', value: 1, source: '1970-01-01T00:00:00.000001' })).toMatchObject({ time: 1 })
    const row = await written('UInt16', { type: 'UInt16', value: 2, source: '2099-12-31T23:59:59.999999' })
    expect(row.time).toBe(Date.UTC(2099, 11, 31, 23, 59, 59) * 1000 + 999_999)
  })

  test('a too large value is refused, with its class and reason', async () => {
    await server.command({ do: 'write', node: 'String', type: 'String', value: 'x'.repeat(256_001), source: source0 })
    await until('a refusal', () => source.refused.length > 0)
    expect(source.refused).toEqual([{ class: 'process', reason: 'too-large', count: 1, timeFrom: micros, timeTo: micros }])
    expect((await written('String', { type: 'String', value: 'x'.repeat(256_000) })).value).toHaveLength(256_000)
  })
})
