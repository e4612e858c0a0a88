import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { appendTo, segmentPath } from '../../src/log/segment.ts'
import { encodeNotes } from '../../src/log/segment-notes.ts'
import type { WalkedRecord, WalkOptions } from '../../src/log/walk.ts'
import { walk } from '../../src/log/walk.ts'
import { noise, tempDir } from './helpers.ts'
import { blockOf, notesFor } from './segment-files.ts'

const PAGE_BYTES = 4096
const SEED = Number(process.env['SEED'] ?? 20_250_607)

interface Part {
  readonly kind: 'notes' | 'block'
  readonly offset: number
  readonly bytes: number
}

let temp: ReturnType<typeof tempDir>
/** Three appends, blocks from a few hundred bytes to more than the walk reads at a time. */
let large: { image: Uint8Array; parts: Part[] }
let small: { image: Uint8Array; parts: Part[] }

beforeAll(() => {
  temp = tempDir()
  large = segmentOf([
    [blockOf(0, 2_000), blockOf(2_000, 40_000), blockOf(42_000, 100)],
    [blockOf(42_100, 5_000), blockOf(47_100, 1), blockOf(47_101, 9_000)],
    [blockOf(56_101, 3_000), blockOf(59_101, 600)],
  ])
  small = segmentOf([[blockOf(0, 1), blockOf(1, 3)], [blockOf(4, 2)]], notesFor({ streams: [], series: [], ledger: [] }))
})
afterAll(() => temp.remove())

function segmentOf(appends: readonly (readonly Uint8Array[])[], notes = notesFor()): { image: Uint8Array; parts: Part[] } {
  const path = fileFor(`built-${files}`)
  const parts: Part[] = []
  let end = 0
  for (const blocks of appends) {
    const done = appendTo(path, end, notes, blocks)
    parts.push({ kind: 'notes', offset: end, bytes: (done.offsets[0] ?? done.end) - end })
    done.offsets.forEach((offset, i) => parts.push({ kind: 'block', offset, bytes: blocks[i]!.length }))
    end = done.end
  }
  return { image: new Uint8Array(readFileSync(path)), parts }
}

let files = 0
function fileFor(name: string): string {
  const path = segmentPath(temp.dir, { id: files++, class: name, form: 'raw' })
  mkdirSync(dirname(path), { recursive: true })
  return path
}

async function listed(walking: AsyncIterable<WalkedRecord>): Promise<WalkedRecord[]> {
  const found: WalkedRecord[] = []
  for await (const it of walking) found.push(it)
  return found
}

async function records(path: string, options?: WalkOptions): Promise<WalkedRecord[]> {
  return await listed(walk(path, options))
}

/** Walks over an image; whatever is wrong with it, what comes out covers it once, in order. */
async function walked(image: Uint8Array, options?: WalkOptions): Promise<WalkedRecord[]> {
  const path = segmentPath(temp.dir, { id: 0, class: 'damaged', form: 'raw' })
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, image)
  const found = await records(path, options)
  const isInOrder = found.every((it, i) => it.bytes > 0 && it.offset + it.bytes === (found[i + 1]?.offset ?? image.length))
  expect(isInOrder && (found[0]?.offset ?? image.length) === 0, found.map(placeOf).join()).toBe(true)
  return found
}

const isWhole = (it: WalkedRecord): boolean => it.kind === 'notes' || (it.kind === 'block' && it.ok)
const placeOf = ({ kind, offset, bytes }: WalkedRecord | Part): string => `${kind} ${offset}+${bytes}`
const wholeOnes = (found: readonly WalkedRecord[]): string[] => found.filter(isWhole).map(placeOf)
const overlaps = (it: Part, from: number, to: number): boolean => it.offset < to && from < it.offset + it.bytes
const untouched = (parts: readonly Part[], ...spans: readonly [number, number][]): string[] =>
  parts.filter((it) => !spans.some(([from, to]) => overlaps(it, from, to))).map(placeOf)

function changed(image: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = image.slice()
  change(copy)
  return copy
}
const flip = (bytes: Uint8Array, bit: number) => void (bytes[bit >>> 3] = bytes[bit >>> 3]! ^ (1 << (bit & 7)))

/** A block whose payload is stored plain and has `inner` in its midst; only its checksums are right. */
function blockAround(inner: Uint8Array): Uint8Array {
  const payload = Buffer.concat([noise(1)(50), inner, noise(2)(50)])
  const header = Buffer.from(blockOf(0, 1).subarray(0, 68))
  header.writeUInt32LE(payload.length, 20)
  header.writeUInt32LE(payload.length, 24)
  header.writeUInt32LE(crc32(payload), 60)
  header.writeUInt32LE(crc32(header.subarray(0, 64)), 64)
  return Buffer.concat([header, payload])
}

/** Whole numbers below `max`, repeatable by the seed. */
function dice(seed: number): (max: number) => number {
  const bytes = noise(seed)
  return (max) => new DataView(bytes(4).buffer).getUint32(0, true) % max
}

describe('a whole file', () => {
  test.each(['payload', 'headers'] as const)('every record in its place, by %s', async (verify) => {
    const found = await walked(large.image, { verify })
    expect(found.map(placeOf)).toEqual(large.parts.map(placeOf))
    expect(found.every(isWhole)).toBe(true)
    for (const it of found) {
      if (it.kind === 'notes') expect(it.notes).toEqual(notesFor())
      if (it.kind === 'block')
        expect(it.header).toMatchObject({
          first: decodeBlock(large.image.subarray(it.offset, it.offset + it.bytes)).first,
          stream: 1,
        })
    }
  })
  test('an empty file, a missing file', async () => {
    expect(await walked(new Uint8Array(0))).toEqual([])
    const missing = segmentPath(temp.dir, { id: 1, class: 'nowhere', form: 'raw' })
    expect(await records(missing)).toEqual([{ kind: 'damage', offset: 0, bytes: 0, why: 'missing' }])
    expect(await records(missing, { from: 10, to: 100 })).toEqual([{ kind: 'damage', offset: 10, bytes: 90, why: 'missing' }])
  })
  test('a part of a file; what is not recorded yet is left out', async () => {
    const path = fileFor('part')
    writeFileSync(path, Buffer.concat([large.image, large.image.subarray(0, 1_000)]))
    const from = large.parts[3]!.offset
    const found = await records(path, { from, to: large.image.length })
    expect(wholeOnes(found)).toEqual(large.parts.slice(3).map(placeOf))
    expect(await records(path, { from: large.image.length, to: large.image.length })).toEqual([])
  })
  test('a file that lost recorded bytes says which', async () => {
    const path = fileFor('short')
    writeFileSync(path, large.image)
    const found = await records(path, { to: large.image.length + 77 })
    expect(found.slice(0, -1).every(isWhole)).toBe(true)
    expect(found.at(-1)).toEqual({ kind: 'damage', offset: large.image.length, bytes: 77, why: 'truncated' })
  })
})

describe('one flipped bit', () => {
  test(`400 anywhere: each is found and costs its record only (SEED=${SEED})`, async () => {
    const roll = dice(SEED)
    for (let i = 0; i < 400; i++) {
      const bit = roll(large.image.length * 8)
      const found = await walked(changed(large.image, (it) => flip(it, bit)))
      expect(wholeOnes(found), `bit ${bit}`).toEqual(untouched(large.parts, [bit >>> 3, (bit >>> 3) + 1]))
      expect(found.length).toBe(large.parts.length)
    }
  })
  test('every bit of a header, by headers alone', async () => {
    for (const { kind, offset } of small.parts.slice(0, 2))
      for (let bit = offset * 8; bit < (offset + (kind === 'notes' ? 20 : 68)) * 8; bit++) {
        const image = changed(small.image, (it) => flip(it, bit))
        const rest = untouched(small.parts, [bit >>> 3, (bit >>> 3) + 1])
        expect(wholeOnes(await walked(image, { verify: 'headers' })), `bit ${bit}`).toEqual(rest)
      }
  })
  test('every fifth bit of a small file, so each byte in turn', async () => {
    const missed: number[] = []
    for (let bit = 0; bit < small.image.length * 8; bit += 5) {
      const found = await walked(changed(small.image, (it) => flip(it, bit)))
      if (wholeOnes(found).join() !== untouched(small.parts, [bit >>> 3, (bit >>> 3) + 1]).join()) missed.push(bit)
    }
    expect(missed).toEqual([])
  })
  test('a block whose header lost a bit is named as what it was', async () => {
    const part = small.parts[2]!
    const [whole, damaged] = [small.image, changed(small.image, (it) => flip(it, (part.offset + 8) * 8 + 55))]
    const [before, after] = [(await walked(whole))[2], (await walked(damaged))[2]]
    expect(before).toMatchObject({ kind: 'block', ok: true })
    expect(after).toMatchObject({ kind: 'block', ok: false, header: { first: 1, count: 3 }, error: { code: 'crc' } })
  })
  test('a whole block as a value inside of a damaged one is taken for none', async () => {
    const inner = blockOf(7, 5)
    const { image, parts } = segmentOf([[blockAround(inner), blockOf(1, 1)]])
    const at = parts[1]!.offset
    expect(Buffer.from(image).indexOf(inner, at)).toBe(at + 68 + 50)
    for (let bit = at * 8; bit < (at + 68 + 50) * 8; bit++) {
      const found = await walked(changed(image, (it) => flip(it, bit)))
      expect(wholeOnes(found), `bit ${bit}`).toEqual([parts[0]!, parts[2]!].map(placeOf))
    }
  })
})

describe('more than a bit', () => {
  test('cut at every byte', async () => {
    for (let length = 0; length < small.image.length; length++) {
      const found = await walked(small.image.subarray(0, length))
      const rest = small.parts.filter((it) => it.offset + it.bytes <= length).map(placeOf)
      expect(wholeOnes(found), `${length} bytes`).toEqual(rest)
      const isAtEdge = small.parts.some((it) => it.offset === length)
      const last = found.at(-1)
      const code = last?.kind === 'block' ? last.error?.code : last?.kind === 'damage' ? last.why : undefined
      expect(code, `${length} bytes`).toBe(isAtEdge ? undefined : 'truncated')
    }
  })
  test('what is looked for may lie across two reads', async () => {
    const block = blockOf(0, 3)
    for (let before = 0; before <= 70; before++) {
      const zeros = 256 * 1024 + 1 - before
      const found = await walked(Buffer.concat([new Uint8Array(zeros), block]))
      expect(found.map(placeOf)).toEqual([`damage 0+${zeros}`, `block ${zeros}+${block.length}`])
    }
  })
  test('a zeroed page', async () => {
    for (let page = 0; page + PAGE_BYTES <= large.image.length; page += PAGE_BYTES) {
      const found = await walked(changed(large.image, (it) => it.fill(0, page, page + PAGE_BYTES)))
      expect(wholeOnes(found), `page at ${page}`).toEqual(untouched(large.parts, [page, page + PAGE_BYTES]))
    }
  })
  test('pages full of magics', async () => {
    const junk = Buffer.from('HFHN'.repeat(PAGE_BYTES))
    for (const part of large.parts) {
      const span: [number, number] = [part.offset, Math.min(part.offset + junk.length, large.image.length)]
      const found = await walked(changed(large.image, (it) => it.set(junk.subarray(0, span[1] - span[0]), span[0])))
      expect(wholeOnes(found)).toEqual(untouched(large.parts, span))
    }
  })
  test(`two pages that changed places (SEED=${SEED})`, async () => {
    const roll = dice(SEED + 1)
    const pages = Math.floor(large.image.length / PAGE_BYTES)
    for (let i = 0; i < 150; i++) {
      // Half of them with the page of a header, where it hurts most.
      const header = large.parts[roll(large.parts.length)]!.offset
      const one = i % 2 === 0 ? Math.min(Math.floor(header / PAGE_BYTES), pages - 1) : roll(pages)
      const [a, b] = [one * PAGE_BYTES, roll(pages) * PAGE_BYTES]
      if (a === b) continue
      const image = changed(large.image, (it) => {
        it.set(large.image.subarray(b, b + PAGE_BYTES), a)
        it.set(large.image.subarray(a, a + PAGE_BYTES), b)
      })
      for (const verify of ['payload', 'headers'] as const) {
        const found = await walked(image, { verify })
        const whole = new Set(wholeOnes(found))
        for (const it of untouched(large.parts, [a, a + PAGE_BYTES], [b, b + PAGE_BYTES]))
          expect(whole.has(it), `pages at ${a} and ${b}: ${it}, ${verify}`).toBe(true)
        if (verify === 'headers') continue
        // What is said to be whole is: also a small one that moved with its page.
        for (const it of found) if (it.kind === 'block' && it.ok) decodeBlock(image.subarray(it.offset, it.offset + it.bytes))
      }
    }
  })
  test('blocks of a later version are damage of their own kind, and others go on', async () => {
    const part = small.parts[1]!
    const image = changed(small.image, (it) => {
      it[part.offset + 2] = 9
      new DataView(it.buffer).setUint32(part.offset + 64, crc32(it.subarray(part.offset, part.offset + 64)), true)
    })
    const found = await walked(image)
    expect(found[1]).toEqual({ kind: 'damage', offset: part.offset, bytes: part.bytes, why: 'version' })
    expect(wholeOnes(found)).toEqual(untouched(small.parts, [part.offset, part.offset + 1]))
  })
  test('notes whose checksums hold and whose text is none', async () => {
    const notes = Buffer.from(encodeNotes(notesFor({ at: 123_456_789 })))
    const bad = Buffer.from('{"version":1}')
    notes.writeUInt8(0, 3)
    notes.writeUInt32LE(bad.length, 4)
    notes.writeUInt32LE(bad.length, 8)
    notes.writeUInt32LE(crc32(bad), 12)
    notes.writeUInt32LE(crc32(notes.subarray(0, 16)), 16)
    const record = Buffer.concat([notes.subarray(0, 20), bad])
    const found = await walked(Buffer.concat([record, blockOf(0, 3)]))
    expect(found[0]).toEqual({ kind: 'damage', offset: 0, bytes: record.length, why: 'header' })
    expect(found[1]).toMatchObject({ kind: 'block', ok: true })
  })
})

describe('a walk', () => {
  test('of headers does not see into payloads, and says so by what it is asked', async () => {
    const part = large.parts[2]!
    const image = changed(large.image, (it) => flip(it, (part.offset + part.bytes - 9) * 8))
    expect((await walked(image, { verify: 'headers' })).every(isWhole)).toBe(true)
    expect((await walked(image)).every(isWhole)).toBe(false)
  })
  test('ends when it is told to, also while it waits', async () => {
    const path = fileFor('told')
    writeFileSync(path, large.image)
    await expect(records(path, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    const stop = new AbortController()
    const reading = records(path, { bytesPerSecond: 1, signal: stop.signal })
    setImmediate(() => stop.abort(new Error('stopped')))
    await expect(reading).rejects.toThrow('stopped')
  })
  test('takes no less time than it may', async () => {
    const path = fileFor('slow')
    writeFileSync(path, large.image)
    const begin = performance.now()
    const found = await records(path, { bytesPerSecond: large.image.length * 2 })
    expect(found.map(placeOf)).toEqual(large.parts.map(placeOf))
    // Half a second less the last read, which is not waited for.
    expect(performance.now() - begin).toBeGreaterThan((500 * (large.image.length - 256 * 1024)) / large.image.length - 20)
  })
  test('lets other work run', async () => {
    const path = fileFor('beside')
    writeFileSync(path, large.image)
    let turns = 0
    const turn = setInterval(() => turns++, 0)
    await records(path, { bytesPerSecond: large.image.length * 5 })
    clearInterval(turn)
    expect(turns).toBeGreaterThan(3)
  })
  test('what the system says otherwise is thrown', async () => {
    await expect(records(temp.dir)).rejects.toMatchObject({ code: 'EISDIR' })
  })
  test('a file cut while it is read is an error, not damage', async () => {
    const path = fileFor('cut')
    writeFileSync(path, large.image)
    const reading = walk(path)
    await reading.next()
    truncateSync(path, 100_000)
    await expect(listed(reading)).rejects.toThrow('shorter')
  })
})
