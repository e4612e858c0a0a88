// What reaches the disk in which order, and what becomes of an append when the system refuses: the real calls, recorded on their way and failed on demand.
import type * as Fs from 'node:fs'
import { basename } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { appendTo, cutTo, segmentPath } from '../../src/log/segment.ts'
import { makeBallast } from '../../src/log/space.ts'
import { blockOf, notesFor } from './segment-files.ts'
import { tempDir } from './helpers.ts'

const disk = vi.hoisted(() => ({
  calls: [] as string[],
  names: new Map<number, string>(),
  fail: undefined as string | undefined,
  code: 'EIO',
  shortWrites: false,
}))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof Fs>()
  const step = (call: string, fd: number) => {
    disk.calls.push(`${call} ${disk.names.get(fd)}`)
    if (disk.fail === call) throw Object.assign(new Error(`${disk.code}: as the disk would`), { code: disk.code })
  }
  return {
    ...real,
    openSync(...given: Parameters<typeof Fs.openSync>) {
      const fd = real.openSync(...given)
      disk.names.set(fd, basename(String(given[0])))
      return fd
    },
    writevSync(fd: number, parts: readonly Uint8Array[], at: number) {
      step('write', fd)
      if (!disk.shortWrites) return real.writevSync(fd, parts, at)
      const some = Buffer.concat(parts).subarray(0, 777)
      return real.writeSync(fd, some, 0, some.length, at)
    },
    ftruncateSync: (fd: number, bytes: number) => (step('truncate', fd), real.ftruncateSync(fd, bytes)),
    fdatasyncSync: (fd: number) => (step('fdatasync', fd), real.fdatasyncSync(fd)),
    fsyncSync: (fd: number) => (step('fsync', fd), real.fsyncSync(fd)),
    closeSync: (fd: number) => (disk.calls.push(`close ${disk.names.get(fd)}`), real.closeSync(fd)),
  }
})

const { readFileSync, readdirSync, statSync, writeFileSync } = await vi.importActual<typeof Fs>('node:fs')

let temp: ReturnType<typeof tempDir>
let path: string
const block = blockOf(0, 300)
beforeEach(() => {
  temp = tempDir()
  path = segmentPath(temp.dir, { id: 7, class: 'process', form: 'raw' })
  Object.assign(disk, { calls: [], fail: undefined, code: 'EIO', shortWrites: false })
})
afterEach(() => temp.remove())
const openFiles = () => readdirSync('/proc/self/fd').length

test('a new file: its bytes first, then the entries of all folders on the way', () => {
  appendTo(path, 0, notesFor(), [block])
  const folders = ['process', 'segments', basename(temp.dir)].flatMap((it) => [`fsync ${it}`, `close ${it}`])
  expect(disk.calls).toEqual(['write 7.raw', 'fdatasync 7.raw', 'close 7.raw', ...folders])
})

test('a file that grows: what nobody recorded goes first', () => {
  const { end } = appendTo(path, 0, notesFor(), [block])
  writeFileSync(path, 'torn', { flag: 'a' })
  disk.calls.length = 0
  appendTo(path, end, notesFor(), [block])
  expect(disk.calls).toEqual(['truncate 7.raw', 'write 7.raw', 'fdatasync 7.raw', 'close 7.raw'])
})

test('a disk that takes little at a time', () => {
  const { end } = appendTo(path, 0, notesFor(), [block])
  const whole = readFileSync(path)
  disk.shortWrites = true
  const other = segmentPath(temp.dir, { id: 8, class: 'process', form: 'raw' })
  expect(appendTo(other, 0, notesFor(), [block]).end).toBe(end)
  expect(disk.calls.filter((it) => it === 'write 8.raw').length).toBeGreaterThan(2)
  expect(Buffer.compare(readFileSync(other), whole)).toBe(0)
})

test.each(['write', 'fdatasync', 'truncate'])(
  '%s fails: nothing recorded is touched, no file stays open, and it can be cut and tried again',
  (call) => {
    const { end } = appendTo(path, 0, notesFor(), [block])
    const recorded = readFileSync(path)
    writeFileSync(path, 'torn', { flag: 'a' })
    const before = openFiles()
    Object.assign(disk, { fail: call, code: 'ENOSPC' })
    expect(() => appendTo(path, end, notesFor(), [block])).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(openFiles()).toBe(before)
    disk.fail = undefined
    cutTo(path, end)
    expect(Buffer.compare(readFileSync(path), recorded)).toBe(0)
    expect(appendTo(path, end, notesFor(), [block]).end).toBe(statSync(path).size)
  },
)

test('the folder fails: the append did', () => {
  disk.fail = 'fsync'
  expect(() => appendTo(path, 0, notesFor(), [block])).toThrow('EIO')
})

test('the ballast is on the disk when it is said to be', () => {
  expect(makeBallast(temp.dir, 300_000)).toBe(true)
  expect(disk.calls).toEqual(['fsync ballast', 'close ballast'])
})
