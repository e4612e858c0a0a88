// What a start erases after a factory reset was asked for, by the scripts that ship, in folders of a test: what goes, what stays, and that a cut
// in the middle is gone on from.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deviceIdentity } from '../../src/settings/identity.ts'

const scripts = join(import.meta.dirname, '../../rootfs/usr/lib/holdfast')
const FOLDERS = [
  'agent/settings',
  'access',
  'host',
  'update',
  'rauc',
  'network',
  'time',
  'systemd',
  'iwd',
  'log',
  '.hidden',
  'lost+found',
]

let dir: string
let state: string
let log: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-reset-'))
  state = join(dir, 'state')
  log = join(dir, 'log')
  for (const it of FOLDERS) {
    mkdirSync(join(state, it), { recursive: true })
    writeFileSync(join(state, it, 'file'), 'old')
  }
  writeFileSync(join(state, 'agent', 'identity.json'), '{"id":"hf-drawn"}\n')
  mkdirSync(join(log, 'segments'), { recursive: true })
  writeFileSync(join(log, 'journal.db'), 'readings')
  // Users of the image, and whether a partition is mounted, are not this machine's.
  mkdirSync(join(dir, 'bin'))
  program('install', 'exit 0')
  program('mountpoint', `[ -e ${dir}/mounted ]`)
})
afterEach(() => rmSync(dir, { recursive: true }))

function program(name: string, body: string): void {
  writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(dir, 'bin', name), 0o755)
}
function run(script: string): void {
  const env = { PATH: `${join(dir, 'bin')}:${process.env['PATH']}`, STATE: state, LOG: log }
  const { status, stderr } = spawnSync(join(scripts, script), { env, encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
}
const asked = (text: string) => writeFileSync(join(state, 'reset'), text)
const left = () => readdirSync(state).toSorted()

test('without a word of it a start erases nothing, nor for a word that it does not know', () => {
  const before = left()
  run('erase-state')
  asked('')
  run('erase-state')
  asked('everything\n')
  run('erase-state')
  expect(left()).toEqual(before)
  expect(readFileSync(join(state, 'agent/settings/file'), 'utf8')).toBe('old')
  writeFileSync(join(dir, 'mounted'), '')
  run('prepare-log')
  expect(readdirSync(log)).toEqual(['journal.db', 'segments'])
})

test('all of it: what the slots hold stays, and the log goes once its partition is there', () => {
  asked('all\n')
  run('erase-state')
  expect(left()).toEqual(['lost+found', 'rauc', 'reset-log'])
  expect(readFileSync(join(state, 'rauc/file'), 'utf8')).toBe('old')
  run('prepare-log')
  expect(readdirSync(log)).toEqual(['journal.db', 'segments'])
  writeFileSync(join(dir, 'mounted'), '')
  run('prepare-log')
  expect(readdirSync(log)).toEqual([])
  expect(left()).toEqual(['lost+found', 'rauc'])
})

test('but the readings: the box is who it was, and the log is not touched, though one before was to erase it', async () => {
  writeFileSync(join(state, 'reset-log'), '')
  asked('keep hf-7f3a\n')
  run('erase-state')
  expect(left()).toEqual(['agent', 'lost+found', 'rauc'])
  expect(readdirSync(join(state, 'agent'))).toEqual(['identity.json'])
  expect(await deviceIdentity(join(state, 'agent'))).toBe('hf-7f3a')
  writeFileSync(join(dir, 'mounted'), '')
  run('prepare-log')
  expect(existsSync(join(log, 'journal.db'))).toBe(true)
})

test.each(['all\n', 'keep hf-7f3a\n'])('cut off in the middle, the next start does the rest: %s', (line) => {
  asked(line)
  // The power goes where the system has been told to write what it has.
  program('sync', 'kill -9 $PPID')
  const env = { PATH: `${join(dir, 'bin')}:${process.env['PATH']}`, STATE: state, LOG: log }
  expect(spawnSync(join(scripts, 'erase-state'), { env }).signal).toBe('SIGKILL')
  expect(left()).toContain('reset')
  mkdirSync(join(state, 'access'), { recursive: true })
  writeFileSync(join(state, 'access', 'left'), 'old')
  rmSync(join(dir, 'bin', 'sync'))
  run('erase-state')
  expect(left().filter((it) => it !== 'agent')).toEqual(
    line.startsWith('all') ? ['lost+found', 'rauc', 'reset-log'] : ['lost+found', 'rauc'],
  )
})

test('it is done before anything is mounted from there', () => {
  const prepare = readFileSync(join(scripts, 'prepare-state'), 'utf8')
  expect(prepare.indexOf('\n/usr/lib/holdfast/erase-state\n')).toBeGreaterThan(0)
  expect(prepare.indexOf('\n/usr/lib/holdfast/erase-state\n')).toBeLessThan(prepare.indexOf('\nfolder 0750'))
})
