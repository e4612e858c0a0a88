// Programs for another processor: found in a root and in its initrd, and those that the kernel gives to an emulator while a root is made.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filesOfInitrd, foreignIn } from '../../images/foreign.ts'

const [X86_64, ARM64] = [62, 183]

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-foreign-'))
  put('usr/bin/mount', program(ARM64))
  put('etc/fstab', 'text, which is for every processor\n')
  put('usr/bin/short', Buffer.from('\x7fELF', 'latin1'))
  put('boot/initrd.img-6.12', initrd({ 'usr/bin/sh': program(ARM64) }))
})
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, bytes: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), bytes)
}

/** As much of one as says what it is. */
function program(processor: number, kind = 2): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.write('\x7fELF\x02\x01\x01', 'latin1')
  bytes.writeUInt16LE(kind, 16)
  bytes.writeUInt16LE(processor, 18)
  return bytes
}

function archive(files: Readonly<Record<string, Buffer>>): Buffer {
  const filled = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  const parts = Object.entries({ ...files, 'TRAILER!!!': Buffer.alloc(0) }).flatMap(([name, bytes]) => {
    const fields = [1, 0o100755, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0]
    const head = `070701${fields.map((it) => it.toString(16).padStart(8, '0')).join('')}${name}\0`
    return [filled(Buffer.from(head)), filled(bytes)]
  })
  return Buffer.concat(parts)
}

/** As Debian makes it: what is packed already lies before, unpacked. */
function initrd(files: Readonly<Record<string, Buffer>>, before: Readonly<Record<string, Buffer>> = {}): Buffer {
  return Buffer.concat([archive(before), Buffer.alloc(512), gzipSync(archive(files))])
}

test('a root whose programs are all for its processor has none', () => {
  expect(foreignIn(root, ARM64)).toEqual([])
})

test('one that another processor runs is named, wherever it lies', () => {
  put('usr/lib/holdfast/node', program(X86_64))
  const packed = { 'usr/bin/sh': program(ARM64), 'usr/bin/sleep': program(X86_64) }
  put('boot/initrd.img-6.12', initrd(packed, { 'usr/lib/firmware/loader': program(X86_64) }))
  expect(foreignIn(root, ARM64)).toEqual([
    `${root}/usr/lib/holdfast/node (62)`,
    'initrd.img-6.12: usr/lib/firmware/loader (62)',
    'initrd.img-6.12: usr/bin/sleep (62)',
  ])
})

test('what a link leads to is not of the root', () => {
  const other = mkdtempSync(join(tmpdir(), 'holdfast-foreign-'))
  writeFileSync(join(other, 'program'), program(X86_64))
  symlinkSync(other, join(root, 'usr/run'))
  symlinkSync(join(other, 'program'), join(root, 'usr/bin/program'))
  expect(foreignIn(root, ARM64)).toEqual([])
  rmSync(other, { recursive: true })
})

test('an initrd is read to its end, with the names and the bytes that are in it', () => {
  const files = { a: Buffer.from('1'), 'b/c': Buffer.from('12345'), d: Buffer.alloc(0) }
  const found = [...filesOfInitrd(initrd(files, { early: Buffer.from('early') }))]
  expect(found.map((it) => [it.name, it.bytes.toString()])).toEqual([
    ['early', 'early'],
    ['a', '1'],
    ['b/c', '12345'],
    ['d', ''],
  ])
})

test('a root without any program, and an initrd that is none, are errors', () => {
  rmSync(join(root, 'usr'), { recursive: true })
  put('boot/initrd.img-6.12', initrd({}))
  expect(() => foreignIn(root, ARM64)).toThrow('no program at all')
  put('boot/initrd.img-6.12', 'something else')
  expect(() => foreignIn(root, ARM64)).toThrow('no archive at byte 0')
})

/** What the kernel is told: bytes written as `\xff`, or as themselves. */
function pattern(name: string, processor: number): Buffer {
  const script = `elf_machine=${processor}; . images/emulation.sh; ${name}`
  const cwd = join(import.meta.dirname, '../..')
  const text = execFileSync('bash', ['-euc', script], { cwd, encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] })
  return Buffer.from(
    text.replaceAll(/\\x(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

test.each([
  ['of its processor', program(ARM64, 2), true],
  ['that may lie anywhere in memory', program(ARM64, 3), true],
  ['a library or an object, which nobody starts', program(ARM64, 1), false],
  ['of the machine itself', program(X86_64, 2), false],
])('an emulator is given a program: %s', (_, bytes, isGiven) => {
  const [header, mask] = [pattern('elf_header', ARM64), pattern('elf_mask', ARM64)]
  expect([header.length, mask.length]).toEqual([20, 20])
  expect(header.every((it, at) => (((bytes[at] ?? 0) ^ it) & (mask[at] ?? 0)) === 0)).toBe(isGiven)
})
