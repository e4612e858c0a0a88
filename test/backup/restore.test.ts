// Secrets and keys that come with settings: wherever the power goes, a start finds those before, or all of the new ones with their settings.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bring, settleBrought, takeBackBrought } from '../../src/agent-restore.ts'

const program = join(import.meta.dirname, 'restore.main.ts')
const [NEW, OLD] = ['n'.repeat(64), 'o'.repeat(64)]
const OPCUA = 'protocols/opcua/pki/own/certs/holdfast.pem'
/** One secret is replaced, one comes, one stays; one file is replaced, one comes. */
const BEFORE = { secrets: { cloud: 'old', mine: 'stays' }, key: 'old', certificate: undefined }
const AFTER = { secrets: { cloud: 'new', mine: 'stays', other: 'new too' }, key: 'new', certificate: 'new' }

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-bring-'))
  mkdirSync(join(dir, 'export'))
  writeFileSync(join(dir, 'export/box.key'), 'old')
  writeFileSync(join(dir, 'secrets.json'), JSON.stringify(BEFORE.secrets), { mode: 0o600 })
})
afterEach(() => rmSync(dir, { recursive: true }))

const read = (path: string) => (existsSync(join(dir, path)) ? readFileSync(join(dir, path), 'utf8') : undefined)
const found = () => ({
  secrets: JSON.parse(read('secrets.json') ?? '') as unknown,
  key: read('export/box.key'),
  certificate: read(OPCUA),
})
const cutAt = (cut: number) => spawnSync(process.execPath, [program, dir, NEW, String(cut)], { encoding: 'utf8' })

test.each([0, 1, 2, 3, 4])(
  'killed at step %i, before all was there: a start finds what was before, whatever its settings are',
  async (cut) => {
    expect(cutAt(cut).signal).toBe('SIGKILL')
    await settleBrought(dir, cut % 2 === 0 ? OLD : NEW)
    expect(found()).toEqual(BEFORE)
    expect(existsSync(join(dir, 'restore.json'))).toBe(false)
  },
)

test('killed once all was there: by the settings that a start finds it is all of the new, or nothing', async () => {
  const { signal, stdout } = cutAt(5)
  expect({ signal, stdout }).toEqual({ signal: 'SIGKILL', stdout: 'brought 5\n' })
  const kept = read('restore.json') ?? ''
  expect(found()).toEqual(AFTER)
  await settleBrought(dir, NEW)
  expect(found()).toEqual(AFTER)
  expect(existsSync(join(dir, 'restore.json'))).toBe(false)
  // The settings did not come to be written.
  writeFileSync(join(dir, 'restore.json'), kept)
  await settleBrought(dir, OLD)
  expect(found()).toEqual(BEFORE)
})

test('a start that goes back and is cut off itself is gone on from', async () => {
  cutAt(3)
  const kept = read('restore.json') ?? ''
  await settleBrought(dir, OLD)
  writeFileSync(join(dir, 'restore.json'), kept)
  await settleBrought(dir, OLD)
  expect(found()).toEqual(BEFORE)
})

test('what cannot be written is told, and nothing is left half-way', async () => {
  // In the place of a folder.
  writeFileSync(join(dir, 'protocols'), '')
  await expect(
    bring(dir, NEW, { secrets: { cloud: 'new' }, files: { 'export/box.key': 'bmV3', [OPCUA]: 'bmV3' } }),
  ).rejects.toThrow()
  expect(found()).toEqual(BEFORE)
  expect(existsSync(join(dir, 'restore.json'))).toBe(false)
})

test('taken back where the settings could not be put in force; with nothing to take back it does nothing', async () => {
  await bring(dir, NEW, { secrets: { cloud: 'new' }, files: { 'export/box.key': 'bmV3' } })
  await takeBackBrought(dir)
  expect(found()).toEqual(BEFORE)
  await takeBackBrought(dir)
  await settleBrought(dir, NEW)
  expect(found()).toEqual(BEFORE)
  // One that the disk has damaged keeps no box from starting.
  writeFileSync(join(dir, 'restore.json'), '{"state"')
  await settleBrought(dir, NEW)
  expect(found()).toEqual(BEFORE)
})
