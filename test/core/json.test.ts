import { describe, expect, test } from 'vitest'
import { fromJson, toJson } from '../../src/core/json.ts'

describe('JSON with what JSON has no word for', () => {
  test('bytes go round, whatever they are and however many', () => {
    const all = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256)
    for (const bytes of [new Uint8Array(), all, all.subarray(3, 8_195)]) expect(fromJson(toJson({ bytes }))).toEqual({ bytes })
  })

  test('they are the base64 of everybody else', () => {
    const bytes = Uint8Array.of(0, 255, 128, 7)
    expect(toJson(bytes)).toBe(JSON.stringify({ $bytes: Buffer.from(bytes).toString('base64') }))
  })

  test('text that is no base64 is refused', () => {
    expect(() => fromJson('{"$bytes":"?"}')).toThrow(SyntaxError)
  })

  test('integers of 64 bits go round; one of millions of digits is refused before anything is made of it', () => {
    for (const it of [2n ** 64n - 1n, -(2n ** 63n), 0n]) expect(fromJson(toJson({ it }))).toEqual({ it })
    const begun = performance.now()
    expect(() => fromJson(`{"$bigint":"${'9'.repeat(4_000_000)}"}`)).toThrow(SyntaxError)
    expect(performance.now() - begun).toBeLessThan(500)
  })
})
