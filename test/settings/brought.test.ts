// Secrets and keys that come with settings: all of them or none, whatever fails and whenever the box is killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bring, settleBrought } from '../../src/agent-restore.ts'
import { revisionOf } from '../../src/settings/history.ts'

const KILLS = 12
const KEY = 'export/box.key'
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-brought-'))
  mkdirSync(join(dir, 'export'))
  put('old')
  writeFileSync(join(dir, 'settings.yaml'), '# old\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function put(name: string): void {
  writeFileSync(join(dir, 'secrets.json'), JSON.stringify({ cloud: name }), { mode: 0o600 })
  writeFileSync(join(dir, KEY), name)
}

const secret = () => (JSON.parse(readFileSync(join(dir, 'secrets.json'), 'utf8')) as { cloud: string }).cloud
const key = () => readFileSync(join(dir, KEY), 'utf8')
const settings = () => readFileSync(join(dir, 'settings.yaml'), 'utf8').slice(2, -1)
const NEW = { secrets: { cloud: 'new' }, files: { [KEY]: Buffer.from('new').toString('base64') } }

test('a start between the keys and the settings goes back, one behind the settings goes on', async () => {
  await bring(dir, revisionOf('# new\n'), NEW)
  expect([secret(), key()]).toEqual(['new', 'new'])
  await settleBrought(dir, revisionOf('# old\n'))
  expect([secret(), key()]).toEqual(['old', 'old'])
  await bring(dir, revisionOf('# new\n'), NEW)
  await settleBrought(dir, revisionOf('# new\n'))
  expect([secret(), key()]).toEqual(['new', 'new'])
  expect(existsSync(join(dir, 'restore.json'))).toBe(false)
})

test('a key that cannot be written leaves the others, and the secrets, as they were', async () => {
  mkdirSync(join(dir, 'protocols'))
  writeFileSync(join(dir, 'protocols', 'opcua'), 'no folder')
  const files = { ...NEW.files, 'protocols/opcua/pki/own/certs/holdfast.pem': 'AA==' }
  await expect(bring(dir, revisionOf('# new\n'), { ...NEW, files })).rejects.toThrow()
  expect([secret(), key()]).toEqual(['old', 'old'])
})

test(`${KILLS} kills at any time: settings, secrets and keys are of one backup`, { timeout: 120_000 }, async () => {
  const main = join(import.meta.dirname, 'brought.main.ts')
  let between = 0
  for (let n = 0; n < KILLS; n++) {
    const child = spawn(process.execPath, [main, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    expect(child.exitCode).toBeNull()
    await sleep(20 + Math.random() * 150)
    const over = once(child, 'exit')
    child.kill('SIGKILL')
    await over
    if (existsSync(join(dir, 'restore.json'))) between++
    await settleBrought(dir, revisionOf(readFileSync(join(dir, 'settings.yaml'), 'utf8')))
    expect([secret(), key()]).toEqual([settings(), settings()])
  }
  expect(between).toBeGreaterThan(0)
})
