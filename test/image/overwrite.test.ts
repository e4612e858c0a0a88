// A factory reset that writes over what it erases, by the scripts that ship, on file systems as the image has them: nothing of the owner's can be read
// from the partitions afterwards, wherever the power went in between; without it everything can.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const scripts = join(import.meta.dirname, '../../rootfs/usr/lib/holdfast')
const can = process.getuid?.() === 0
if (!can) console.warn('SKIPPED: file systems are mounted by root alone')
const OWNERS = 'what-only-the-owner-knows'
const FILES = 200
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`

let dir: string
const at = (...path: string[]) => join(dir, ...path)
beforeEach(() => {
  if (!can) return
  dir = mkdtempSync(join(tmpdir(), 'hf-overwrite-'))
  for (const it of ['bin', 'state', 'log', 'run']) mkdirSync(at(it))
  writeFileSync(at('console'), '')
  // Of the box, not of this machine: its users, and a disk that cannot be told to forget.
  for (const it of ['chown', 'install', 'fstrim']) writeFileSync(at('bin', it), '#!/bin/sh\n', { mode: 0o755 })
  for (const it of ['state', 'log'] as const) {
    execFileSync('truncate', ['-s', '24M', at(`${it}.ext4`)])
    execFileSync('mkfs.ext4', ['-q', '-m', '0', at(`${it}.ext4`)], { env: { PATH } })
    mount(it)
    for (let file = 0; file < FILES; file++) writeFileSync(at(it, `file-${file}`), `${OWNERS} ${file}\n`)
    writeFileSync(at(it, 'large'), `${OWNERS}\n`.repeat(100_000))
    // What was never on the disk cannot be found there either.
    unmount(it)
    mount(it)
  }
})
afterEach(() => {
  if (!can) return
  for (const it of ['state', 'log'] as const) spawnSync('umount', [at(it)])
  rmSync(dir, { recursive: true })
})

const mount = (it: 'state' | 'log') => execFileSync('mount', ['-o', 'loop', at(`${it}.ext4`), at(it)])
const unmount = (it: 'state' | 'log') => execFileSync('umount', [at(it)])
/** On the partition itself, whatever its files are. */
function found(it: 'state' | 'log'): number {
  unmount(it)
  const bytes = readFileSync(at(`${it}.ext4`))
  mount(it)
  let count = 0
  for (let from = bytes.indexOf(OWNERS); from >= 0; from = bytes.indexOf(OWNERS, from + 1)) count++
  return count
}
function run(script: string) {
  const env = { PATH: `${at('bin')}:${PATH}`, STATE: at('state'), LOG: at('log'), RUN: at('run'), CONSOLE: at('console') }
  return spawnSync(join(scripts, script), { env, encoding: 'utf8' })
}
const asked = (line: string) => writeFileSync(at('state', 'reset'), line)

test.skipIf(!can)('what a factory reset erases can be read from the disk, unless it is written over', { timeout: 60_000 }, () => {
  asked('all\n')
  for (const it of ['erase-state', 'prepare-log']) expect(run(it)).toMatchObject({ status: 0, stderr: '' })
  expect(found('state')).toBeGreaterThan(FILES)
  expect(found('log')).toBeGreaterThan(FILES)

  asked('all overwrite\n')
  expect(run('erase-state')).toMatchObject({ status: 0, stderr: '' })
  expect(found('state')).toBe(0)
  expect(readFileSync(at('console'), 'utf8')).toMatch(/written over: 0 %, 0 min left/)
  expect(found('log')).toBeGreaterThan(FILES)
  expect(run('prepare-log')).toMatchObject({ status: 0, stderr: '' })
  expect(found('log')).toBe(0)
  // Whoever asked for the agent meanwhile heard why there is none.
  expect(JSON.parse(readFileSync(at('run', 'last-words.json'), 'utf8'))).toMatchObject({
    text: expect.stringContaining('written over: 0 %'),
    remedy: 'wait: the agent starts afterwards',
  })
  for (const it of ['state/.overwrite', 'log/.overwrite', 'state/reset', 'state/reset-log'])
    expect(existsSync(at(it))).toBe(false)
})

test.skipIf(!can).each([
  ['before the first zero', 'dd', 'kill -9 $PPID'],
  ['where the partition is full', 'dd', '/bin/dd "$@" || kill -9 $PPID; exit 0'],
])('cut off %s, the next start does the rest', { timeout: 60_000 }, (_, name, body) => {
  asked('all overwrite\n')
  for (const [script, it] of [
    ['erase-state', 'state'],
    ['prepare-log', 'log'],
  ] as const) {
    writeFileSync(at('bin', name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    run(script)
    // What was cut off was the program that writes over; its caller takes that for a disk that fails. The plug takes both.
    if (it === 'state') asked('all overwrite\n')
    rmSync(at('bin', name))
    expect(run(script)).toMatchObject({ status: 0, stderr: '' })
    expect(found(it)).toBe(0)
  }
  expect(existsSync(at('state', 'reset-log'))).toBe(false)
})

test.skipIf(!can)('a disk that takes no zeros: the agent does not start on it, and whoever asks is told to destroy it', () => {
  asked('all overwrite\n')
  writeFileSync(at('bin', 'dd'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect(run('erase-state').status).toBe(0)
  expect(readFileSync(at('console'), 'utf8')).toContain('cannot be written over: destroy it')
  expect(run('prepare-log').status).toBe(1)
  expect(JSON.parse(readFileSync(at('run', 'last-words.json'), 'utf8'))).toMatchObject({
    remedy: expect.stringContaining('destroy the disk'),
  })
})

test.skipIf(!can)('a link that the agent laid in the place of the zeros leads them nowhere', { timeout: 60_000 }, () => {
  const others = at('others')
  writeFileSync(others, 'of somebody else')
  asked('all overwrite\n')
  expect(run('erase-state').status).toBe(0)
  symlinkSync(others, at('log', '.overwrite'))
  expect(run('prepare-log')).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(others, 'utf8')).toBe('of somebody else')
  expect(found('log')).toBe(0)
})
