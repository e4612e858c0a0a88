import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DamagedBlock, decodeBlock } from '../../src/columns/index.ts'
import { appendTo, cutTo, readAt, segmentFiles, segmentPath, ShortSegment, unlinkSegment } from '../../src/log/segment.ts'
import { decodeNotes, encodeNotes } from '../../src/log/segment-notes.ts'
import { tempDir } from './helpers.ts'
import { blockOf, notesFor } from './segment-files.ts'

let temp: ReturnType<typeof tempDir>
let path: string
beforeEach(() => {
  temp = tempDir()
  path = segmentPath(temp.dir, { id: 7, class: 'process', form: 'raw' })
})
afterEach(() => temp.remove())

const notes = notesFor()
const notesBytes = encodeNotes(notes).length

describe('append', () => {
  test('makes folders and file; notes first, then the blocks, nothing between', () => {
    const blocks = [blockOf(0, 50), blockOf(50, 1), blockOf(51, 700)]
    const { offsets, end } = appendTo(path, 0, notes, blocks)
    expect(path).toBe(join(temp.dir, 'segments', 'process', '7.raw'))
    expect(Buffer.compare(readFileSync(path), Buffer.concat([encodeNotes(notes), ...blocks]))).toBe(0)
    expect(end).toBe(statSync(path).size)
    expect(offsets).toEqual([notesBytes, notesBytes + blocks[0]!.length, notesBytes + blocks[0]!.length + blocks[1]!.length])
    blocks.forEach((block, i) => expect(Buffer.compare(readAt(path, offsets[i]!, block.length), block)).toBe(0))
  })
  test('appends leave what is before them alone', () => {
    const first = appendTo(path, 0, notes, [blockOf(0, 50)])
    const before = readFileSync(path)
    const second = appendTo(path, first.end, { ...notes, series: [] }, [blockOf(50, 60)])
    const after = readFileSync(path)
    expect(Buffer.compare(after.subarray(0, first.end), before)).toBe(0)
    expect(second.end).toBe(after.length)
    expect(decodeNotes(after.subarray(first.end, second.offsets[0]))).toEqual({ ...notes, series: [] })
    expect(decodeBlock(readAt(path, second.offsets[0]!, second.end - second.offsets[0]!)).first).toBe(50)
  })
  test('no blocks: notes alone', () => {
    expect(appendTo(path, 0, notes, [])).toEqual({ offsets: [], end: notesBytes })
    expect(statSync(path).size).toBe(notesBytes)
  })
  test('more parts than one call takes', () => {
    const blocks = Array.from({ length: 3_000 }, (_, i) => blockOf(i, 1))
    const { offsets, end } = appendTo(path, 0, notes, blocks)
    expect(statSync(path).size).toBe(end)
    expect(decodeBlock(readAt(path, offsets[2_999]!, end - offsets[2_999]!)).first).toBe(2_999)
  })
  test('cuts off a tail that nobody recorded, also of a file that nobody did', () => {
    const { end } = appendTo(path, 0, notes, [blockOf(0, 50)])
    const recorded = readFileSync(path)
    writeFileSync(path, 'torn'.repeat(10_000), { flag: 'a' })
    const second = appendTo(path, end, notes, [blockOf(50, 10)])
    expect(Buffer.compare(readFileSync(path).subarray(0, end), recorded)).toBe(0)
    expect(statSync(path).size).toBe(second.end)

    const other = segmentPath(temp.dir, { id: 8, class: 'process', form: 'raw' })
    writeFileSync(other, 'torn'.repeat(10_000))
    expect(appendTo(other, 0, notes, []).end).toBe(statSync(other).size)
  })
  test('a file that lost what was recorded is refused and left as it is', () => {
    const { end } = appendTo(path, 0, notes, [blockOf(0, 50)])
    truncateSync(path, end - 1)
    expect(() => appendTo(path, end, notes, [blockOf(50, 10)])).toThrow(ShortSegment)
    expect(statSync(path).size).toBe(end - 1)
    unlinkSegment(path)
    expect(() => appendTo(path, end, notes, [blockOf(50, 10)])).toThrow(ShortSegment)
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })
  test('notes that cannot be written touch no file', () => {
    expect(() => appendTo(path, 0, { ...notes, at: 0.5 }, [])).toThrow(RangeError)
    expect(segmentFiles(temp.dir).segments).toEqual([])
  })
  test('a name that would leave its folder', () => {
    for (const name of ['..', '.', '', 'a/b', '../process'])
      expect(() => segmentPath(temp.dir, { id: 1, class: name, form: 'raw' })).toThrow(RangeError)
    expect(() => segmentPath(temp.dir, { id: 1.5, class: 'process', form: 'raw' })).toThrow(RangeError)
  })
})

describe('cut', () => {
  test('takes what is behind the end, and nothing else', () => {
    const { end } = appendTo(path, 0, notes, [blockOf(0, 50)])
    const recorded = readFileSync(path)
    writeFileSync(path, 'torn', { flag: 'a' })
    cutTo(path, end)
    cutTo(path, end + 100)
    expect(Buffer.compare(readFileSync(path), recorded)).toBe(0)
  })
  test('from the beginning on: the file', () => {
    appendTo(path, 0, notes, [])
    cutTo(path, 0)
    cutTo(path, 0)
    cutTo(path, 5)
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })
})

describe('read', () => {
  const codeOf = (act: () => unknown): unknown => {
    try {
      return act()
    } catch (error) {
      return error instanceof DamagedBlock ? error.code : error
    }
  }
  test('bytes that are not all there are damage of what was asked for', () => {
    const { end } = appendTo(path, 0, notes, [blockOf(0, 50)])
    expect(codeOf(() => readAt(path, end - 10, 11))).toBe('truncated')
    expect(codeOf(() => readAt(path, end + 10, 1))).toBe('truncated')
    unlinkSegment(path)
    unlinkSegment(path)
    expect(codeOf(() => readAt(path, 0, 1))).toBe('truncated')
  })
  test('what the system says otherwise is no damage', () => {
    mkdirSync(path, { recursive: true })
    expect(codeOf(() => readAt(path, 0, 1))).toMatchObject({ code: 'EISDIR' })
  })
})

describe('files', () => {
  test('none yet', () => expect(segmentFiles(temp.dir)).toEqual({ segments: [], strangers: [] }))
  test('segments by number, strangers apart', () => {
    for (const id of [10, 9]) appendTo(segmentPath(temp.dir, { id, class: 'a.b', form: 'aggregate' }), 0, notes, [])
    const root = join(temp.dir, 'segments')
    mkdirSync(join(root, 'a.b', 'deeper'))
    const strange = [
      '12.raw',
      'a.b/09.raw',
      'a.b/x.raw',
      'a.b/1.raw~',
      'a.b/99999999999999999.raw',
      'a.b/deeper/1.raw',
      '.hidden',
    ].map((it) => join(root, it))
    for (const it of strange) writeFileSync(it, '12345')
    symlinkSync(strange[0]!, join(root, 'a.b', '5.raw'))
    chmodSync(strange[0]!, 0o400)
    const found = segmentFiles(temp.dir)
    expect(found.segments).toEqual(
      [9, 10].map((id) => ({
        id,
        class: 'a.b',
        form: 'aggregate',
        path: join(root, 'a.b', `${id}.aggregate`),
        bytes: notesBytes,
      })),
    )
    expect(found.strangers.map((it) => it.path).toSorted()).toEqual([...strange, join(root, 'a.b', '5.raw')].toSorted())
    expect(found.strangers.every((it) => it.bytes === 5)).toBe(true)
  })
})
