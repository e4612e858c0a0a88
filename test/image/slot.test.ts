// Which slot is next, as RAUC sets it and asks for it, on a real boot environment; and that the boot loader's script chooses the same.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bootEnvironmentLines, bootLoaderTakes as takenBy, SLOT_PROGRAM } from '../update/boot-loader.ts'

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-slot-'))
  file = join(dir, 'grubenv')
  execFileSync('grub-editenv', [file, 'create'], { env: { PATH } })
  keep('ORDER=A B', 'A_OK=1', 'A_TRY=1', 'B_OK=1', 'B_TRY=0')
  writeFileSync(join(dir, 'cmdline'), 'root=PARTLABEL=rootfs-a ro rauc.slot=A panic=10\n')
})
afterEach(() => rmSync(dir, { recursive: true }))

function ask(...args: string[]) {
  const env = { PATH, BOOT_ENVIRONMENT: file, KERNEL_LINE: join(dir, 'cmdline') }
  const { status, stdout, stderr } = spawnSync(SLOT_PROGRAM, args, { env, encoding: 'utf8' })
  return { status, text: stdout.trim(), stderr }
}
function keep(...values: string[]): void {
  expect(ask('keep', ...values)).toMatchObject({ status: 0, stderr: '' })
}
const stored = () => bootEnvironmentLines(file)

test('an update: the other slot is closed before it is written, is next afterwards, and is good by one word alone', () => {
  ask('set-state', 'A', 'good')
  keep('B_GOOD=1')
  expect(ask('set-state', 'B', 'bad').status).toBe(0)
  expect(stored().toSorted()).toEqual(['A_GOOD=1', 'A_OK=1', 'A_TRY=0', 'B_GOOD=0', 'B_OK=0', 'B_TRY=0', 'ORDER=A B'])
  expect(ask('get-primary').text).toBe('A')
  expect(ask('get-state', 'B').text).toBe('bad')

  ask('set-primary', 'B')
  expect(ask('get-primary').text).toBe('B')
  // As the boot loader notes its one attempt.
  keep('B_TRY=1')
  expect(ask('get-primary').text).toBe('A')
  ask('set-state', 'B', 'good')
  expect(stored().toSorted()).toEqual(['A_GOOD=1', 'A_OK=1', 'A_TRY=0', 'B_GOOD=1', 'B_OK=1', 'B_TRY=0', 'ORDER=B A'])
})

test.each([
  ['one that was never well has one attempt', ['A_TRY=1'], 'B'],
  ['one that was has six', ['A_TRY=5', 'A_GOOD=1'], 'A'],
  ['and no seventh', ['A_TRY=6', 'A_GOOD=1'], 'B'],
  ['when all have failed, the last that was well', ['A_TRY=1', 'B_TRY=6', 'B_GOOD=1'], 'B'],
  ['when none ever was, the one that installed the newest', ['ORDER=B A', 'A_TRY=1', 'B_TRY=1'], 'A'],
  ['… also after that one has panicked and started once more', ['ORDER=B A', 'A_TRY=2', 'B_TRY=1'], 'A'],
  ['… and one that was not written whole is none', ['ORDER=A B', 'A_TRY=1', 'B_TRY=0', 'B_OK=0'], 'A'],
])('%s', (_, values, next) => {
  keep(...values)
  expect(ask('get-primary').text).toBe(next)
  expect(bootLoaderTakes()).toBe(next)
})

test('whose plug is pulled five times starts a sixth time with the version that was well, and each start is counted', () => {
  keep('A_TRY=0', 'A_GOOD=1', 'B_GOOD=1')
  for (let cut = 0; cut <= 5; cut++) {
    expect([bootLoaderTakes(), ask('get-primary').text]).toEqual(['A', 'A'])
    keep(`A_TRY=${bootLoaderTakes('attempt')}`)
  }
  expect(stored()).toContain('A_TRY=6')
  expect([bootLoaderTakes(), ask('get-primary').text]).toEqual(['B', 'B'])
})

test('a boot that was not well in time is given up only for a version that was well, by one that never was', () => {
  expect(ask('may-stay').status).toBe(0)
  keep('B_GOOD=1')
  expect(ask('may-stay').status).toBe(1)
  keep('A_GOOD=1')
  expect(ask('may-stay').status).toBe(0)
})

test('the boot environment is written over where it lies, in its first sector', () => {
  const { ino } = statSync(file)
  const before = readFileSync(file)
  keep(`machine_id=${'0'.repeat(32)}`)
  ask('set-state', 'A', 'good')
  ask('set-state', 'B', 'good')
  const after = readFileSync(file)
  expect(statSync(file)).toMatchObject({ ino, size: 1024 })
  expect(after.subarray(512)).toEqual(before.subarray(512))
})

test('the running slot is what the kernel was told; anything else is an error that says what is allowed', () => {
  expect(ask('get-current').text).toBe('A')
  expect(ask('set-primary', 'C')).toMatchObject({ status: 2, stderr: expect.stringContaining("A or B, not 'C'") })
  expect(ask('set-state', 'A', 'so-so')).toMatchObject({ status: 2, stderr: expect.stringContaining('good or bad') })
  expect(ask('guess')).toMatchObject({ status: 2, stderr: expect.stringContaining('get-primary') })
  writeFileSync(join(dir, 'cmdline'), 'root=/dev/sda1\n')
  expect(ask('get-current')).toMatchObject({ status: 1, stderr: expect.stringContaining('rauc.slot=') })
})

const bootLoaderTakes = (what: 'slot' | 'attempt' = 'slot') => takenBy(file)[what]

test.each([
  ['zeroed', Buffer.alloc(1024)],
  ['empty', Buffer.alloc(0)],
])('a boot environment that is %s: the box stays up, and its next good boot is noted', (_, bytes) => {
  writeFileSync(file, bytes)
  expect(ask('may-stay').status).toBe(0)
  expect(ask('set-state', 'A', 'good').status).toBe(0)
  expect(stored()).toEqual(expect.arrayContaining(['A_OK=1', 'A_TRY=0', 'A_GOOD=1']))
})
