import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, copyFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FILE_PART_BYTES, packFilePart, unpackFilePart } from '../../../src/core/file-parts.ts'
import type { FilePart } from '../../../src/core/file-parts.ts'
import { VALUE_BYTES_MAX } from '../../../src/core/bounds.ts'
import type { Place, Row, Running } from './harness.ts'
import { place, until } from './harness.ts'

const BINARY = { format: 'binary', pattern: '*.jpg', every: '100ms', settled: '200ms', tag: 'camera/{file}', class: 'pictures' }

let here: Place
beforeEach(() => {
  here = place()
})
afterEach(() => here.remove())

const at = (name: string) => join(here.folder, name)
const partOf = (row: Row) => unpackFilePart(row.value as Uint8Array) as FilePart
const wait = (it: Running, rows: number) =>
  until(
    () => it.rows.length >= rows,
    () => [it.rows.length, it.source.status()],
  )

/** By name and hash, from parts in whatever order, some of them twice. */
function together(rows: readonly Row[]): Map<string, Buffer> {
  const files = Map.groupBy(rows.map(partOf), (it) => `${it.name} ${it.sha256}`)
  return new Map(
    [...files].map(([key, parts]) => {
      const byNumber = new Map(parts.map((it) => [it.part, it.data]))
      const numbers = [...byNumber.keys()].toSorted((a, b) => a - b)
      expect(numbers).toEqual(Array.from({ length: parts[0]?.parts ?? 0 }, (_, n) => n))
      return [key, Buffer.concat(numbers.map((n) => byNumber.get(n) as Uint8Array))]
    }),
  )
}

const key = (name: string, content: Buffer) => `${name} ${createHash('sha256').update(content).digest('hex')}`

test('files of every length come over whole, those that fit in one batch each; a second picture that is the same is another one', async () => {
  const sizes = [0, 1, FILE_PART_BYTES, FILE_PART_BYTES + 1, 3_000_000]
  const contents = sizes.map((size) => randomBytes(size))
  for (const [n, content] of contents.entries()) writeFileSync(at(`p${n}.jpg`), content)
  copyFileSync(at('p3.jpg'), at('same.jpg'))
  writeFileSync(at('notes.txt'), 'no picture')
  const it = here.open(BINARY)
  await wait(it, 1 + 1 + 1 + 2 + 2 + 15)
  await sleep(500)
  await it.stop()
  const files = together(it.rows)
  const expected = [
    ...contents.map((content, n) => [`p${n}.jpg`, content] as const),
    ['same.jpg', contents[3] as Buffer] as const,
  ]
  expect(new Map(expected.map(([name, content]) => [key(name, content), content]))).toEqual(files)
  expect([it.rows.length, it.batches]).toEqual([22, 6])
  expect(new Set(it.rows.map((row) => row.class))).toEqual(new Set(['pictures']))
  for (const row of it.rows) expect((row.value as Uint8Array).length).toBeLessThanOrEqual(VALUE_BYTES_MAX)
})

test('one that is still written waits; renamed it is not sent again; written over it is', async () => {
  writeFileSync(at('a.jpg'), randomBytes(1_000))
  const it = here.open({ ...BINARY, settled: '600ms' })
  for (let n = 0; n < 8; n++) {
    await sleep(100)
    appendFileSync(at('a.jpg'), randomBytes(1_000))
    expect(it.rows).toEqual([])
  }
  await wait(it, 1)
  renameSync(at('a.jpg'), at('b.jpg'))
  await sleep(1_000)
  expect(it.rows).toHaveLength(1)
  const next = randomBytes(9_000)
  writeFileSync(at('b.jpg'), next)
  await wait(it, 2)
  expect(together(it.rows).get(key('b.jpg', next))).toEqual(next)
  await it.stop()
})

test('a kill in the middle: the parts that come again are the same, and marked', async () => {
  const content = randomBytes(9_000_000)
  writeFileSync(at('a.jpg'), content)
  const first = here.open(BINARY, { isHeld: true })
  await until(
    () => first.batches >= 2,
    () => first.batches,
  )
  first.abandon()
  const it = here.open({ ...BINARY, whenDone: 'delete' })
  await wait(it, 45)
  expect(together([...first.rows, ...it.rows]).get(key('a.jpg', content))).toEqual(content)
  expect(it.rows.slice(0, first.rows.length).every((row) => row.status === 1)).toBe(true)
  await until(
    () => readdirSync(here.folder).length === 0,
    () => readdirSync(here.folder),
  )
  await it.stop()
})

test('one that is too large is named, and stays', async () => {
  writeFileSync(at('a.jpg'), randomBytes(2_000))
  const it = here.open({ ...BINARY, fileBytesMax: '1kB', whenDone: 'delete' })
  await until(
    () => it.source.status().notes?.['unreadable-file'] === 1,
    () => it.source.status(),
  )
  expect(it.source.status().details?.lastFailure).toMatch(/a\.jpg: has 2000 bytes/)
  await sleep(500)
  expect([it.rows.length, readdirSync(here.folder)]).toEqual([0, ['a.jpg']])
  await it.stop()
})

test('what is no part is none', () => {
  const head = { name: 'a', size: 1, sha256: '0'.repeat(64), part: 0, parts: 1, modified: 0 }
  const whole = packFilePart({ ...head, data: new Uint8Array([7]) })
  expect(unpackFilePart(whole)).toEqual({ ...head, data: new Uint8Array([7]) })
  for (let length = 0; length < whole.length - 1; length++) expect(unpackFilePart(whole.subarray(0, length))).toBeUndefined()
  for (const wrong of [{ part: 1 }, { sha256: 'x' }, { name: '' }, { size: -1 }, { parts: 0 }])
    expect(unpackFilePart(packFilePart({ ...head, ...wrong, data: new Uint8Array() }))).toBeUndefined()
})
